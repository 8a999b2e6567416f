"""The words of the pages that requesters open by a link, in the languages that they are shown in."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from service.commitments.renegotiation.domain import RemedyKind
from service.commitments.renegotiation.domain import State as RenegotiationState
from service.rationalization.arrangements.domain import State
from service.rationalization.specials.domain import State as SpecialState
from service.rationalization.wording import shipped
from service.rationalization.wording.domain import languages
from service.rationalization.wording.domain.spoken import Manner
from service.tenants.domain import Contact


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page that only says something."""

    title: str
    text: str


class ArrangementWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the page of an arrangement says. `known_by` and `exceptions` take an instant, `at`.

    `exceptions` stands for `states` where something was asked for that deviates from the norm.
    """

    title: str
    stands: str
    message: str
    start: str
    end: str
    priority: str
    scope: str
    type: str
    offered: str
    channel: str
    objections: str
    silence: str
    accept: str
    object: str
    objection: str
    why_if_not: str
    why: str
    why_hint: str
    taken: str
    raised: str
    raised_before: str
    known_by: str
    upheld: str
    rejected: str
    choose: str
    say_why: str
    no_more: str
    too_many: str
    states: dict[State, str]
    exceptions: dict[SpecialState, str]


class RenegotiationWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the page of a renegotiation says. `title` and `write_to` take a `tenant`, `when_hint` a `zone`.

    `deeds` is what is promised where nobody said it in words, and `deed` where it is nothing of these.
    """

    title: str
    what: str
    original: str
    why: str
    tried: str
    offered: str
    yes_by_silence: str
    no_by_silence: str
    one_answer: str
    agree: str
    other_time: str
    decline: str
    when: str
    when_hint: str
    comment: str
    choose: str
    say_when: str
    not_past: str
    over: str
    silent: str
    about: str
    write_to: str
    deed: str
    deeds: dict[str, str]
    remedies: dict[RemedyKind, str]
    ends: dict[RenegotiationState, str]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all of these pages say. `until` takes an instant, `at`; `too_long` how many may be at `most`.

    `between` stands between two sentences.
    """

    error: str
    fault: str
    request: str
    sent_by: str
    reason: str
    answer: str
    until: str
    send: str
    thanks: str
    between: str
    too_long: str
    private: str
    report: str
    unknown: Said
    too_often: Said
    form: Said
    too_large: Said
    unavailable: Said
    failed: Said
    arrangement: ArrangementWords
    renegotiation: RenegotiationWords


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of one language with its tag, and how instants are said among them."""

    language: str
    words: Words
    manner: Manner


def spoken(contact: Contact | None, accepted: str | None) -> Spoken:
    """The words for a reader: in the contact's language, else in one of those that the browser asks for.

    Args:
        contact: who asked, where that is known; instants are said in its time zone.
        accepted: the header Accept-Language.
    """
    own = None if contact is None else contact.language
    language, tag = languages.first_known([own, *languages.accepted(accepted)], shipped.LANGUAGES)
    return Spoken(
        language, words(language), Manner.named(tag, None if contact is None else contact.time_zone)
    )


@cache
def words(language: str) -> Words:
    """The words of one of shipped.LANGUAGES."""
    text = files("service.api.pages").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Words)
