"""Queries of this slice. Every statement names the tenant."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, select

from service.commitments.domain import ClockState, LedgerEntry, Level, Origin, Outcome
from service.commitments.errors import CommitmentNotFound
from service.commitments.models import Commitment, CommitmentEntryRow, CommitmentRow
from service.db import TenantSession, insert_rows, run, update_row
from service.ids import ClientId, CommitmentId, RequestId

COMMITMENTS = cast("Table", CommitmentRow.__table__)
ENTRIES = cast("Table", CommitmentEntryRow.__table__)
_OF_COMMITMENT = ", ".join(COMMITMENTS.columns.keys())
_OF_ENTRY = ", ".join(ENTRIES.columns.keys())
HOLD = f"select {_OF_COMMITMENT} from commitment where tenant_id = $1 and id = $2 for update"  # noqa: S608 - names of ours
HOLD_OF_REQUEST = f"""
select {_OF_COMMITMENT} from commitment where tenant_id = $1 and request_id = $2 order by id for update
"""  # noqa: S608 - names of ours
LEDGERS = f"""
select {_OF_ENTRY} from commitment_entry where tenant_id = $1 and commitment_id = any($2) order by id
"""  # noqa: S608 - names of ours
OPEN_COUNT = "select count(*) from commitment where tenant_id = $1 and clock <> 'stopped'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which promises of the list are asked for; None leaves a filter out."""

    client_id: ClientId | None = None
    request_id: RequestId | None = None
    outcome: Outcome | None = None
    clock: ClockState | None = None
    due_before: datetime | None = None
    metric: str | None = None
    level: Level | None = None
    origin: Origin | None = None
    silent: bool | None = None
    corrected: bool | None = None


def _mine(session: TenantSession, client_id: ClientId | None) -> Select[CommitmentRow]:
    """Promises; for a client organization, those that it was made."""
    query = (
        select(CommitmentRow)
        .where(CommitmentRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )
    if client_id is None:
        return query
    return query.where(CommitmentRow.client_id == client_id, CommitmentRow.level == Level.SLA.value)


async def get(
    session: TenantSession, commitment_id: CommitmentId, *, client_id: ClientId | None
) -> CommitmentRow:
    """One promise; with a `client_id`, only if it is that client's. Raises CommitmentNotFound."""
    query = _mine(session, client_id).where(CommitmentRow.id == commitment_id)
    row = await session.db.scalar(query)
    if row is None:
        raise CommitmentNotFound(commitment_id)
    return row


async def hold(session: TenantSession, commitment_id: CommitmentId) -> Commitment:
    """One promise, which is locked. Raises CommitmentNotFound."""
    row = (await run(session.db, HOLD, session.tenant_id, commitment_id)).first()
    if row is None:
        raise CommitmentNotFound(commitment_id)
    return CommitmentRow(**row).to_domain()


async def hold_of_request(session: TenantSession, request_id: RequestId) -> list[Commitment]:
    """The promises of a request, which are locked in the order of their ids."""
    found = await run(session.db, HOLD_OF_REQUEST, session.tenant_id, request_id)
    return [CommitmentRow(**row).to_domain() for row in found]


async def of_request(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None = None
) -> list[CommitmentRow]:
    """The promises of a request in the order of their ids."""
    query = _mine(session, client_id).where(CommitmentRow.request_id == request_id).order_by(CommitmentRow.id)
    return list(await session.db.scalars(query))


async def these(session: TenantSession, commitment_ids: Collection[CommitmentId]) -> list[CommitmentRow]:
    """Those of these promises that there are."""
    query = _mine(session, None).where(CommitmentRow.id.in_(commitment_ids))
    return list(await session.db.scalars(query))


async def listed(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[CommitmentRow]:
    """Promises in the order of their ids, which is that of their making."""
    query = _mine(session, sought.client_id).order_by(CommitmentRow.id).limit(limit)
    if after is not None:
        query = query.where(CommitmentRow.id > after)
    if sought.request_id is not None:
        query = query.where(CommitmentRow.request_id == sought.request_id)
    if sought.outcome is not None:
        query = query.where(CommitmentRow.outcome == sought.outcome.value)
    if sought.clock is not None:
        query = query.where(CommitmentRow.clock == sought.clock.value)
    if sought.due_before is not None:
        query = query.where(CommitmentRow.due_at < sought.due_before)
    if sought.corrected is not None:
        query = query.where(CommitmentRow.corrected_at.is_not(None) == sought.corrected)
    alike = {"metric": sought.metric, "level": sought.level, "origin": sought.origin, "silent": sought.silent}
    query = query.filter_by(**{name: value for name, value in alike.items() if value is not None})
    return list(await session.db.scalars(query))


async def revisions(session: TenantSession, commitment_ids: Sequence[UUID]) -> dict[UUID, list[CommitmentId]]:
    """The promises that were made beside each of these, in the order of their making."""
    found: dict[UUID, list[CommitmentId]] = {commitment_id: [] for commitment_id in commitment_ids}
    query = _mine(session, None).where(CommitmentRow.revises.in_(commitment_ids)).order_by(CommitmentRow.id)
    for row in await session.db.scalars(query):
        if row.revises is not None:
            found[row.revises].append(CommitmentId(row.id))
    return found


async def open_count(session: TenantSession) -> int:
    """How many promises have a clock that has not stopped."""
    return (await run(session.db, OPEN_COUNT, session.tenant_id)).scalar_one()


async def ledgers(session: TenantSession, commitment_ids: Sequence[UUID]) -> dict[UUID, list[LedgerEntry]]:
    """The ledger of each of these promises."""
    found: dict[UUID, list[LedgerEntry]] = {commitment_id: [] for commitment_id in commitment_ids}
    for row in await run(session.db, LEDGERS, session.tenant_id, list(commitment_ids)):
        found[row.commitment_id].append(CommitmentEntryRow(**row).to_domain())
    return found


async def add_commitments(session: TenantSession, rows: Sequence[dict[str, Any]]) -> None:
    await insert_rows(session.db, COMMITMENTS, _with_tenant(session, rows))


async def add_entries(session: TenantSession, rows: Sequence[dict[str, Any]]) -> None:
    await insert_rows(session.db, ENTRIES, _with_tenant(session, rows))


async def change(session: TenantSession, commitment_id: CommitmentId, changed: Mapping[str, Any]) -> None:
    """Write what changed of a promise that the caller has locked."""
    await update_row(session, COMMITMENTS, commitment_id, changed)


def _with_tenant(session: TenantSession, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"tenant_id": session.tenant_id, **row} for row in rows]
