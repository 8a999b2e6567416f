"""The words of the page behind a link to an arrangement, in the languages that it is shown in."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from service.rationalization.arrangements.domain import State
from service.rationalization.wording.domain import languages

LANGUAGES = ("de", "en", "es", "fr", "zh")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the page says. `too_long` takes how many characters there may be at `most`."""

    title: str
    request: str
    sent_by: str
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
    until: str
    silence: str
    answer: str
    accept: str
    object: str
    objection: str
    why: str
    why_hint: str
    send: str
    thanks: str
    taken: str
    raised: str
    raised_before: str
    upheld: str
    rejected: str
    reason: str
    once: str
    fault: str
    choose: str
    say_why: str
    too_long: str
    no_more: str
    too_many: str
    states: dict[State, str]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The words of one language, and its tag."""

    language: str
    words: Words


def spoken(tag: str | None) -> Spoken:
    """The words for somebody who speaks this language; English where that is not known."""
    language = next(language for language in languages.chain(tag) if language in LANGUAGES)
    return Spoken(language, words(language))


@cache
def words(language: str) -> Words:
    """The words of one of LANGUAGES."""
    text = files("service.api.pages").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Words)
