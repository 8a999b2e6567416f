"""What a type of request asks for: fields, steps with their checklists, and what intake does. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from service.errors import Fault, pointer_to
from service.ids import RequestTypeId, RequestTypeVersionId, ServiceId
from service.rationalization.verdicts import Gate
from service.rules.vocabulary import RequestType

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
NAMES_TOLD = 3


class Intake(StrEnum):
    """What becomes of a request whose fields are not as its type asks."""

    REFUSE = "refuse"
    FLAG = "flag"
    """It is accepted, and marked incomplete."""


class ItemKind(StrEnum):
    """What an item of a checklist is about."""

    FIVE_S = "5s"
    CONDUCT = "conduct"
    TECHNICAL = "technical"


class FiveS(StrEnum):
    """Which part of 5S."""

    SORT = "sort"
    SET_IN_ORDER = "set_in_order"
    SHINE = "shine"
    STANDARDIZE = "standardize"
    SUSTAIN = "sustain"


class Outcome(StrEnum):
    """What was noted of an item."""

    DONE = "done"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to look at in a step.

    Attributes:
        part: of 5S; None of the other kinds.
        obligatory: whether something must be noted of it before the request is resolved.
    """

    name: str
    title: str
    kind: ItemKind
    part: FiveS | None
    obligatory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStep:
    """A step of the work, and who does it."""

    name: str
    title: str
    role: str | None
    group: str | None
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A type as intake and running requests go by it: one published version.

    Attributes:
        fields: the JSON Schema of `request.custom`; None where whatever is said is taken.
        service_id: of the service that a request is for, if it names none.
        standard: whether a change of it is approved beforehand.
        requires: what must be there before work starts, whatever the verdict.
    """

    version_id: RequestTypeVersionId
    type_id: RequestTypeId
    name: str
    family: RequestType
    fields: Mapping[str, Any] | None
    intake: Intake
    service_id: ServiceId | None
    standard: bool
    requires: tuple[Gate, ...] = ()
    steps: tuple[WorkStep, ...] = ()

    @property
    def items(self) -> dict[str, Item]:
        return {item.name: item for step in self.steps for item in step.items}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDraft:
    """A type to be; its document as it was written."""

    name: str
    family: RequestType
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What somebody noted of an item of a request's checklist."""

    item: str
    outcome: Outcome
    reason: str | None
    evidence: str | None
    by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """A step of a request's work with what was noted of each of its items."""

    step: WorkStep
    marks: Mapping[str, Mark]


def marked(marks: Sequence[Mark]) -> dict[str, Mark]:
    """What holds of each item: what was noted last. `marks` are in their order."""
    return {mark.item: mark for mark in marks}


def open_items(steps: Iterable[WorkStep], marks: Mapping[str, Mark]) -> list[Fault]:
    """The obligatory items of which nothing was noted, each as a fault that points at it."""
    return [
        Fault(pointer_to("/checklist", item.name), f"{item.title}: nothing is noted of it yet.")
        for step in steps
        for item in step.items
        if item.obligatory and item.name not in marks
    ]


def unknown_name(name: str, known: Iterable[str]) -> Fault:
    """That there is no such type, and which are nearest."""
    names = sorted({*known, *(each.value for each in RequestType)})
    near = get_close_matches(name, names, n=NAMES_TOLD, cutoff=0.5)
    told = ", ".join(f"`{each}`" for each in near or names[: len(RequestType) + NAMES_TOLD])
    return Fault(
        "/type", f"There is no request type `{name[:64]}`; {'near it' if near else 'there'} are {told}."
    )
