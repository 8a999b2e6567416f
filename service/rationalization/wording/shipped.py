"""The product's own words for every message, in the languages that they are shipped in."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from service.rationalization.wording.domain import MessageKind, Value, Written, languages

LANGUAGES = ("de", "en", "es", "fr", "zh")

Words = Mapping[MessageKind, Written]


@cache
def words(language: str) -> Words:
    """All messages in one of LANGUAGES."""
    text = files("service.rationalization.wording").joinpath("shipped", f"{language}.toml")
    found = tomllib.loads(text.read_text(encoding="utf-8"))
    return {MessageKind(name): Written(**written) for name, written in found.items()}


def in_words(given: Mapping[str, Value | None], language: str) -> dict[str, Value | None]:
    """The same, with the kinds of gates that are awaited in words; of another language in English."""
    awaited = given.get("awaited")
    if not isinstance(awaited, Sequence) or isinstance(awaited, str):
        return dict(given)
    spoken = next(each for each in languages.chain(language) if each in LANGUAGES)
    return {**given, "awaited": [_gates()[spoken].get(each, each) for each in awaited]}


def gates() -> frozenset[str]:
    """The kinds of gates that there are words for: what somebody has to bring, and not when work is done."""
    return frozenset(_gates()[languages.DEFAULT])


@cache
def _gates() -> Mapping[str, Mapping[str, str]]:
    text = files("service.rationalization.wording").joinpath("shipped", "gates.toml")
    return tomllib.loads(text.read_text(encoding="utf-8"))
