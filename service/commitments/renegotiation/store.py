"""Queries of renegotiations. Every statement names the tenant."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table

from service import queries
from service.commitments.renegotiation.domain import OPEN, State
from service.commitments.renegotiation.errors import RenegotiationNotFound
from service.commitments.renegotiation.models import Renegotiation, RenegotiationRow, changing_columns
from service.db import TenantSession, insert_rows
from service.ids import ClientId, CommitmentId, RenegotiationId, RequestId

RENEGOTIATIONS = cast("Table", RenegotiationRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which renegotiations of the list are asked for; None leaves a filter out."""

    client_id: ClientId | None = None
    commitment_id: CommitmentId | None = None
    request_id: RequestId | None = None
    state: State | None = None


def _mine(session: TenantSession, client_id: ClientId | None = None) -> Select[RenegotiationRow]:
    return queries.of_client(queries.mine(session, RenegotiationRow), RenegotiationRow.client_id, client_id)


async def get(
    session: TenantSession,
    renegotiation_id: RenegotiationId,
    *,
    client_id: ClientId | None = None,
    lock: bool = False,
) -> RenegotiationRow:
    """One; with a `client_id`, only if it is that client's. Raises RenegotiationNotFound."""
    query = _mine(session, client_id).where(RenegotiationRow.id == renegotiation_id)
    return await queries.one(session, query, or_else=RenegotiationNotFound(renegotiation_id), lock=lock)


async def open_of(session: TenantSession, commitment_ids: Collection[CommitmentId]) -> list[RenegotiationRow]:
    """Those of these promises that are open, locked."""
    query = (
        _mine(session)
        .where(
            RenegotiationRow.commitment_id.in_(commitment_ids),
            RenegotiationRow.state.in_([state.value for state in OPEN]),
        )
        .order_by(RenegotiationRow.id)
        .with_for_update()
    )
    return list(await session.db.scalars(query))


async def understood_of(session: TenantSession, commitment_id: CommitmentId) -> RenegotiationRow | None:
    """The last one of this promise that led to another one beside it."""
    query = (
        _mine(session)
        .where(RenegotiationRow.commitment_id == commitment_id, RenegotiationRow.revised_id.is_not(None))
        .order_by(RenegotiationRow.id.desc())
        .limit(1)
    )
    return await session.db.scalar(query)


async def listed(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[RenegotiationRow]:
    """Renegotiations in the order of their ids, which is that of their making."""
    row = RenegotiationRow
    asked = queries.equal(
        {
            row.commitment_id: sought.commitment_id,
            row.request_id: sought.request_id,
            row.state: sought.state,
        }
    )
    query = queries.page(_mine(session, sought.client_id), row, after=after, limit=limit)
    return list(await session.db.scalars(query.where(*asked)))


async def add(session: TenantSession, row: dict[str, Any]) -> None:
    await insert_rows(session.db, RENEGOTIATIONS, [{"tenant_id": session.tenant_id, **row}])


async def save(session: TenantSession, row: RenegotiationRow, renegotiation: Renegotiation) -> None:
    """Write what was said of one that the caller has locked."""
    for name, value in changing_columns(renegotiation).items():
        setattr(row, name, value)
    await session.db.flush()
