"""Queries of this slice. Every statement of a tenant names the tenant."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.calendars.errors import CalendarNameTaken, CalendarNotFound
from service.calendars.models import CalendarRow, CalendarVersionRow
from service.db import TenantSession, run
from service.ids import CalendarId, ClientId

COUNT = "select count(*) from calendar where tenant_id = $1"
CURRENT_VERSIONS = "select name, version_id from calendar where tenant_id = $1 and name = any($2)"

Stored = tuple[CalendarRow, CalendarVersionRow]


def _mine(session: TenantSession) -> Select[CalendarRow, CalendarVersionRow]:
    """Calendars, each with its current version."""
    current = and_(
        CalendarVersionRow.tenant_id == CalendarRow.tenant_id,
        CalendarVersionRow.id == CalendarRow.version_id,
    )
    return (
        select(CalendarRow, CalendarVersionRow)
        .join(CalendarVersionRow, current)
        .where(
            CalendarRow.tenant_id == session.tenant_id,
            CalendarVersionRow.tenant_id == session.tenant_id,
            *_open_to(session, CalendarRow),
        )
    )


def _my_versions(session: TenantSession) -> Select[CalendarVersionRow]:
    return select(CalendarVersionRow).where(
        CalendarVersionRow.tenant_id == session.tenant_id, *_open_to(session, CalendarVersionRow)
    )


def _open_to(
    session: TenantSession, row: type[CalendarRow | CalendarVersionRow]
) -> list[ColumnElement[bool]]:
    """What all share and its own, where the session is confined to a client organization."""
    if session.client_id is None:
        return []
    return [row.client_id.is_(None) | (row.client_id == session.client_id)]


async def get(session: TenantSession, calendar_id: CalendarId, *, lock: bool = False) -> Stored:
    """A calendar and its current version.

    The lock is taken by a statement of its own: one that waits for a lock and joins at once would join what
    it waited for with the version before it, and find nothing.
    """
    if lock:
        mine = CalendarRow.tenant_id == session.tenant_id, CalendarRow.id == calendar_id
        await session.db.execute(select(CalendarRow.id).where(*mine).with_for_update())
    for calendar, current in await session.db.execute(_mine(session).where(CalendarRow.id == calendar_id)):
        return calendar, current
    raise CalendarNotFound(calendar_id)


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[Stored]:
    """Calendars in the order of their making."""
    query = _mine(session).order_by(CalendarRow.id).limit(limit)
    if after is not None:
        query = query.where(CalendarRow.id > after)
    return [(calendar, current) for calendar, current in await session.db.execute(query)]


async def versions(
    session: TenantSession, calendar_id: CalendarId, *, after: UUID | None, limit: int
) -> list[CalendarVersionRow]:
    """Versions in the order of their making."""
    query = _my_versions(session).where(CalendarVersionRow.calendar_id == calendar_id)
    if after is not None:
        query = query.where(CalendarVersionRow.id > after)
    return list(await session.db.scalars(query.order_by(CalendarVersionRow.id).limit(limit)))


async def version(session: TenantSession, version_id: UUID) -> CalendarVersionRow:
    row = await session.db.scalar(_my_versions(session).where(CalendarVersionRow.id == version_id))
    if row is None:
        raise CalendarNotFound(f"version {version_id}")
    return row


async def version_named(session: TenantSession, name: str, version: int) -> UUID | None:
    """The id of a version of the calendar of this name, if there is one."""
    calendar, row = CalendarRow, CalendarVersionRow
    query = (
        select(row.id)
        .join(calendar, (calendar.tenant_id == row.tenant_id) & (calendar.id == row.calendar_id))
        .where(
            calendar.tenant_id == session.tenant_id,
            row.tenant_id == session.tenant_id,
            calendar.name == name,
            row.version == version,
        )
    )
    return await session.db.scalar(query)


async def current_versions(session: TenantSession, names: Collection[str]) -> dict[str, UUID]:
    """The current version of each calendar of these names that there is."""
    rows = await run(session.db, CURRENT_VERSIONS, session.tenant_id, list(names))
    return {row.name: row.version_id for row in rows}


async def names(session: TenantSession, *, client_id: ClientId | None) -> frozenset[str]:
    """The names of the shared calendars, and of those of this client organization."""
    row = CalendarRow
    open_to_it = row.client_id.is_(None) | (row.client_id == client_id)
    query = select(row.name).where(row.tenant_id == session.tenant_id, open_to_it)
    return frozenset(await session.db.scalars(query))


async def count(session: TenantSession) -> int:
    """How many calendars there are."""
    return (await run(session.db, COUNT, session.tenant_id)).scalar_one()


async def add(
    session: TenantSession,
    calendar_id: CalendarId,
    *,
    name: str,
    client_id: ClientId | None,
    version_id: UUID,
    now: datetime,
) -> CalendarRow:
    """Insert a calendar that points at its first version. Raises CalendarNameTaken."""
    added = await session.db.scalar(
        upsert(CalendarRow)
        .values(
            tenant_id=session.tenant_id,
            id=calendar_id,
            client_id=client_id,
            name=name,
            version=1,
            version_id=version_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(CalendarRow)
    )
    if added is None:
        raise CalendarNameTaken(name)
    return added


async def add_version(session: TenantSession, version_id: UUID, **values: Any) -> None:
    await session.db.execute(
        insert(CalendarVersionRow).values(tenant_id=session.tenant_id, id=version_id, **values)
    )
