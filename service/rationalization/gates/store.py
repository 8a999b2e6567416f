"""Queries of gates. Every statement names the tenant."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import Select, Table, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from service import queries
from service.db import TenantSession, insert_rows, run
from service.ids import ArrangementId, GateId, RequestId, ServiceId
from service.rationalization.gates.domain import Kind, State
from service.rationalization.gates.errors import GateNotFound
from service.rationalization.gates.models import (
    Gate,
    GateRecord,
    GateRecordRow,
    GateRow,
    changing_columns,
    columns,
)

GATES = cast("Table", GateRow.__table__)
RECORDS = cast("Table", GateRecordRow.__table__)
LOCK = "select pg_advisory_xact_lock($1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which gates of the list are asked for; None leaves a filter out."""

    arrangement_id: ArrangementId | None = None
    request_id: RequestId | None = None
    kind: Kind | None = None
    state: State | None = None


def _mine(session: TenantSession) -> Select[GateRow]:
    return queries.mine(session, GateRow)


async def get(session: TenantSession, gate_id: GateId, *, lock: bool = False) -> GateRow:
    """One gate. Raises GateNotFound."""
    query = _mine(session).where(GateRow.id == gate_id)
    return await queries.one(session, query, or_else=GateNotFound(gate_id), lock=lock)


async def of_arrangement(
    session: TenantSession, request_id: RequestId, arrangement_id: ArrangementId
) -> list[GateRow]:
    """The gates of an arrangement of this request in their order, locked."""
    query = _mine(session).where(GateRow.request_id == request_id, GateRow.arrangement_id == arrangement_id)
    return list(await session.db.scalars(query.order_by(GateRow.position, GateRow.id).with_for_update()))


async def listed(session: TenantSession, sought: Sought, *, after: UUID | None, limit: int) -> list[GateRow]:
    """Gates in the order of their ids, which is that of their making."""
    row = GateRow
    asked = queries.equal(
        {
            row.arrangement_id: sought.arrangement_id,
            row.request_id: sought.request_id,
            row.kind: sought.kind,
            row.state: sought.state,
        }
    )
    query = queries.page(_mine(session), row, after=after, limit=limit)
    return list(await session.db.scalars(query.where(*asked)))


async def add(session: TenantSession, gates: Sequence[Gate]) -> None:
    await insert_rows(
        session.db, GATES, [{"tenant_id": session.tenant_id, **columns(gate)} for gate in gates]
    )


async def save(session: TenantSession, row: GateRow, gate: Gate) -> None:
    """Write what changed of a gate that the caller has locked."""
    for name, value in changing_columns(gate).items():
        setattr(row, name, value)
    await session.db.flush()


async def add_record(session: TenantSession, record: GateRecord) -> None:
    row = {
        "tenant_id": session.tenant_id,
        "id": record.id,
        "gate_id": record.gate_id,
        "number": record.number,
        "recorded_at": record.recorded_at,
        "recorded_by": record.recorded_by,
        "kind": record.kind,
        "document": dict(record.document),
    }
    await insert_rows(session.db, RECORDS, [row])


async def records(
    session: TenantSession, gate_id: GateId, *, after: int | None, limit: int
) -> list[GateRecordRow]:
    """What was recorded for a gate, in the order in which it was, after one of that number."""
    row = GateRecordRow
    query = select(row).where(row.tenant_id == session.tenant_id, row.gate_id == gate_id)
    if after is not None:
        query = query.where(row.number > after)
    return list(await session.db.scalars(query.order_by(row.number).limit(limit)))


async def latest_records(session: TenantSession, gate_ids: Collection[GateId]) -> dict[GateId, GateRecordRow]:
    """What somebody recorded last for each of these gates."""
    row = GateRecordRow
    query = (
        select(row)
        .ext(distinct_on(row.gate_id))
        .where(row.tenant_id == session.tenant_id, row.gate_id.in_(gate_ids), row.recorded_by.is_not(None))
        .order_by(row.gate_id, row.number.desc())
    )
    return {GateId(found.gate_id): found for found in await session.db.scalars(query)}


async def count_records(session: TenantSession, gate_id: GateId) -> int:
    """How many records somebody made of a gate."""
    row = GateRecordRow
    mine = row.tenant_id == session.tenant_id, row.gate_id == gate_id, row.recorded_by.is_not(None)
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def conflict_gates(session: TenantSession, request_ids: Collection[RequestId]) -> list[GateRow]:
    """The gates of these requests by which they are compared with other changes, in order."""
    query = _mine(session).where(
        GateRow.request_id.in_(request_ids),
        GateRow.kind == Kind.CHANGE_CONFLICT.value,
        GateRow.closed_at.is_(None),
    )
    return list(await session.db.scalars(query.order_by(GateRow.arrangement_id, GateRow.id)))


async def lock_changes(session: TenantSession, service_id: ServiceId) -> None:
    """Let nobody else of this tenant look for conflicts on this service, till the transaction ends."""
    digest = hashlib.sha256(b"changes" + session.tenant_id.bytes + service_id.bytes).digest()
    await run(session.db, LOCK, int.from_bytes(digest[:8], "big", signed=True))
