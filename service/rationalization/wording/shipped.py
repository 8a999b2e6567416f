"""The product's own words for every message, in the languages that they are shipped in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from service.rationalization.wording.domain import MessageKind, Written

LANGUAGES = ("de", "en", "es", "fr", "zh")

Words = Mapping[MessageKind, Written]


@cache
def words(language: str) -> Words:
    """All messages in one of LANGUAGES."""
    text = files("service.rationalization.wording").joinpath("shipped", f"{language}.toml")
    found = tomllib.loads(text.read_text(encoding="utf-8"))
    return {MessageKind(name): Written(**written) for name, written in found.items()}
