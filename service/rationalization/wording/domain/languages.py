"""Which languages words may be in, and which of them somebody is told in. Pure."""

import re
from collections.abc import Mapping

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from service.errors import Fault

DEFAULT = "en"
"""In which whoever is not known, or speaks none of the languages there are words in, is told."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)


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
    if tag is None or LANGUAGE.fullmatch(tag) is None:
        return (DEFAULT,)
    language, script = tag.split("-")[0], _script(tag)
    found = [tag]
    if script is not None:
        found.append(f"{language}-{script}")
    if script is None or script == _script(language):
        found.append(language)
    return tuple(dict.fromkeys([*found, DEFAULT]))


def _script(tag: str) -> str | None:
    """The script that the language is written in, as it says itself, or as is likely."""
    parts = tag.split("-")
    if len(parts) > 1 and len(parts[1]) > len("DE") and parts[1].isalpha():
        return parts[1]
    likely: Mapping[str, str] = get_global("likely_subtags")
    full = likely.get("_".join(parts)) or likely.get(parts[0])
    return None if full is None else full.split("_")[1]
