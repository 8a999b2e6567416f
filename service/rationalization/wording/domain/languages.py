"""Which languages words may be in, and which of them somebody is told in. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from service.errors import Fault

DEFAULT = "en"
"""In which whoever is not known, or speaks none of the languages there are words in, is told."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)
ACCEPTED_MAX = 20
"""Of so many languages in a header Accept-Language is the best looked for."""

_ACCEPTED = re.compile(r"\s*([A-Za-z0-9-]{2,35})\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII)


def faults_of_language(tag: str) -> list[Fault]:
    """What is wrong with a BCP 47 tag that words are to be found under."""
    if LANGUAGE.fullmatch(tag) is None:
        return [Fault("/language", "Not a language tag such as de or de-AT.")]
    if locale_of(tag) is None:
        return [Fault("/language", "No language whose dates and names are known; such as de or pt-BR are.")]
    return []


def locale_of(tag: str) -> Locale | None:
    """How dates are said in that language; None where that is not known."""
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def chain(tag: str | None) -> tuple[str, ...]:
    """In which languages somebody understands what it is told, best first; DEFAULT is among them.

    What is written for one script is not for readers of another: `zh-TW` goes on to `zh-Hant`, never to `zh`.
    """
    return tuple(dict.fromkeys([*_understood(tag), DEFAULT]))


def first_known(tags: Iterable[str | None], known: Collection[str]) -> tuple[str, str | None]:
    """The first of `known` that is understood by who speaks these, best first, with its own tag for it.

    DEFAULT without a tag where none of them is known.
    """
    for tag in tags:
        for language in _understood(tag):
            if language in known:
                return language, tag
    return DEFAULT, None


def accepted(header: str | None) -> tuple[str, ...]:
    """The languages that a header Accept-Language asks for, best first (RFC 9110), without what is none."""
    found: list[tuple[float, str]] = []
    for part in (header or "").split(",", ACCEPTED_MAX)[:ACCEPTED_MAX]:
        asked = _ACCEPTED.fullmatch(part)
        weight = 0.0 if asked is None else float(asked[2] or 1)
        if asked is not None and weight > 0:
            found.append((weight, _normal(asked[1])))
    return tuple(tag for _, tag in sorted(found, key=lambda each: -each[0]))


def _normal(tag: str) -> str:
    """The tag in the case that BCP 47 recommends, as LANGUAGE has it."""
    language, *rest = tag.split("-")
    parts = [part.title() if len(part) == len("Latn") else part.upper() for part in rest]
    return "-".join([language.lower(), *parts])


def _understood(tag: str | None) -> tuple[str, ...]:
    """What somebody who speaks this language reads as its own, best first."""
    if tag is None or LANGUAGE.fullmatch(tag) is None:
        return ()
    language, script = tag.split("-")[0], _script(tag)
    found = [tag]
    if script is not None:
        found.append(f"{language}-{script}")
    if script is None or script == _script(language):
        found.append(language)
    return tuple(dict.fromkeys(found))


def _script(tag: str) -> str | None:
    """The script that the language is written in, as it says itself, or as is likely."""
    parts = tag.split("-")
    if len(parts) > 1 and len(parts[1]) > len("DE") and parts[1].isalpha():
        return parts[1]
    likely: Mapping[str, str] = get_global("likely_subtags")
    full = likely.get("_".join(parts)) or likely.get(parts[0])
    return None if full is None else full.split("_")[1]
