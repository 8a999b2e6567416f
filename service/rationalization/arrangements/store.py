"""Queries of arrangements. Every statement names the tenant."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import Select, Table, select

from service import ids, queries
from service.db import TenantSession, insert_rows, update_row
from service.ids import ArrangementId, ClientId, RequestId
from service.rationalization.arrangements import models
from service.rationalization.arrangements.domain import Entry, State, VerdictKind
from service.rationalization.arrangements.errors import ArrangementNotFound
from service.rationalization.arrangements.models import Arrangement, ArrangementEntryRow, ArrangementRow

ARRANGEMENTS = cast("Table", ArrangementRow.__table__)
ENTRIES = cast("Table", ArrangementEntryRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which arrangements of the list are asked for; None leaves a filter out."""

    client_id: ClientId | None = None
    request_id: RequestId | None = None
    state: State | None = None
    verdict: VerdictKind | None = None


def _mine(session: TenantSession, client_id: ClientId | None = None) -> Select[ArrangementRow]:
    return queries.of_client(queries.mine(session, ArrangementRow), ArrangementRow.client_id, client_id)


async def get(
    session: TenantSession,
    arrangement_id: ArrangementId,
    *,
    client_id: ClientId | None = None,
    lock: bool = False,
) -> ArrangementRow:
    """One; with a `client_id`, only if it is that client's. Raises ArrangementNotFound."""
    query = _mine(session, client_id).where(ArrangementRow.id == arrangement_id)
    return await queries.one(session, query, or_else=ArrangementNotFound(arrangement_id), lock=lock)


async def these(session: TenantSession, arrangement_ids: Collection[ArrangementId]) -> list[ArrangementRow]:
    if not arrangement_ids:
        return []
    return list(await session.db.scalars(_mine(session).where(ArrangementRow.id.in_(arrangement_ids))))


async def listed(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[ArrangementRow]:
    """Arrangements in the order of their ids, which is that of their making."""
    row = ArrangementRow
    asked = queries.equal(
        {row.request_id: sought.request_id, row.state: sought.state, row.kind: sought.verdict}
    )
    query = queries.page(_mine(session, sought.client_id), row, after=after, limit=limit)
    return list(await session.db.scalars(query.where(*asked)))


async def entries(session: TenantSession, arrangement_id: ArrangementId) -> list[Entry]:
    """All that happened to it, in the order in which it was recorded."""
    query = (
        select(ArrangementEntryRow)
        .where(
            ArrangementEntryRow.tenant_id == session.tenant_id,
            ArrangementEntryRow.arrangement_id == arrangement_id,
        )
        .order_by(ArrangementEntryRow.number)
    )
    return [row.to_domain() for row in await session.db.scalars(query)]


async def add(session: TenantSession, arrangement: Arrangement, entry: Entry) -> None:
    """Write a new one, with the entry that it begins with."""
    await insert_rows(
        session.db, ARRANGEMENTS, [{"tenant_id": session.tenant_id, **models.columns(arrangement)}]
    )
    await add_entry(session, arrangement, entry)


async def add_entry(session: TenantSession, arrangement: Arrangement, entry: Entry) -> None:
    """Append to the ledger of an arrangement, whose version counts the entry already."""
    row = models.entry_columns(arrangement, entry, ids.new_id(), arrangement.version)
    await insert_rows(session.db, ENTRIES, [{"tenant_id": session.tenant_id, **row}])


async def save(session: TenantSession, before: Arrangement, after: Arrangement) -> None:
    """Write what changed of one that the caller has locked."""
    was, is_now = models.changing_columns(before), models.changing_columns(after)
    changed = {name: value for name, value in is_now.items() if was[name] != value}
    await update_row(session, ARRANGEMENTS, after.id, changed)
