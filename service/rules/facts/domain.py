"""A fact that a tenant declares, and what is wrong with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.errors import Fault, pointer_to
from service.ids import FactId
from service.rules.domain import Document, Saved
from service.rules.language.declare import declarations_from_json
from service.rules.language.types import KNOWN_TYPES, NUMBERS, type_from_text
from service.rules.vocabulary import OWN_PREFIXES, read_by
from service.tenants.profiles import FACT_NAME

UNIT_CHARACTERS_MAX = 40
DESCRIPTION_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FactEntry:
    """What is said of a fact.

    Attributes:
        name: such as `request.custom.site`; it never changes.
        type: as it is written: `string`, `list<int>`.
        values: the only values that it takes; None when any value of the type may come.
        unit: of a number, in the tenant's own words.
    """

    name: str
    type: str
    values: Sequence[Any] | None = None
    unit: str | None = None
    description: str

    def form(self) -> dict[str, Any]:
        """As a policy's document would declare it."""
        return {"type": self.type} | ({} if self.values is None else {"values": list(self.values)})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFact:
    id: FactId
    entry: FactEntry
    version: int
    created_at: datetime


def faults_of(entry: FactEntry, others: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    """What is wrong with a declaration.

    Args:
        entry: what is said.
        others: the forms of the tenant's other facts, by name.
    """
    return _faults_of_name(entry.name) + _faults_of_form(entry, others) + _faults_of_words(entry)


def pinned(saved: Saved, read: Document) -> Saved:
    """The document with those of the tenant's facts that it reads and does not declare by itself."""
    stated: Mapping[str, Any] = saved.document.get("facts") or {}
    names = read_by(saved.declared, read.reads) - stated.keys()
    return Saved(saved.document, {name: saved.declared[name] for name in sorted(names)})


def _faults_of_name(name: str) -> list[Fault]:
    prefix = next((prefix for prefix in OWN_PREFIXES if name.startswith(prefix)), None)
    if prefix is None:
        return [Fault("/name", f"A fact of your own is declared under {' or '.join(OWN_PREFIXES)} only.")]
    if not name.isprintable():
        return [Fault("/name", "A fact's name has printable characters only.")]
    if prefix == "client.custom." and not FACT_NAME.fullmatch(name.removeprefix(prefix)):
        return [
            Fault(
                "/name",
                "A client's profile can have no such name: write up to 64 lower-case letters, digits and"
                " underscores after client.custom., beginning with a letter.",
            )
        ]
    return []


def _faults_of_form(entry: FactEntry, others: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    if type_from_text(entry.type) is None:
        return [Fault("/type", f"`{entry.type[:40]}` is no type; known are {KNOWN_TYPES}.")]
    alone = declarations_from_json({entry.name: entry.form()}).faults
    beside = () if alone else declarations_from_json({**others, entry.name: entry.form()}).faults
    place = pointer_to("", entry.name)
    found = [(fault.pointer.removeprefix(place), fault.message) for fault in (*alone, *beside)]
    return [Fault(below if below.startswith("/values") else "/name", message) for below, message in found]


def _faults_of_words(entry: FactEntry) -> list[Fault]:
    faults: list[Fault] = []
    if not _is_said(entry.description, DESCRIPTION_CHARACTERS_MAX):
        message = f"A description has 1 to {DESCRIPTION_CHARACTERS_MAX} printable characters."
        faults.append(Fault("/description", message))
    if entry.unit is not None and type_from_text(entry.type) not in NUMBERS:
        faults.append(Fault("/unit", "Only a number, an int or a double, has a unit; leave it out."))
    elif entry.unit is not None and not _is_said(entry.unit, UNIT_CHARACTERS_MAX):
        faults.append(Fault("/unit", f"A unit has 1 to {UNIT_CHARACTERS_MAX} printable characters."))
    return faults


def _is_said(text: str, characters_max: int) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= characters_max
