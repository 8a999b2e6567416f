"""Queries of ladders. Every statement names the tenant."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.db import TenantSession
from service.escalations.ladders.errors import LadderNameTaken, LadderNotFound
from service.escalations.ladders.models import LadderRow, LadderVersionRow
from service.ids import LadderId, LadderVersionId

Stored = tuple[LadderRow, LadderVersionRow]


def _mine(session: TenantSession) -> Select[LadderRow, LadderVersionRow]:
    """Ladders, each with its current version."""
    current = and_(
        LadderVersionRow.tenant_id == LadderRow.tenant_id, LadderVersionRow.id == LadderRow.version_id
    )
    return (
        select(LadderRow, LadderVersionRow)
        .join(LadderVersionRow, current)
        .where(LadderRow.tenant_id == session.tenant_id, LadderVersionRow.tenant_id == session.tenant_id)
    )


def _my_versions(session: TenantSession) -> Select[LadderRow, LadderVersionRow]:
    """Versions, each with its ladder."""
    its = and_(LadderRow.tenant_id == LadderVersionRow.tenant_id, LadderRow.id == LadderVersionRow.ladder_id)
    return (
        select(LadderRow, LadderVersionRow)
        .join(LadderVersionRow, its)
        .where(LadderRow.tenant_id == session.tenant_id, LadderVersionRow.tenant_id == session.tenant_id)
    )


async def get(session: TenantSession, ladder_id: LadderId, *, lock: bool = False) -> Stored:
    """A ladder and its current version. Raises LadderNotFound.

    The lock is taken by a statement of its own: one that waits for a lock and joins at once would join what
    it waited for with the version before it, and find nothing.
    """
    if lock:
        mine = LadderRow.tenant_id == session.tenant_id, LadderRow.id == ladder_id
        await session.db.execute(select(LadderRow.id).where(*mine).with_for_update())
    for ladder, current in await session.db.execute(_mine(session).where(LadderRow.id == ladder_id)):
        return ladder, current
    raise LadderNotFound(ladder_id)


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[Stored]:
    """Ladders in the order of their making."""
    query = _mine(session).order_by(LadderRow.id).limit(limit)
    if after is not None:
        query = query.where(LadderRow.id > after)
    return [(ladder, current) for ladder, current in await session.db.execute(query)]


async def named(session: TenantSession, names: Collection[str]) -> list[Stored]:
    """Those of the ladders of these names that are not retired."""
    if not names:
        return []
    query = _mine(session).where(LadderRow.name.in_(names), LadderRow.retired_at.is_(None))
    return [(ladder, current) for ladder, current in await session.db.execute(query)]


async def versions(
    session: TenantSession, ladder_id: LadderId, *, after: UUID | None, limit: int
) -> list[Stored]:
    """Versions of a ladder in the order of their making."""
    query = _my_versions(session).where(LadderVersionRow.ladder_id == ladder_id)
    if after is not None:
        query = query.where(LadderVersionRow.id > after)
    found = await session.db.execute(query.order_by(LadderVersionRow.id).limit(limit))
    return [(ladder, version) for ladder, version in found]


async def versions_of(session: TenantSession, version_ids: Collection[LadderVersionId]) -> list[Stored]:
    """Those of these versions that there are."""
    if not version_ids:
        return []
    query = _my_versions(session).where(LadderVersionRow.id.in_(version_ids))
    return [(ladder, version) for ladder, version in await session.db.execute(query)]


async def count(session: TenantSession) -> int:
    """How many ladders are not retired."""
    row = LadderRow
    mine = row.tenant_id == session.tenant_id, row.retired_at.is_(None)
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def add(
    session: TenantSession, ladder_id: LadderId, *, name: str, version_id: LadderVersionId, now: datetime
) -> LadderRow:
    """Insert a ladder that points at its first version. Raises LadderNameTaken."""
    added = await session.db.scalar(
        upsert(LadderRow)
        .values(
            tenant_id=session.tenant_id,
            id=ladder_id,
            name=name,
            version=1,
            version_id=version_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(LadderRow)
    )
    if added is None:
        raise LadderNameTaken(name)
    return added


async def add_version(session: TenantSession, version_id: UUID, **values: Any) -> None:
    await session.db.execute(
        insert(LadderVersionRow).values(tenant_id=session.tenant_id, id=version_id, **values)
    )


async def naming(session: TenantSession, key: str, name: str) -> list[str]:
    """The names of the ladders, of those not retired, whose current version has a target with this key so."""
    row, current = LadderRow, LadderVersionRow
    named_so = current.definition.contains({"steps": [{"tell": [{key: name}]}]})
    query = _mine(session).with_only_columns(row.name).where(row.retired_at.is_(None), named_so)
    return sorted(await session.db.scalars(query))
