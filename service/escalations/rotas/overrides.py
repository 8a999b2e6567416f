"""Use cases of what is agreed beside a rota: stand-ins, and swaps of shifts. `now` is the tenant's."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids, instants
from service.audit.domain import Actor
from service.db import TenantSession
from service.errors import Fault
from service.escalations.rotas import domain, service, store
from service.escalations.rotas.domain import Override, PlannedOverride, Rota, Shift
from service.escalations.rotas.errors import NotOnShift, RotaInvalid, ShiftNotSwappable
from service.escalations.rotas.models import RotaOverrideRow, RotaRow
from service.ids import MemberId, RotaId, RotaOverrideId
from service.limits import service as limits
from service.limits.domain.table import ROTA_OVERRIDES
from service.people import service as people


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEntry:
    """What is agreed; see `domain.Override`."""

    start_at: datetime
    end_at: datetime
    member_id: MemberId | None
    instead_of: MemberId | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's shift, named by an instant in it."""

    member_id: MemberId
    at: datetime


async def add(
    session: TenantSession, actor: Actor, rota_id: RotaId, entry: OverrideEntry, *, now: datetime
) -> PlannedOverride:
    """Put somebody else, or nobody, on duty for a while.

    Raises:
        RotaNotFound, RotaInvalid, RotaOverridesTooMany
    """
    row = await store.get(session, rota_id, lock=True)
    faults = _faults_of_span(entry, now) + await _faults_of_people(session, entry)
    if faults:
        raise RotaInvalid(faults)
    override = Override(
        start=entry.start_at, end=entry.end_at, member=entry.member_id, instead_of=entry.instead_of
    )
    planned = await _plan(session, row, override, now=now)
    await service.touch(session, row, now=now)
    after = {"override_id": planned.id, **_told(override)}
    await service.record(session, actor, "rota.override_added", rota_id, after=after, now=now)
    return planned


async def get(
    session: TenantSession, rota_id: RotaId, override_id: RotaOverrideId, *, lock: bool = False
) -> PlannedOverride:
    """Raises RotaOverrideNotFound."""
    return (await store.override(session, rota_id, override_id, lock=lock)).to_domain()


async def list_overrides(
    session: TenantSession, rota_id: RotaId, *, after: UUID | None, limit: int
) -> list[PlannedOverride]:
    """What was agreed, oldest first. Raises RotaNotFound."""
    await store.get(session, rota_id)
    found = await store.listed_parts(session, RotaOverrideRow, rota_id, after=after, limit=limit)
    return [row.to_domain() for row in found]


async def remove(
    session: TenantSession, actor: Actor, rota_id: RotaId, override_id: RotaOverrideId, *, now: datetime
) -> None:
    """Raises RotaNotFound, RotaOverrideNotFound."""
    rota = await store.get(session, rota_id, lock=True)
    row = await store.override(session, rota_id, override_id, lock=True)
    before = {"override_id": override_id, **_told(row.to_domain().override)}
    await session.db.delete(row)
    await service.touch(session, rota, now=now)
    await service.record(session, actor, "rota.override_removed", rota_id, before=before, now=now)


async def swap(
    session: TenantSession, actor: Actor, rota_id: RotaId, a: Seat, b: Seat, *, now: datetime
) -> tuple[PlannedOverride, PlannedOverride]:
    """Let two members stand in for one another: each for the whole of the other's shift.

    Args:
        session: of the tenant.
        actor: who swaps.
        rota_id: which rota.
        a: one shift.
        b: the other.
        now: the tenant's now.

    Raises:
        RotaNotFound, RotaInvalid, NotOnShift, ShiftNotSwappable, RotaOverridesTooMany
    """
    row = await store.get(session, rota_id, lock=True)
    faults = _faults_of_seats(a, b)
    faults += await service.faults_of_members(
        session, {"/a/member_id": a.member_id, "/b/member_id": b.member_id}
    )
    if faults:
        raise RotaInvalid(faults)
    rota = await service.computable(session, rota_id, since=min(a.at, b.at) - domain.SWAPPED_WITHIN)
    shifts = (_shift(rota, a, now), _shift(rota, b, now))
    first, second = domain.swapped(*shifts)
    planned = (
        await _plan(session, row, first, now=now),
        await _plan(session, row, second, now=now),
    )
    await service.touch(session, row, now=now)
    after = {"overrides": [{"override_id": each.id, **_told(each.override)} for each in planned]}
    await service.record(session, actor, "rota.shifts_swapped", rota_id, after=after, now=now)
    return planned


def _faults_of_seats(a: Seat, b: Seat) -> list[Fault]:
    if a.member_id == b.member_id:
        return [Fault("/b/member_id", "A shift is swapped with that of another member.")]
    return [
        Fault(f"/{side}/at", instants.refusal(seat.at))
        for side, seat in (("a", a), ("b", b))
        if not instants.is_usable(seat.at)
    ]


def _shift(rota: Rota, seat: Seat, now: datetime) -> Shift:
    """Raises NotOnShift, ShiftNotSwappable."""
    shift = domain.shift_of(rota, seat.member_id, seat.at)
    if shift is None:
        raise NotOnShift(seat.member_id, seat.at)
    if shift.end <= now:
        raise ShiftNotSwappable(f"The shift at {seat.at.isoformat()} is over.")
    if domain.is_endless(shift, seat.at):
        raise ShiftNotSwappable(
            f"The shift at {seat.at.isoformat()} goes on for too long; agree on an override instead."
        )
    return shift


async def _plan(
    session: TenantSession, row: RotaRow, override: Override, *, now: datetime
) -> PlannedOverride:
    """Raises RotaOverridesTooMany."""
    rota_id = RotaId(row.id)
    await limits.make_room(session, ROTA_OVERRIDES, lambda: store.override_count(session, rota_id, since=now))
    planned = PlannedOverride(id=RotaOverrideId(ids.new_id()), override=override, created_at=now)
    await store.add_override(
        session,
        planned.id,
        rota_id=rota_id,
        start_at=override.start,
        end_at=override.end,
        member_id=override.member,
        instead_of=override.instead_of,
        created_at=now,
    )
    return planned


def _faults_of_span(entry: OverrideEntry, now: datetime) -> list[Fault]:
    faults = [
        Fault(f"/{name}", instants.refusal(at))
        for name, at in (("start_at", entry.start_at), ("end_at", entry.end_at))
        if not instants.is_usable(at)
    ]
    if entry.end_at <= entry.start_at:
        faults.append(Fault("/end_at", "An override ends after it begins."))
    elif entry.end_at <= now:
        faults.append(Fault("/end_at", f"It is over at {now.isoformat()} already, and would change nothing."))
    return faults


async def _faults_of_people(session: TenantSession, entry: OverrideEntry) -> list[Fault]:
    """Whoever stands in is active; whom they stand in for need not be."""
    faults = await service.faults_of_members(session, {"/member_id": entry.member_id})
    if entry.instead_of is None:
        return faults
    if entry.instead_of == entry.member_id:
        return [*faults, Fault("/instead_of", "Nobody stands in for themselves.")]
    if entry.instead_of not in await people.members(session, {entry.instead_of}):
        return [*faults, Fault("/instead_of", "There is no such member.")]
    return faults


def _told(override: Override) -> dict[str, Any]:
    return {
        "start_at": override.start,
        "end_at": override.end,
        "member_id": override.member,
        "instead_of": override.instead_of,
    }
