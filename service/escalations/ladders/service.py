"""Use cases of ladders: load, decide, save. A version of a ladder never changes."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.escalations.ladders import references, store, wire
from service.escalations.ladders.domain import Definition
from service.escalations.ladders.errors import LadderInUse, LadderInvalid, LadderNotFound, LadderRetired
from service.escalations.ladders.models import Ladder, LadderRow, LadderVersion, LadderVersionRow
from service.ids import LadderId, LadderVersionId
from service.limits import service as limits
from service.limits.domain.table import LADDERS
from service.names import faults_of_name

IN_BODY = "/definition"
"""Where a ladder's definition is in a body."""


async def create(
    session: TenantSession, actor: Actor, *, name: str, raw: Mapping[str, Any], now: datetime
) -> Ladder:
    """Create a ladder with its first version. Raises LadderInvalid, LadderNameTaken, LaddersTooMany."""
    definition = await read(session, raw, faults=faults_of_name(name))
    await limits.make_room(session, LADDERS, lambda: store.count(session))
    ladder_id, version_id = LadderId(ids.new_id()), LadderVersionId(ids.new_id())
    row = await store.add(session, ladder_id, name=name, version_id=version_id, now=now)
    written = await _add_version(session, row, definition, now=now)
    after = {"name": name, "definition": written}
    await _record(session, actor, Deed("ladder.created", f"ladder:{ladder_id}", after=after), now=now)
    return await get(session, ladder_id)


async def revise(
    session: TenantSession,
    actor: Actor,
    ladder_id: LadderId,
    *,
    raw: Mapping[str, Any],
    now: datetime,
    name: str | None = None,
) -> Ladder:
    """Add a version and make it current; who climbs by an older one goes on by that.

    A ladder that was retired is taken up again.

    Args:
        session: of the tenant.
        actor: who revises.
        ladder_id: which ladder.
        raw: what it says from now on.
        now: the tenant's now.
        name: its name, for a caller who sends back all there is; it cannot be changed.

    Raises:
        LadderNotFound, LadderInvalid, LaddersTooMany
    """
    row, held = await store.get(session, ladder_id, lock=True)
    kept = [] if name in {None, row.name} else [_keeps_its_name(row.name)]
    definition = await read(session, raw, faults=kept)
    if row.retired_at is not None:
        await limits.make_room(session, LADDERS, lambda: store.count(session))
    before = {"version": row.version, "definition": held.definition, "retired": row.retired_at is not None}
    row.version, row.version_id, row.retired_at = row.version + 1, ids.new_id(), None
    written = await _add_version(session, row, definition, now=now)
    await session.db.flush()
    after = {"version": row.version, "definition": written, "retired": False}
    deed = Deed("ladder.revised", f"ladder:{ladder_id}", before=before, after=after)
    await _record(session, actor, deed, now=now)
    return await get(session, ladder_id)


async def retire(
    session: TenantSession, actor: Actor, ladder_id: LadderId, *, named_by: Collection[str], now: datetime
) -> Ladder:
    """Let no promise begin to climb it any more; those that do go on.

    Args:
        session: of the tenant.
        actor: who retires it.
        ladder_id: which ladder.
        named_by: the names of the policies in effect that have it climbed.
        now: the tenant's now.

    Raises:
        LadderNotFound, LadderRetired, LadderInUse
    """
    row, _ = await store.get(session, ladder_id, lock=True)
    if row.retired_at is not None:
        raise LadderRetired(row.name)
    if named_by:
        raise LadderInUse(row.name, named_by)
    row.retired_at = now
    await session.db.flush()
    sides = {"before": {"retired": False}, "after": {"retired": True}}
    await _record(session, actor, Deed("ladder.retired", f"ladder:{ladder_id}", **sides), now=now)
    return await get(session, ladder_id)


async def read(
    session: TenantSession, raw: Mapping[str, Any], *, faults: Collection[Fault] = ()
) -> Definition:
    """What a ladder says that is written in a body's `/definition`; all that it names is there.

    Args:
        session: of the tenant.
        raw: as it is written.
        faults: what is wrong in the body beside it.

    Raises:
        LadderInvalid
    """
    form, found = wire.read(raw)
    places = [] if form is None else wire.places(form)
    looked = await references.look_up(session, places)
    found += references.faults(places, looked)
    placed = [replace(fault, pointer=f"{IN_BODY}{fault.pointer}") for fault in found]
    if form is None or placed or faults:
        raise LadderInvalid([*faults, *placed])
    return wire.definition(form, looked.member_ids)


async def get(session: TenantSession, ladder_id: LadderId, *, lock: bool = False) -> Ladder:
    """A ladder with its current version. Raises LadderNotFound."""
    return _ladder(*await store.get(session, ladder_id, lock=lock))


async def list_ladders(session: TenantSession, *, after: UUID | None, limit: int) -> list[Ladder]:
    return [_ladder(*stored) for stored in await store.listed(session, after=after, limit=limit)]


async def list_versions(
    session: TenantSession, ladder_id: LadderId, *, after: UUID | None, limit: int
) -> list[LadderVersion]:
    """The versions of a ladder, oldest first. Raises LadderNotFound."""
    found = await store.versions(session, ladder_id, after=after, limit=limit)
    if not found and after is None:
        raise LadderNotFound(ladder_id)
    return [_version(*stored) for stored in found]


async def effective(session: TenantSession, names: Collection[str]) -> dict[str, LadderVersion]:
    """The current version of each ladder of these names that there is and that is not retired, by name."""
    return {row.name: _version(row, version) for row, version in await store.named(session, names)}


async def versions(
    session: TenantSession, version_ids: Collection[LadderVersionId]
) -> dict[LadderVersionId, LadderVersion]:
    """Versions by their ids, current or not, of ladders that are retired or not."""
    found = await store.versions_of(session, version_ids)
    return {LadderVersionId(version.id): _version(row, version) for row, version in found}


async def naming(session: TenantSession, key: str, name: str) -> list[str]:
    """The names of the ladders in use that tell this `rota` or `group`, or go by it as `hours`."""
    return await store.naming(session, key, name)


async def count(session: TenantSession) -> int:
    """How many ladders are not retired."""
    return await store.count(session)


async def _add_version(
    session: TenantSession, row: LadderRow, definition: Definition, *, now: datetime
) -> dict[str, Any]:
    """Add the version that `row` points at; as it is written."""
    written = wire.document(definition)
    await store.add_version(
        session, row.version_id, ladder_id=row.id, version=row.version, definition=written, created_at=now
    )
    return written


async def _record(session: TenantSession, actor: Actor, deed: Deed, *, now: datetime) -> None:
    await audit.record(session, actor, deed, now=now)


def _keeps_its_name(name: str) -> Fault:
    return Fault("/name", f"A ladder keeps its name, {name!r}: policies refer to it.")


def _ladder(row: LadderRow, current: LadderVersionRow) -> Ladder:
    return Ladder(
        id=LadderId(row.id),
        name=row.name,
        created_at=row.created_at,
        retired_at=row.retired_at,
        current=_version(row, current),
    )


def _version(row: LadderRow, version: LadderVersionRow) -> LadderVersion:
    return LadderVersion(
        id=LadderVersionId(version.id),
        ladder_id=LadderId(row.id),
        name=row.name,
        version=version.version,
        definition=wire.from_document(version.definition),
        document=version.definition,
        created_at=version.created_at,
    )
