"""What most queries of one tenant's rows begin and end with, for stores to build theirs from."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from service.db import TenantRow, TenantSession
from service.errors import NotFound
from service.ids import ClientId

R = TypeVar("R", bound=TenantRow)


def mine(session: TenantSession, row: type[R]) -> Select[R]:
    """All rows of the tenant, as they are now: what the session read of them before is read anew."""
    return select(row).where(row.tenant_id == session.tenant_id).execution_options(populate_existing=True)


def of_client(
    query: Select[R], column: InstrumentedAttribute[UUID | None], client_id: ClientId | None
) -> Select[R]:
    """Those of one client organization, where one is named by what asks."""
    return query if client_id is None else query.where(column == client_id)


def equal(asked: Mapping[InstrumentedAttribute[Any], object]) -> list[ColumnElement[bool]]:
    """Rows that have these values in these columns; None leaves a column out."""
    return [column == value for column, value in asked.items() if value is not None]


def page(query: Select[R], row: type[R], *, after: UUID | None, limit: int) -> Select[R]:
    """So many in the order of their ids, which is that of their making, from behind `after` on."""
    found = query.order_by(row.id).limit(limit)
    return found if after is None else found.where(row.id > after)


def page_back(query: Select[R], row: type[R], *, before: UUID | None, limit: int) -> Select[R]:
    """So many, the youngest first, from before `before` on."""
    found = query.order_by(row.id.desc()).limit(limit)
    return found if before is None else found.where(row.id < before)


async def find(session: TenantSession, query: Select[R], *, lock: bool = False) -> R | None:
    """The row that the query asks for, if there is one."""
    return await session.db.scalar(query.with_for_update() if lock else query)


async def one(session: TenantSession, query: Select[R], *, or_else: NotFound, lock: bool = False) -> R:
    """The row that the query asks for. Raises what is said for where there is none."""
    row = await find(session, query, lock=lock)
    if row is None:
        raise or_else
    return row
