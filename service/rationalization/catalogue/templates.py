"""Types of request that are shipped to begin with: one for each process, in the files of `templates/`."""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from service.rationalization.catalogue.errors import TemplateUnknown
from service.rules.vocabulary import RequestType


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clause of ISO/IEC 20000-1:2018, by its number and title."""

    number: str
    title: str


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A type to begin with. What it says is a draft of whoever takes it."""

    name: str
    family: RequestType
    clause: Clause
    document: dict[str, Any]


@cache
def shipped() -> dict[str, Template]:
    """All of them, by name."""
    folder = files("service.rationalization.catalogue") / "templates"
    texts = [each.read_bytes() for each in folder.iterdir() if each.name.endswith(".json")]
    found = [msgspec.json.decode(text, type=Template) for text in texts]
    return {template.name: template for template in sorted(found, key=lambda each: each.name)}


def named(name: str) -> Template:
    """One of them. Raises TemplateUnknown."""
    template = shipped().get(name)
    if template is None:
        raise TemplateUnknown(name)
    return template
