"""Loads what a ladder and a promise go by, and has the one climbed for the other. Nothing is written."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from service import instants
from service.calendars import service as calendars
from service.calendars.domain import WorkingTime
from service.calendars.errors import CalendarsUnknown
from service.commitments import promises
from service.commitments import service as commitments
from service.commitments.domain import CalendarKey, EntryId, Started, marks
from service.commitments.domain.marks import Anchor, Mark
from service.commitments.models import Commitment
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders import resolving
from service.escalations.ladders.domain import Definition, Situation, ToRota
from service.escalations.previews import domain
from service.escalations.previews.domain import Climb, Foreseen
from service.escalations.previews.errors import PreviewInvalid
from service.escalations.rotas import service as rotas
from service.escalations.rotas.domain import Rota
from service.escalations.runs import store as runs
from service.ids import CommitmentId, MemberId
from service.rules.errors import OutcomeInvalid
from service.tenants import contacts, maintenance, spells
from service.tenants import service as tenants

HOURS_MAX = 31 * 24

_BREACH = timedelta.resolution
"""A promise is broken as soon as its due is past."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """A promise that nobody made.

    Attributes:
        written: as a rule of a commitment policy writes it.
    """

    started_at: datetime
    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be foreseen.

    Attributes:
        promise: which climbs the ladder.
        situation: of the request; what a promise that there is says of it counts before.
        since: None for now, or for the start of a promise that is supposed.
        hours: how far to look.
    """

    promise: CommitmentId | Supposed
    situation: Situation
    since: datetime | None
    hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What is foreseen.

    Attributes:
        definition: the ladder that is climbed.
        due_at: when the promise is due; None while it is paused.
        rotas: by name, those that the ladder names.
        hours: the calendars in whose hours its targets are told, by name.
        calendar: that the promise counts by, if any.
    """

    definition: Definition
    foreseen: Foreseen
    since: datetime
    until: datetime
    due_at: datetime | None
    rotas: Mapping[str, Rota]
    hours: Mapping[str, WorkingTime]
    calendar: WorkingTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promise:
    """A promise as far as a ladder hangs on it: the instants of the steps, and last the due."""

    started_at: datetime
    ended_at: datetime | None
    instants: Sequence[datetime | None]
    situation: Situation
    calendar: WorkingTime | None = None


async def preview(session: TenantSession, definition: Definition, asked: Asked, *, now: datetime) -> Preview:
    """What a ladder would tell of a promise, were it climbed since the promise began. Nothing is written.

    Raises:
        PreviewInvalid, CommitmentNotFound, ClientNotFound, ContactNotFound, ServiceNotFound, BeyondHorizon
    """
    since = _since(asked, now)
    await _look_up(session, asked.situation)
    until = since + timedelta(hours=asked.hours)
    promise = await _promise(session, definition, asked, until=until, now=now)
    targets = [target for step in definition.steps for target in step.targets]
    named = {target.who.rota for target in targets if isinstance(target.who, ToRota)}
    begun_at = min(promise.started_at, since)
    found = await rotas.rotas_named(session, named, since=begun_at)
    hours = await resolving.load_hours(session, targets)
    climb = Climb(
        definition=definition,
        instants=promise.instants[:-1],
        begun_at=promise.started_at,
        ended_at=promise.ended_at,
        situation=promise.situation,
        directory=await resolving.load_directory(
            session, targets, promise.situation, besides=_on_duty(found)
        ),
        rotas=found,
        hours=hours,
        maintenance=await _maintenance(session, promise, since=begun_at),
    )
    return Preview(
        definition=definition,
        foreseen=await asyncio.to_thread(domain.foresee, climb, since, until),
        since=since,
        until=until,
        due_at=promise.instants[-1],
        rotas=found,
        hours=hours,
        calendar=promise.calendar,
    )


def _since(asked: Asked, now: datetime) -> datetime:
    begins = asked.promise.started_at if isinstance(asked.promise, Supposed) else now
    named = {"/from": asked.since or begins, "/promise/started_at": begins}
    faults = [Fault(place, instants.refusal(at)) for place, at in named.items() if not instants.is_usable(at)]
    if faults:
        raise PreviewInvalid(faults)
    return named["/from"].astimezone(UTC)


async def _look_up(session: TenantSession, situation: Situation) -> None:
    """Raises ClientNotFound, ContactNotFound."""
    if situation.client_id is not None:
        await tenants.get_client(session, situation.client_id)
    if situation.contact_id is not None:
        await contacts.get(session, situation.contact_id)


async def _promise(
    session: TenantSession, definition: Definition, asked: Asked, *, until: datetime, now: datetime
) -> _Promise:
    wanted = [*(step.at for step in definition.steps), Mark(anchor=Anchor.DUE)]
    if isinstance(asked.promise, Supposed):
        return await _supposed(session, asked.promise, asked.situation, wanted, until=until)
    return await _made(session, asked.promise, asked.situation, wanted, until=until, now=now)


async def _made(
    session: TenantSession,
    commitment_id: CommitmentId,
    situation: Situation,
    wanted: Sequence[Mark],
    *,
    until: datetime,
    now: datetime,
) -> _Promise:
    """A promise that there is, if nothing more happens to it."""
    account = await commitments.get(session, commitment_id, client_id=None, now=now)
    commitment, counted_by = account.commitment, account.standing.current.segments[-1].terms.calendar

    async def known_at(at: datetime) -> list[datetime | None]:
        return (await commitments.instants(session, [commitment_id], wanted, now=at))[commitment_id]

    found = await known_at(until)
    due_at = found[-1]
    if due_at is not None and due_at >= until:
        found = await known_at(due_at + _BREACH)
    return _Promise(
        started_at=commitment.started_at,
        ended_at=commitment.fulfilled_at or commitment.cancelled_at,
        instants=found,
        situation=await _situation(session, commitment, situation),
        calendar=None if counted_by is None else await calendars.working_time(session, UUID(counted_by)),
    )


async def _situation(session: TenantSession, commitment: Commitment, said: Situation) -> Situation:
    """What is known of the promise's request; where that is not known, what was said."""
    known = replace(
        said,
        client_id=commitment.client_id or said.client_id,
        service_id=commitment.service_id or said.service_id,
    )
    affair = await runs.affair(session, commitment.request_id)
    if affair is None:
        return known
    return replace(
        known,
        contact_id=affair.contact_id or said.contact_id,
        assignee=affair.assignee or said.assignee,
        assignment_group=affair.assignment_group or said.assignment_group,
    )


