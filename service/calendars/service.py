"""Use cases of this slice: load, decide, save. One public function per user intention."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.calendars import compute as computing
from service.calendars import countries, store
from service.calendars.compute import Answer
from service.calendars.domain import (
    BeyondHorizon,
    CalendarDefinition,
    CalendarInvalid,
    WorkingTime,
    compile_calendar,
    definition,
    from_expanded,
    parse_definition,
    zones,
)
from service.calendars.errors import CalendarNotFound, CalendarsUnknown, ComputationsTooMany
from service.calendars.models import CalendarRow, CalendarVersionRow
from service.db import TenantSession
from service.errors import Fault
from service.ids import CalendarId, ClientId, TenantId
from service.limits import service as limits
from service.limits.domain.table import CALENDARS
from service.names import faults_of_name
from service.recent import Recent

COMPUTATIONS_MAX = 100
"""Items of one call over HTTP."""

COMPILED_MAX = 512
"""A compiled calendar takes some 100 KB; one with the most intervals allowed, at most 10 MB."""

_compiled: Recent[tuple[TenantId, UUID], WorkingTime] = Recent(COMPILED_MAX)
"""Versions never change, so what is kept is never stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarVersion:
    """What a calendar said from `created_at` on. It never changes.

    Attributes:
        definition: as it was given.
        country_dates: the country's holidays as they stood when the version was made.
        tzdata_version: the release of the IANA database whose rules the version keeps.
    """

    id: UUID
    calendar_id: CalendarId
    version: int
    definition: Mapping[str, Any]
    country_dates: Sequence[str]
    tzdata_version: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A calendar. With a `client_id` it is that client organization's own, and others do not see it."""

    id: CalendarId
    client_id: ClientId | None
    name: str
    created_at: datetime
    current: CalendarVersion


@dataclass(frozen=True, slots=True)
class CalendarSource:
    """All that a calendar version is computed from.

    Attributes:
        expanded: its definition in the fixed spelling.
        zone_rules: the time zone's rules, as a TZif file.
    """

    expanded: Mapping[str, Any]
    zone_rules: bytes


async def create(
    session: TenantSession,
    actor: Actor,
    *,
    name: str,
    raw: Mapping[str, Any],
    client_id: ClientId | None = None,
    now: datetime,
) -> Calendar:
    """Create a calendar with its first version: of a client organization, or one that all of them share.

    The caller knows that there is such a client. Raises CalendarInvalid, CalendarNameTaken, CalendarsTooMany.
    """
    read = await asyncio.to_thread(_read, raw, now)
    _refuse(faults_of_name(name))
    await limits.make_room(session, CALENDARS, lambda: store.count(session))
    calendar_id, version_id = CalendarId(ids.new_id()), ids.new_id()
    row = await store.add(
        session, calendar_id, name=name, client_id=client_id, version_id=version_id, now=now
    )
    await _add_version(session, row, (raw, read), now=now)
    after = {"name": name, "client_id": client_id, "definition": raw}
    await audit.record(
        session, actor, Deed("calendar.created", f"calendar:{calendar_id}", after=after), now=now
    )
    return await get(session, calendar_id)


async def revise(
    session: TenantSession,
    actor: Actor,
    calendar_id: CalendarId,
    *,
    raw: Mapping[str, Any],
    now: datetime,
    name: str | None = None,
) -> Calendar:
    """Add a version and make it current. What was promised by an older one stays with it.

    Args:
        session: of the tenant.
        actor: who revises.
        calendar_id: which calendar.
        raw: what it says from now on.
        now: the tenant's now.
        name: its name, for a caller who sends back all there is; it cannot be changed.

    Raises:
        CalendarNotFound, CalendarInvalid
    """
    row, held = await store.get(session, calendar_id, lock=True)
    before = {"version": row.version, "definition": held.definition}
    if name not in {None, row.name}:
        _refuse([Fault("/name", f"A calendar keeps its name, {row.name!r}: policies refer to it.")])
    read = await asyncio.to_thread(_read, raw, now)
    row.version, row.version_id = row.version + 1, ids.new_id()
    await _add_version(session, row, (raw, read), now=now)
    await session.db.flush()
    subject, after = f"calendar:{calendar_id}", {"version": row.version, "definition": raw}
    await audit.record(session, actor, Deed("calendar.revised", subject, before=before, after=after), now=now)
    return await get(session, calendar_id)


async def get(session: TenantSession, calendar_id: CalendarId, *, lock: bool = False) -> Calendar:
    """A calendar with its current version. Raises CalendarNotFound."""
    return _calendar(*await store.get(session, calendar_id, lock=lock))


async def list_calendars(session: TenantSession, *, after: UUID | None, limit: int) -> list[Calendar]:
    return [_calendar(*stored) for stored in await store.listed(session, after=after, limit=limit)]


