"""Looks at the document of a version, when it is saved and before it is published."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from service.db import TenantSession
from service.errors import Fault
from service.ids import PolicyId
from service.rules import beside, documents, findings, lint, testing
from service.rules.checks.ladders import Ladder
from service.rules.checks.surroundings import Hours
from service.rules.domain import Document, Entry, Kind, Saved
from service.rules.errors import PolicyInvalid
from service.rules.findings import Finding, Refused
from service.rules.models import PolicyRow
from service.rules.service import Rulebook
from service.rules.testing import TestResult

Calendars = Callable[[Collection[str]], Awaitable[Mapping[str, Hours]]]
"""Tells, of the calendars with these names, those that there are, ready to compute."""


Ladders = Callable[[Collection[str]], Awaitable[Mapping[str, Ladder]]]
"""Tells, of the ladders with these names, those that there are, each with what is found in it."""


Registers = Callable[[Collection[Entry]], Awaitable[Collection[Entry]]]
"""Tells, of what outcomes name, that which some register has."""


@dataclass(frozen=True, slots=True)
class Means:
    """What publishing needs beside the database. Without `registers` nobody looks for what is named."""

    rulebook: Rulebook
    calendars: Calendars
    ladders: Ladders
    registers: Registers | None = None


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


async def to_publish(
    session: TenantSession, means: Means, row: PolicyRow, saved: Saved, *, now: datetime
) -> tuple[Document, list[Finding]]:
    """The document of a version of a policy, and what is found in it that does not hold it up.

    Raises:
        PolicyInvalid: something that is found does.
    """
    kind = kind_of(means.rulebook, row.kind)
    read, found = await asyncio.to_thread(_examine, saved, kind)
    counted_by = frozenset[str]().union(*(kind.calendars_of(rule.outcome) for rule in read.rules))
    climbed = {each.ladder for rule in read.rules for each in kind.climbed_of(rule.outcome)}
    named = {each.entry for rule in read.rules for each in kind.names_of(rule.outcome)}
    around = replace(
        await beside.surroundings(session, means.rulebook, kind, read, policy_id=PolicyId(row.id), now=now),
        calendars=await means.calendars(counted_by),
        ladders=await means.ladders(climbed),
        promised=await beside.promised(session, means.rulebook, now=now) if climbed else (),
        there=None if means.registers is None else await means.registers(named),
    )
    found += beside.in_body(await asyncio.to_thread(lint.find_around, saved.document, read, kind, around))
    held_up = findings.holding_up(found, Refused.SAVING, Refused.PUBLISHING)
    if held_up:
        raise PolicyInvalid([finding.fault for finding in held_up])
    return read, findings.gravest_first(found)


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
    return read, beside.in_body(found)
