"""What may be said of a client organization and of its people, and what is wrong with it. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite

from service.errors import Fault, pointer_to
from service.names import faults_of_name

PROFILE_FACTS_MAX = 50
PROFILE_TEXT_CHARACTERS_MAX = 500
INTEGER_MAX = 2**53
"""Whole numbers up to here are the same in every JSON parser."""

FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
EMAIL = re.compile(r"[^\s@\"<>(),:;\\\[\]]{1,64}@[^\s@\"<>(),:;\\\[\]_]{1,253}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,38}[0-9]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEntry:
    """What is registered of a contact; see `domain.Contact`."""

    name: str
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    time_zone: str | None = None


def faults_of_profile(profile: Mapping[str, object]) -> list[Fault]:
    """What is wrong with a profile: a flat map of texts, numbers and booleans, by plain names."""
    if len(profile) > PROFILE_FACTS_MAX:
        return [Fault("/profile", f"A profile has at most {PROFILE_FACTS_MAX} facts.")]
    return [
        Fault(pointer_to("/profile", name), detail)
        for name, value in profile.items()
        if (detail := _doubt(name, value)) is not None
    ]


def faults_of_contact(entry: ContactEntry, zones: Collection[str]) -> list[Fault]:
    """What is wrong with a contact; `zones` are the names of time zones that there are."""
    faults = faults_of_name(entry.name)
    if entry.time_zone is not None and entry.time_zone not in zones:
        faults.append(Fault("/time_zone", "Not a name of the IANA database such as Europe/Berlin."))
    if entry.external_id is not None and not _is_plain(entry.external_id):
        faults.append(Fault("/external_id", "An external id is printable text."))
    checks = (
        ("/email", entry.email, EMAIL, "Not an e-mail address such as ann@example.com."),
        ("/phone", entry.phone, PHONE, "Not a telephone number such as +49 30 1234567."),
        ("/language", entry.language, LANGUAGE, "Not a language tag such as de or de-AT."),
    )
    return faults + [
        Fault(pointer, detail)
        for pointer, value, form, detail in checks
        if value is not None and not (form.fullmatch(value) and value.isprintable())
    ]


def _doubt(name: str, value: object) -> str | None:
    if not FACT_NAME.fullmatch(name):
        return "A fact's name has lower-case letters, digits and underscores, at most 64, a letter first."
    match value:
        case bool():
            return None
        case str() if _is_plain(value) and len(value) <= PROFILE_TEXT_CHARACTERS_MAX:
            return None
        case int() if abs(value) <= INTEGER_MAX:
            return None
        case float() if isfinite(value):
            return None
        case _:
            return (
                f"A fact is printable text of at most {PROFILE_TEXT_CHARACTERS_MAX} characters, a number"
                " up to 2^53, or true or false."
            )


def _is_plain(value: str) -> bool:
    return bool(value.strip()) and value.isprintable()
