"""Queries of this slice. Every statement names the tenant."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service.db import TenantRow, TenantSession
from service.escalations.rotas.errors import (
    RotaFeedNotFound,
    RotaNameTaken,
    RotaNotFound,
    RotaOverrideNotFound,
)
from service.escalations.rotas.models import RotaFeedRow, RotaOverrideRow, RotaRow
from service.ids import RotaFeedId, RotaId, RotaOverrideId

Row = TypeVar("Row", bound=TenantRow)
Part = TypeVar("Part", RotaOverrideRow, RotaFeedRow)


def _mine(session: TenantSession, row: type[Row]) -> Select[Row]:
    return select(row).where(row.tenant_id == session.tenant_id)


async def get(session: TenantSession, rota_id: RotaId, *, lock: bool = False) -> RotaRow:
    query = _mine(session, RotaRow).where(RotaRow.id == rota_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise RotaNotFound(rota_id)
    return row


async def named(session: TenantSession, names: Collection[str]) -> list[RotaRow]:
    """Those of these names that there are."""
    return list(await session.db.scalars(_mine(session, RotaRow).where(RotaRow.name.in_(names))))


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[RotaRow]:
    """Rotas in the order of their making."""
    query = _mine(session, RotaRow).order_by(RotaRow.id).limit(limit)
    if after is not None:
        query = query.where(RotaRow.id > after)
    return list(await session.db.scalars(query))


async def count(session: TenantSession) -> int:
    query = select(func.count()).where(RotaRow.tenant_id == session.tenant_id)
    return (await session.db.execute(query)).scalar_one()


async def add(session: TenantSession, rota_id: RotaId, **values: Any) -> None:
    """Raises RotaNameTaken."""
    added = await session.db.execute(
        upsert(RotaRow)
        .values(tenant_id=session.tenant_id, id=rota_id, **values)
        .on_conflict_do_nothing()
        .returning(RotaRow.id)
    )
    if added.first() is None:
        raise RotaNameTaken(values["name"])


async def remove(session: TenantSession, row: RotaRow) -> None:
    """Remove a rota with its overrides and links."""
    for part in (RotaOverrideRow, RotaFeedRow):
        await session.db.execute(
            delete(part).where(part.tenant_id == session.tenant_id, part.rota_id == row.id)
        )
    await session.db.delete(row)
    await session.db.flush()


async def overrides(
    session: TenantSession,
    rota_ids: Collection[UUID],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[RotaOverrideRow]:
    """What is agreed beside these rotas and lies between two instants, in the order of its making."""
    row = RotaOverrideRow
    query = _mine(session, row).where(row.rota_id.in_(rota_ids)).order_by(row.id)
    if since is not None:
        query = query.where(row.end_at > since)
    if until is not None:
        query = query.where(row.start_at < until)
    return list(await session.db.scalars(query))


async def listed_parts(
    session: TenantSession, part: type[Part], rota_id: RotaId, *, after: UUID | None, limit: int
) -> list[Part]:
    """The overrides or links of a rota, in the order of their making."""
    query = _mine(session, part).where(part.rota_id == rota_id).order_by(part.id).limit(limit)
    if after is not None:
        query = query.where(part.id > after)
    return list(await session.db.scalars(query))


async def override_count(session: TenantSession, rota_id: RotaId, *, since: datetime) -> int:
    """How many overrides of a rota are not over."""
    row = RotaOverrideRow
    mine = row.tenant_id == session.tenant_id, row.rota_id == rota_id, row.end_at > since
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def add_override(session: TenantSession, override_id: RotaOverrideId, **values: Any) -> None:
    await session.db.execute(
        insert(RotaOverrideRow).values(tenant_id=session.tenant_id, id=override_id, **values)
    )


async def override(
    session: TenantSession, rota_id: RotaId, override_id: RotaOverrideId, *, lock: bool = False
) -> RotaOverrideRow:
    row = RotaOverrideRow
    query = _mine(session, row).where(row.rota_id == rota_id, row.id == override_id)
    found = await session.db.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise RotaOverrideNotFound(override_id)
    return found


async def feed_count(session: TenantSession, rota_id: RotaId) -> int:
    mine = RotaFeedRow.tenant_id == session.tenant_id, RotaFeedRow.rota_id == rota_id
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def add_feed(session: TenantSession, feed_id: RotaFeedId, **values: Any) -> None:
    await session.db.execute(insert(RotaFeedRow).values(tenant_id=session.tenant_id, id=feed_id, **values))


async def feed(
    session: TenantSession, rota_id: RotaId, feed_id: RotaFeedId, *, lock: bool = False
) -> RotaFeedRow:
    query = _mine(session, RotaFeedRow).where(RotaFeedRow.rota_id == rota_id, RotaFeedRow.id == feed_id)
    found = await session.db.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise RotaFeedNotFound
    return found


async def feed_of(session: TenantSession, digest: bytes) -> RotaFeedRow:
    """The link whose secret has this digest. Raises RotaFeedNotFound."""
    found = await session.db.scalar(_mine(session, RotaFeedRow).where(RotaFeedRow.digest == digest))
    if found is None:
        raise RotaFeedNotFound
    return found
