"""Looks at the document of a version, when it is saved and before it is published."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.errors import Fault
from service.rules import documents, findings, lint, testing
from service.rules.domain import Document, Kind, Saved
from service.rules.errors import PolicyInvalid
from service.rules.findings import Finding, Refused
from service.rules.lint import Surroundings
from service.rules.service import Rulebook
from service.rules.testing import TestResult

Calendars = Callable[[Collection[str]], Awaitable[Mapping[str, object]]]
"""Tells, of the calendars with these names, those that there are, ready to compute."""


@dataclass(frozen=True, slots=True)
class Means:
    """What publishing needs beside the database."""

    rulebook: Rulebook
    calendars: Calendars


def kind_of(rulebook: Rulebook, name: str) -> Kind:
    kind = rulebook.kinds.get(name)
    if kind is None:
        known = ", ".join(sorted(rulebook.kinds))
        raise PolicyInvalid([Fault("/kind", f"{name!r} is not a kind of policy; known are {known}.")])
    return kind


async def to_save(saved: Saved, kind: Kind) -> tuple[Document, list[Finding]]:
    """The document in a body's `/document`, and what is found in it. Raises PolicyInvalid."""
    return await asyncio.to_thread(_examine, saved, kind)


async def to_test(saved: Saved, kind: Kind) -> list[TestResult]:
    """What becomes of the tests that are stored with a version."""
    return await asyncio.to_thread(lambda: testing.run(saved.document, _read(saved, kind), kind))


async def to_publish(means: Means, kind: Kind, saved: Saved, *, now: datetime) -> Document:
    """The document, if nothing that is found in it holds up its publication. Raises PolicyInvalid."""
    read, found = await asyncio.to_thread(_examine, saved, kind)
    names = frozenset[str]().union(*(kind.calendars_of(rule.outcome) for rule in read.rules))
    around = Surroundings(calendars=await means.calendars(names), now=now)
    found += in_body(await asyncio.to_thread(lint.find_around, saved.document, read, kind, around))
    held_up = findings.holding_up(found, Refused.SAVING, Refused.PUBLISHING)
    faults = [finding.fault for finding in held_up] or _unknown_calendars(read, kind, around.calendars)
    if faults:
        raise PolicyInvalid(faults)
    return read


def in_body(found: Sequence[Finding]) -> list[Finding]:
    """Findings of a document, with where they are in a body."""
    return [replace(finding, pointer=f"/document{finding.pointer}") for finding in found]


def _read(saved: Saved, kind: Kind) -> Document:
    try:
        return documents.read(saved.document, kind, own=saved.declared)
    except PolicyInvalid as refusal:
        faults = [replace(fault, pointer=f"/document{fault.pointer}") for fault in refusal.faults]
        raise PolicyInvalid(faults) from refusal


def _examine(saved: Saved, kind: Kind) -> tuple[Document, list[Finding]]:
    read = _read(saved, kind)
    failed = testing.findings(testing.run(saved.document, read, kind))
    found = findings.gravest_first([*lint.find(saved.document, read, kind), *failed])
    return read, in_body(found)


def _unknown_calendars(document: Document, kind: Kind, calendars: Collection[str]) -> list[Fault]:
    return [
        Fault(f"/document/rules/{index}/then", f"There is no calendar {name!r}; create it first.")
        for index, rule in enumerate(document.rules)
        for name in sorted(kind.calendars_of(rule.outcome))
        if name not in calendars
    ]
