"""Queries of the register of accidents. Every statement names the tenant on every table that it touches."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, delete, func, select

from service import queries
from service.db import TenantSession, insert_rows, update_row
from service.ids import AccidentId, RequestId, ServiceId
from service.rationalization.accidents.domain import State
from service.rationalization.accidents.errors import AccidentNotFound
from service.rationalization.accidents.models import AccidentEntryRow, AccidentLinkRow, AccidentRow

ACCIDENTS = cast("Table", AccidentRow.__table__)
LINKS = cast("Table", AccidentLinkRow.__table__)
ENTRIES = cast("Table", AccidentEntryRow.__table__)


class Behind(StrEnum):
    """Which accidents are asked for by what is still to be done about them."""

    OPEN = "open"
    """A measure with a due is not done."""
    OVERDUE = "overdue"
    """A measure is not done, and its due has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which accidents of the list are asked for; None leaves a filter out.

    Attributes:
        request_id: one that caused it, or is linked to it.
    """

    state: State | None = None
    service_id: ServiceId | None = None
    request_id: RequestId | None = None
    measures: Behind | None = None


def _mine(session: TenantSession) -> Select[AccidentRow]:
    return queries.mine(session, AccidentRow)


async def get(session: TenantSession, accident_id: AccidentId, *, lock: bool = False) -> AccidentRow:
    """One accident. Raises AccidentNotFound."""
    query = _mine(session).where(AccidentRow.id == accident_id)
    return await queries.one(session, query, or_else=AccidentNotFound(accident_id), lock=lock)


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int, now: datetime
) -> list[AccidentRow]:
    """Accidents, the one that was recorded last first."""
    query = _mine(session).where(*_filters(session, sought, now))
    found = queries.page_back(query, AccidentRow, before=before, limit=limit)
    return list(await session.db.scalars(found))


def _filters(session: TenantSession, sought: Sought, now: datetime) -> list[ColumnElement[bool]]:
    row = AccidentRow
    found = queries.equal({row.state: sought.state, row.service_id: sought.service_id})
    if sought.request_id is not None:
        linked = row.id.in_(_linked_to(session, sought.request_id))
        found.append((row.change_id == sought.request_id) | linked)
    if sought.measures is not None:
        found.append(row.next_due_at.is_not(None))
    if sought.measures is Behind.OVERDUE:
        found.append(row.next_due_at < now)
    return found


def _linked_to(session: TenantSession, request_id: RequestId) -> Select[UUID]:
    row = AccidentLinkRow
    return select(row.accident_id).where(row.tenant_id == session.tenant_id, row.request_id == request_id)


async def links(session: TenantSession, accident_ids: Collection[UUID]) -> dict[UUID, list[AccidentLinkRow]]:
    """What these accidents are linked to."""
    row = AccidentLinkRow
    query = select(row).where(row.tenant_id == session.tenant_id, row.accident_id.in_(accident_ids))
    found: defaultdict[UUID, list[AccidentLinkRow]] = defaultdict(list)
    for link in await session.db.scalars(query):
        found[link.accident_id].append(link)
    return found


async def not_withdrawn(session: TenantSession) -> int:
    row = AccidentRow
    query = select(func.count()).where(row.tenant_id == session.tenant_id, row.state != State.WITHDRAWN.value)
    return (await session.db.scalars(query)).one()


async def add(session: TenantSession, columns: dict[str, Any]) -> None:
    await insert_rows(session.db, ACCIDENTS, [{"tenant_id": session.tenant_id, **columns}])


async def change(session: TenantSession, accident_id: AccidentId, columns: dict[str, Any]) -> None:
    """Write columns of an accident that the caller has locked."""
    await update_row(session, ACCIDENTS, accident_id, columns)


async def put_links(session: TenantSession, accident_id: AccidentId, rows: Sequence[dict[str, Any]]) -> None:
    """Let these be all that an accident is linked to."""
    link = AccidentLinkRow
    await session.db.execute(
        delete(link).where(link.tenant_id == session.tenant_id, link.accident_id == accident_id)
    )
    linked = [{"tenant_id": session.tenant_id, "accident_id": accident_id, **row} for row in rows]
    await insert_rows(session.db, LINKS, linked)


async def add_entry(session: TenantSession, columns: dict[str, Any]) -> None:
    await insert_rows(session.db, ENTRIES, [{"tenant_id": session.tenant_id, **columns}])


async def entries(
    session: TenantSession, accident_id: AccidentId, *, after: int, limit: int
) -> list[AccidentEntryRow]:
    """What became of an accident, in order, from behind the version `after` on."""
    row = AccidentEntryRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.accident_id == accident_id, row.version > after)
        .order_by(row.version)
        .limit(limit)
    )
    return list(await session.db.scalars(query))