async def list_versions(
    session: TenantSession, calendar_id: CalendarId, *, after: UUID | None, limit: int
) -> list[CalendarVersion]:
    """The versions of a calendar, oldest first. Raises CalendarNotFound."""
    found = await store.versions(session, calendar_id, after=after, limit=limit)
    if not found and after is None:
        raise CalendarNotFound(calendar_id)
    return [_version(row) for row in found]


async def count(session: TenantSession) -> int:
    """How many calendars there are."""
    return await store.count(session)


async def names(session: TenantSession, *, client_id: ClientId | None = None) -> frozenset[str]:
    """The names of the calendars that all share, and with a `client_id` also of that client's own."""
    return await store.names(session, client_id=client_id)


async def current_versions(
    session: TenantSession, names: Collection[str], *, also: Collection[str] = ()
) -> dict[str, UUID]:
    """The current version of each calendar named, and of those that are there of the others.

    Raises:
        CalendarsUnknown: one of `names` is not there.
    """
    if not names and not also:
        return {}
    found = await store.current_versions(session, {*names, *also})
    if missing := set(names) - found.keys():
        raise CalendarsUnknown(missing)
    return found


async def working_time(session: TenantSession, version_id: UUID) -> WorkingTime:
    """A calendar version, ready to compute: by its own zone rules and holidays, whatever is installed now.

    Raises:
        CalendarNotFound: there is no such version.
    """
    kept = _compiled.get((session.tenant_id, version_id))
    if kept is not None:
        return kept
    compiled = compiled_from(await source(session, version_id))
    _compiled.put((session.tenant_id, version_id), compiled)
    return compiled


async def source(session: TenantSession, version_id: UUID) -> CalendarSource:
    """What a calendar version is computed from, for a process that cannot ask for it.

    Raises:
        CalendarNotFound: there is no such version.
    """
    row = await store.version(session, version_id)
    return CalendarSource(row.expanded, row.zone_rules)


async def source_of(raw: Mapping[str, Any], *, now: datetime) -> CalendarSource:
    """What a definition that is not saved is computed from. Raises CalendarInvalid."""
    read = await asyncio.to_thread(_read, raw, now)
    return CalendarSource(definition.expanded_json(read), zones.rules(read.tz))


async def version_named(session: TenantSession, name: str, version: int) -> UUID | None:
    """The id of a version of the calendar of this name, if there is one."""
    return await store.version_named(session, name, version)


def compiled_from(source: CalendarSource) -> WorkingTime:
    read = from_expanded(source.expanded)
    return compile_calendar(read, zone=zones.from_rules(read.tz, source.zone_rules))


async def compute(items: Sequence[object]) -> list[Answer]:
    """Answer every item `{id?, calendar, op, input}`, in order; see `compute.compute`.

    Raises:
        ComputationsTooMany
    """
    if len(items) > COMPUTATIONS_MAX:
        raise ComputationsTooMany(len(items), most=COMPUTATIONS_MAX)
    return await asyncio.to_thread(computing.compute, items, days_walked_max=computing.DAYS_WALKED_MAX)


def _read(raw: Mapping[str, Any], now: datetime) -> CalendarDefinition:
    """The definition in a body's `/definition`. A calendar that never opens again keeps no promise."""
    try:
        read = parse_definition(raw, country_dates=countries.dates)
    except CalendarInvalid as refusal:
        _refuse([replace(fault, pointer=f"/definition{fault.pointer}") for fault in refusal.faults])
        raise
    try:
        compile_calendar(read).next_open(now)
    except BeyondHorizon as refusal:
        raise CalendarInvalid([Fault("/definition", f"is never open from now on: {refusal}")]) from refusal
    return read


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise CalendarInvalid(faults)


async def _add_version(
    session: TenantSession,
    calendar: CalendarRow,
    content: tuple[Mapping[str, Any], CalendarDefinition],
    *,
    now: datetime,
) -> None:
    """Add the version that `calendar` points at, with its definition as it was given and as it was read."""
    raw, read = content
    await store.add_version(
        session,
        calendar.version_id,
        calendar_id=calendar.id,
        client_id=calendar.client_id,
        version=calendar.version,
        definition=dict(raw),
        expanded=definition.expanded_json(read),
        tzdata_version=zones.TZDATA_VERSION,
        zone_rules=zones.rules(read.tz),
        created_at=now,
    )


def _calendar(row: CalendarRow, current: CalendarVersionRow) -> Calendar:
    return Calendar(
        id=CalendarId(row.id),
        client_id=None if row.client_id is None else ClientId(row.client_id),
        name=row.name,
        created_at=row.created_at,
        current=_version(current),
    )


def _version(row: CalendarVersionRow) -> CalendarVersion:
    return CalendarVersion(
        id=row.id,
        calendar_id=CalendarId(row.calendar_id),
        version=row.version,
        definition=row.definition,
        country_dates=row.expanded.get(definition.COUNTRY_DATES, ()),
        tzdata_version=row.tzdata_version,
        created_at=row.created_at,
    )
