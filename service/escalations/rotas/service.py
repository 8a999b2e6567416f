"""Use cases of rotas: load, decide, save. `now` is the tenant's."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.calendars import service as calendars
from service.calendars.domain import zones
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.escalations.rotas import domain, store
from service.escalations.rotas.domain import Duty, Gap, Layer, Override, Plan, Rota, Shift, WrittenRota
from service.escalations.rotas.errors import RotaInUse, RotaInvalid, ShiftsTooMany
from service.escalations.rotas.models import RotaRow
from service.ids import MemberId, RotaId
from service.limits import service as limits
from service.limits.domain.table import ROTAS
from service.names import faults_of_name
from service.people import service as people
from service.people.domain import MemberState


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaEntry:
    """What is written of a rota."""

    name: str
    zone: str
    layers: tuple[Layer, ...]


async def create(session: TenantSession, actor: Actor, entry: RotaEntry, *, now: datetime) -> WrittenRota:
    """Raises RotaInvalid, RotaNameTaken, RotasTooMany."""
    await _vet(session, entry)
    await limits.make_room(session, ROTAS, lambda: store.count(session))
    rota = WrittenRota(
        id=RotaId(ids.new_id()),
        name=entry.name,
        zone=entry.zone,
        layers=entry.layers,
        version=1,
        created_at=now,
        changed_at=now,
    )
    await store.add(
        session,
        rota.id,
        name=rota.name,
        zone=rota.zone,
        rotations=_written(rota.layers),
        version=rota.version,
        created_at=now,
        changed_at=now,
    )
    await record(session, actor, "rota.created", rota.id, after=_told(rota), now=now)
    return rota


async def get(session: TenantSession, rota_id: RotaId, *, lock: bool = False) -> WrittenRota:
    """Raises RotaNotFound."""
    return (await store.get(session, rota_id, lock=lock)).to_domain()


async def count(session: TenantSession) -> int:
    """How many rotas there are."""
    return await store.count(session)


async def list_rotas(session: TenantSession, *, after: UUID | None, limit: int) -> list[WrittenRota]:
    return [row.to_domain() for row in await store.listed(session, after=after, limit=limit)]


async def change(
    session: TenantSession, actor: Actor, rota_id: RotaId, entry: RotaEntry, *, now: datetime
) -> WrittenRota:
    """Replace what is written of a rota. It keeps its name; what is agreed beside it stands.

    Raises:
        RotaNotFound, RotaInvalid
    """
    row = await store.get(session, rota_id, lock=True)
    before = row.to_domain()
    if entry.name != before.name:
        detail = f"A rota keeps its name, {before.name!r}: ladders refer to it."
        raise RotaInvalid([Fault("/name", detail)])
    await _vet(session, entry, known=frozenset(_members_of(before.layers)))
    row.zone, row.rotations = entry.zone, _written(entry.layers)
    await touch(session, row, now=now)
    after = row.to_domain()
    await record(session, actor, "rota.changed", rota_id, before=_told(before), after=_told(after), now=now)
    return after


async def remove(
    session: TenantSession, actor: Actor, rota_id: RotaId, *, named_by: Collection[str], now: datetime
) -> None:
    """Remove a rota, with what is agreed beside it and the links to it.

    Args:
        session: of the tenant.
        actor: who removes it.
        rota_id: which rota.
        named_by: the names of the ladders that name it.
        now: the tenant's now.

    Raises:
        RotaNotFound, RotaInUse
    """
    row = await store.get(session, rota_id, lock=True)
    before = row.to_domain()
    if named_by:
        raise RotaInUse(before.name, named_by)
    await store.remove(session, row)
    await record(session, actor, "rota.removed", rota_id, before=_told(before), now=now)


async def rotas_named(
    session: TenantSession, names: Collection[str], *, since: datetime | None = None
) -> dict[str, Rota]:
    """The rotas of these names that there are, ready to compute.

    Args:
        session: of the tenant.
        names: of rotas.
        since: what was agreed and is over by then is left out; None for all that was ever agreed.
    """
    rows = await store.named(session, names) if names else []
    return await _computable(session, rows, since=since)


async def plans(
    session: TenantSession, names: Collection[str], *, since: datetime | None = None
) -> dict[str, Plan]:
    """The same, for whoever keeps them, or computes where nothing can be asked."""
    return await _plans(session, await store.named(session, names) if names else [], since=since)


async def members_on_duty(
    session: TenantSession, names: Collection[str], *, now: datetime
) -> dict[str, MemberId | None]:
    """Who is on duty by each of these rotas; None where nobody is, or where there is no such rota."""
    found = await rotas_named(session, names, since=now)
    return {name: domain.member_at(found[name], now) if name in found else None for name in names}


async def shifts(session: TenantSession, rota_id: RotaId, start: datetime, end: datetime) -> list[Shift]:
    """Raises RotaNotFound, ShiftsTooMany."""
    _refuse_stretch(start, end)
    rota = await computable(session, rota_id, since=start)
    return await asyncio.to_thread(domain.shifts, rota, start, end)


async def gaps(session: TenantSession, rota_id: RotaId, start: datetime, end: datetime) -> list[Gap]:
    """Raises RotaNotFound, ShiftsTooMany."""
    _refuse_stretch(start, end)
    rota = await computable(session, rota_id, since=start)
    return await asyncio.to_thread(domain.explained_gaps, rota, start, end)


async def on_duty(session: TenantSession, rota_id: RotaId, *, at: datetime) -> Duty:
    """Who is on duty at an instant, and who is next. Raises RotaNotFound."""
    return domain.on_duty(await computable(session, rota_id, since=at - domain.NEXT_WITHIN), at)


async def computable(session: TenantSession, rota_id: RotaId, *, since: datetime | None = None) -> Rota:
    """One rota, ready to compute. Raises RotaNotFound."""
    row = await store.get(session, rota_id)
    return (await _computable(session, [row], since=since))[row.name]


async def faults_of_members(session: TenantSession, members: Mapping[str, MemberId | None]) -> list[Fault]:
    """What is wrong with members by where they stand. Who is invited may be planned, and is absent so far."""
    wanted = {member for member in members.values() if member is not None}
    states = {member.id: member.state for member in (await people.members(session, wanted)).values()}
    return [
        Fault(pointer, _doubt(states.get(member)))
        for pointer, member in members.items()
        if member is not None and states.get(member) in {None, MemberState.DEACTIVATED}
    ]


async def touch(session: TenantSession, row: RotaRow, *, now: datetime) -> None:
    """Count a change of a rota."""
    row.version, row.changed_at = row.version + 1, now
    await session.db.flush()


async def record(
    session: TenantSession, actor: Actor, action: str, rota_id: RotaId, *, now: datetime, **sides: Any
) -> None:
    await audit.record(session, actor, Deed(action, f"rota:{rota_id}", **sides), now=now)


async def _computable(
    session: TenantSession, rows: Sequence[RotaRow], *, since: datetime | None
) -> dict[str, Rota]:
    found = await _plans(session, rows, since=since)
    versions = await calendars.current_versions(session, domain.calendars_of(found.values()))
    hours = {name: await calendars.working_time(session, version) for name, version in versions.items()}
    return {name: plan.rota(zones.zone(plan.zone), hours) for name, plan in found.items()}


async def _plans(
    session: TenantSession, rows: Sequence[RotaRow], *, since: datetime | None
) -> dict[str, Plan]:
    planned: dict[UUID, list[Override]] = {row.id: [] for row in rows}
    if rows:
        for each in await store.overrides(session, planned.keys(), since=since):
            planned[each.rota_id].append(each.to_domain().override)
    written = [row.to_domain() for row in rows]
    absent = await _absent(session, _members(written, planned.values()))
    return {
        rota.name: Plan(zone=rota.zone, layers=rota.layers, overrides=tuple(planned[rota.id]), absent=absent)
        for rota in written
    }


async def _absent(session: TenantSession, members: Collection[MemberId]) -> frozenset[MemberId]:
    found = await people.members(session, members)
    return frozenset(
        member for member in members if member not in found or found[member].state != MemberState.ACTIVE
    )


def _members(written: Iterable[WrittenRota], planned: Iterable[Sequence[Override]]) -> set[MemberId]:
    stand_ins = {each.member for overrides in planned for each in overrides if each.member is not None}
    return stand_ins.union(*(_members_of(rota.layers) for rota in written))


def _members_of(layers: Iterable[Layer]) -> set[MemberId]:
    return {member for layer in layers for member in layer.members}


async def _vet(session: TenantSession, entry: RotaEntry, *, known: frozenset[MemberId] = frozenset()) -> None:
    """Refuse a rota that cannot stand. A member that it names already may have been deactivated since.

    Raises:
        RotaInvalid
    """
    faults = faults_of_name(entry.name) + _faults_of_zone(entry.zone) + domain.faults_of_layers(entry.layers)
    places = {
        pointer_to("/rotations", index, "members", place): member
        for index, layer in enumerate(entry.layers)
        for place, member in enumerate(layer.members)
        if member not in known
    }
    faults += await faults_of_members(session, places)
    faults += _faults_of_hours(entry.layers, await calendars.names(session))
    if faults:
        raise RotaInvalid(faults)


def _faults_of_zone(zone: str) -> list[Fault]:
    if zone in zones.names():
        return []
    near = zones.nearest(zone)
    meant = "" if near is None else f" Did you mean {near}?"
    return [Fault("/zone", f"Not a name of the IANA database such as Europe/Berlin.{meant}")]


def _faults_of_hours(layers: Sequence[Layer], calendar_names: Collection[str]) -> list[Fault]:
    return [
        Fault(
            pointer_to("/rotations", index, "hours"),
            f"There is no calendar {layer.hours!r} that all clients share; create it first.",
        )
        for index, layer in enumerate(layers)
        if layer.hours is not None and layer.hours not in calendar_names
    ]


def _doubt(state: MemberState | None) -> str:
    if state is None:
        return "There is no such member."
    return f"The member is {state}, and will not be on duty."


def _refuse_stretch(start: datetime, end: datetime) -> None:
    if not timedelta(0) < end - start <= domain.WINDOW_MAX:
        raise ShiftsTooMany(
            f"Ask for a stretch that ends after it starts, of {domain.WINDOW_MAX.days} days at most."
        )


def _written(layers: Sequence[Layer]) -> list[Any]:
    return list(msgspec.to_builtins(layers))


def _told(rota: WrittenRota) -> dict[str, Any]:
    return {"name": rota.name, "zone": rota.zone, "rotations": _written(rota.layers)}