async def _supposed(
    session: TenantSession,
    supposed: Supposed,
    situation: Situation,
    wanted: Sequence[Mark],
    *,
    until: datetime,
) -> _Promise:
    """A promise that nobody made, and to which nothing happens."""
    outcome = _read(supposed.written)
    versions = await _calendars(session, outcome)
    keys = {name: CalendarKey(str(version_id)) for name, version_id in versions.items()}
    terms = promises.terms_of(outcome, keys)[0]
    working = {
        CalendarKey(str(version_id)): await calendars.working_time(session, version_id)
        for version_id in versions.values()
    }
    started = Started(
        at=supposed.started_at,
        source_sequence=0,
        received_at=supposed.started_at,
        id=EntryId("started"),
        terms=terms,
        decision="",
    )
    found = marks.instants([started], working, wanted, until)
    due_at = found[-1]
    if due_at is not None and due_at >= until:
        found = marks.instants([started], working, wanted, due_at + _BREACH)
    return _Promise(
        started_at=supposed.started_at,
        ended_at=None,
        instants=found,
        situation=situation,
        calendar=None if terms.calendar is None else working[terms.calendar],
    )


async def _calendars(session: TenantSession, outcome: promises.Promises) -> dict[str, UUID]:
    """Raises PreviewInvalid."""
    try:
        return await calendars.current_versions(session, promises.calendars_of(outcome))
    except CalendarsUnknown as error:
        raise PreviewInvalid([Fault("/promise/calendar", str(error))]) from error


def _read(written: Mapping[str, Any]) -> promises.Promises:
    """Raises PreviewInvalid."""
    try:
        return promises.read({"promises": [written]})
    except OutcomeInvalid as refusal:
        faults = [
            replace(fault, pointer=fault.pointer.replace("/promises/0", "/promise", 1))
            for fault in refusal.faults
        ]
        raise PreviewInvalid(faults) from refusal


def _on_duty(found: Mapping[str, Rota]) -> set[MemberId]:
    """Everybody who may ever be on duty."""
    planned = {override.member for rota in found.values() for override in rota.overrides}
    turns = {member for rota in found.values() for each in rota.rotations for member in each.members}
    return turns | {member for member in planned if member is not None}


async def _maintenance(
    session: TenantSession, promise: _Promise, *, since: datetime
) -> list[tuple[datetime, datetime]]:
    service_id = promise.situation.service_id
    if service_id is None:
        return []
    windows = await maintenance.windows(session, [service_id], since=since)
    return [(spell.start, spell.end) for spell in spells.spells(windows)]
