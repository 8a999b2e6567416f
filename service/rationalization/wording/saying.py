"""Which words are told, and what they say. Nothing is read or written here."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from service.rationalization.wording import engine, shipped
from service.rationalization.wording.domain import (
    MessageKind,
    Told,
    Value,
    Written,
    characters,
    languages,
    values,
)
from service.rationalization.wording.domain.spoken import Instant, Manner
from service.rationalization.wording.domain.values import Bound
from service.rationalization.wording.engine import Untold
from service.rationalization.wording.models import USUAL, Template
from service.rationalization.wording.shipped import Letter
from service.rationalization.wording.store import Stored
from service.tenants.domain import Contact

SUBJECT_CHARACTERS_MAX = 200

log = structlog.stdlib.get_logger(__name__)


def chosen(found: Sequence[Stored], wording: str | None, chain: Sequence[str]) -> Template | None:
    """The template that is told; None where the product's words come first.

    Somebody is told in its own language before it is told in the best of words.
    """
    by_place = {(row.language, row.wording): (row, current) for row, current in found}
    wordings = [USUAL] if wording is None else [wording, USUAL]
    for language in chain:
        for each in wordings:
            stored = by_place.get((language, each))
            if stored is not None:
                return stored[0].to_domain(stored[1])
        if language in shipped.LANGUAGES:
            return None
    return None


def said(template: Template, given: Mapping[str, Value | None], contact: Contact | None) -> Told:
    words = shipped.in_words(given, template.language)
    bound = values.bound(template.message, words, manner_for(template.language, contact))
    subject, text = told(template.written, bound)
    return Told(
        subject=subject,
        text=text,
        language=template.language,
        template_id=template.id,
        version=template.version,
    )


def in_own_words(
    kind: MessageKind,
    given: Mapping[str, Value | None],
    contact: Contact | None,
    chain: Sequence[str],
    *,
    failed: bool = False,
) -> Told:
    """The product's words; if not even they can be told of what is there, all that is there."""
    language = next(language for language in chain if language in shipped.LANGUAGES)
    bound = values.bound(kind, shipped.in_words(given, language), manner_for(language, contact))
    try:
        subject, text = told(shipped.words(language)[kind], bound)
    except Untold:
        log.exception("message told as a list", message=kind.value)
        return Told(subject=str(bound["request"]), text=_listed(bound), language=language, failed=True)
    return Told(subject=subject, text=text, language=language, failed=failed)


def in_letter(
    name: Letter, language: str, given: Mapping[str, str | datetime | None], contact: Contact
) -> tuple[str, str]:
    """The subject and the text of a mail in one of shipped.LANGUAGES. Raises Untold."""
    manner = manner_for(language, contact)
    bound: dict[str, Bound] = {}
    for each, value in given.items():
        if isinstance(value, datetime):
            bound[each] = Instant(value, manner)
        elif value:
            bound[each] = characters.harmless(value).strip()
    return told(shipped.letter(name, language), bound)


def told(written: Written, bound: Mapping[str, Bound]) -> tuple[str, str]:
    """What is said of what is there. Raises Unreadable, Untold."""
    subject = engine.read(written.subject).told(bound)
    text = engine.read(written.body).told(bound)
    if not subject or not text:
        raise Untold("It says nothing of what is there.", None)
    return characters.shortened(" ".join(subject.split()), SUBJECT_CHARACTERS_MAX), text


def _listed(bound: Mapping[str, Bound]) -> str:
    return "\n".join(", ".join(value) if isinstance(value, list) else str(value) for value in bound.values())


def manner_for(language: str, contact: Contact | None) -> Manner:
    """How instants are said in words of this language: if it is the contact's own, as in its country."""
    zone = None if contact is None else contact.time_zone
    own = None if contact is None else contact.language
    if own is not None and own.partition("-")[0] == language.partition("-")[0]:
        return Manner.named(own, zone)
    return Manner.named(None if language == languages.DEFAULT else language, zone)
