"""The product's own words for every message, in the languages that they are shipped in."""

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from service.rationalization.wording.domain import MessageKind, Value, Written, languages

LANGUAGES = ("de", "en", "es", "fr", "zh")

Words = Mapping[MessageKind, Written]


class Letter(StrEnum):
    """A mail that carries a link."""

    PROPOSAL = "proposal"
    VERDICT = "verdict"


@cache
def words(language: str) -> Words:
    """All messages in one of LANGUAGES."""
    return {MessageKind(name): Written(**written) for name, written in _read(language).items()}


def letter(name: Letter, language: str) -> Written:
    """A mail in one of LANGUAGES."""
    return Written(**_read("letters")[language][name])


def in_words(given: Mapping[str, Value | None], language: str) -> dict[str, Value | None]:
    """The same, with what programs have names for in words; of another language in English."""
    found = dict(given)
    awaited, type_ = given.get("awaited"), given.get("proposed_type")
    if isinstance(awaited, Sequence) and not isinstance(awaited, str):
        known = _values(language)["gates"]
        found["awaited"] = [known.get(each, each) for each in awaited]
    if isinstance(type_, str):
        found["proposed_type"] = type_in_words(type_, language)
    return found


def type_in_words(type_: str | None, language: str) -> str | None:
    """What a type of request is called; what a tenant calls a type of its own is words already."""
    return None if type_ is None else _values(language)["types"].get(type_, type_)


def gates() -> frozenset[str]:
    """The kinds of gates that there are words for: what somebody has to bring, and not when work is done."""
    return frozenset(_values(languages.DEFAULT)["gates"])


def _values(language: str) -> Mapping[str, Mapping[str, str]]:
    known, _ = languages.first_known([language], LANGUAGES)
    return _read("values")[known]


@cache
def _read(name: str) -> Mapping[str, Any]:
    text = files("service.rationalization.wording").joinpath("shipped", f"{name}.toml")
    return tomllib.loads(text.read_text(encoding="utf-8"))
