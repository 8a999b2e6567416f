"""Queries of the register of improvements. Every statement names the tenant."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, func, select

from service import queries
from service.db import TenantSession, insert_new, insert_rows, update_row
from service.ids import GroupId, ImprovementId, MemberId
from service.rationalization.improvements.domain import OPEN, Source, State
from service.rationalization.improvements.errors import ImprovementNotFound
from service.rationalization.improvements.models import ImprovementEntryRow, ImprovementRow

IMPROVEMENTS = cast("Table", ImprovementRow.__table__)
ENTRIES = cast("Table", ImprovementEntryRow.__table__)
STILL_OPEN = sorted(state.value for state in OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which items of the list are asked for; None leaves a filter out."""

    state: State | None = None
    source: Source | None = None
    came_from: UUID | None = None
    owner_id: MemberId | None = None
    group_id: GroupId | None = None


def _mine(session: TenantSession) -> Select[ImprovementRow]:
    return queries.mine(session, ImprovementRow)


async def get(session: TenantSession, improvement_id: ImprovementId, *, lock: bool = False) -> ImprovementRow:
    """One item. Raises ImprovementNotFound."""
    query = _mine(session).where(ImprovementRow.id == improvement_id)
    return await queries.one(session, query, or_else=ImprovementNotFound(improvement_id), lock=lock)


async def hold_open(session: TenantSession, key: str) -> ImprovementRow | None:
    """The open item of this key, locked."""
    row = ImprovementRow
    query = _mine(session).where(row.key == key, row.state.in_(STILL_OPEN)).with_for_update()
    return await session.db.scalar(query)


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[ImprovementRow]:
    """Items, the youngest first."""
    row = ImprovementRow
    asked = queries.equal(
        {
            row.state: sought.state,
            row.source: sought.source,
            row.came_from: sought.came_from,
            row.owner_id: sought.owner_id,
            row.group_id: sought.group_id,
        }
    )
    query = queries.page_back(_mine(session), row, before=before, limit=limit)
    return list(await session.db.scalars(query.where(*asked)))


async def open_count(session: TenantSession) -> int:
    row = ImprovementRow
    query = select(func.count()).where(row.tenant_id == session.tenant_id, row.state.in_(STILL_OPEN))
    return (await session.db.scalars(query)).one()


async def add(session: TenantSession, columns: dict[str, Any]) -> bool:
    """Insert an item unless one of its key is open; say whether it was inserted."""
    return await insert_new(session.db, IMPROVEMENTS, {"tenant_id": session.tenant_id, **columns})


async def change(session: TenantSession, improvement_id: ImprovementId, columns: dict[str, Any]) -> None:
    """Write columns of an item that the caller has locked."""
    await update_row(session, IMPROVEMENTS, improvement_id, columns)


async def add_entry(
    session: TenantSession, entry_id: UUID, improvement_id: ImprovementId, columns: dict[str, Any]
) -> None:
    row = {"tenant_id": session.tenant_id, "id": entry_id, "improvement_id": improvement_id, **columns}
    await insert_rows(session.db, ENTRIES, [row])


async def entries(
    session: TenantSession, improvement_id: ImprovementId, *, after: int, limit: int
) -> list[ImprovementEntryRow]:
    """What became of an item, in order, from behind the version `after` on."""
    row = ImprovementEntryRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.improvement_id == improvement_id, row.version > after)
        .order_by(row.version)
        .limit(limit)
    )
    return list(await session.db.scalars(query))
