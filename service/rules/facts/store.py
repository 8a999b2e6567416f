"""Queries of a tenant's own facts. Every statement names the tenant."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError

from service.db import TenantSession
from service.ids import FactId
from service.rules.facts.errors import FactNameTaken, FactNotFound
from service.rules.facts.models import FactRow
from service.rules.models import PolicyRow, PolicyVersionRow


def _mine(session: TenantSession) -> Select[FactRow]:
    return select(FactRow).where(FactRow.tenant_id == session.tenant_id)


async def get(session: TenantSession, fact_id: FactId, *, lock: bool = False) -> FactRow:
    query = _mine(session).where(FactRow.id == fact_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise FactNotFound(fact_id)
    return row


async def listed(session: TenantSession) -> list[FactRow]:
    """All of them: a tenant's limit is at most a thousand."""
    return list(await session.db.scalars(_mine(session).order_by(FactRow.name)))


async def count(session: TenantSession) -> int:
    query = select(func.count()).select_from(FactRow).where(FactRow.tenant_id == session.tenant_id)
    return (await session.db.execute(query)).scalar_one()


async def add(session: TenantSession, row: FactRow) -> None:
    name = row.name
    session.db.add(row)
    try:
        await session.db.flush()
    except IntegrityError as error:
        raise FactNameTaken(name) from error


async def remove(session: TenantSession, row: FactRow) -> None:
    await session.db.delete(row)
    await session.db.flush()


async def declaring(
    session: TenantSession, version_ids: Collection[UUID]
) -> list[tuple[str, dict[str, Any]]]:
    """Those of these versions that declare facts for themselves: the name of the policy, and the document."""
    version, policy = PolicyVersionRow, PolicyRow
    query = (
        select(policy.name, version.document)
        .join(version, (version.tenant_id == session.tenant_id) & (version.policy_id == policy.id))
        .where(policy.tenant_id == session.tenant_id, version.id.in_(version_ids))
        .where(version.document.op("?")("facts"))
        .order_by(policy.name)
    )
    return [(found.name, found.document) for found in await session.db.execute(query)]


async def readers(session: TenantSession, name: str, version_ids: Collection[UUID]) -> list[str]:
    """The names of the policies of which one of these versions was checked against the fact."""
    version, policy = PolicyVersionRow, PolicyRow
    query = (
        select(policy.name)
        .join(version, (version.tenant_id == session.tenant_id) & (version.policy_id == policy.id))
        .where(
            policy.tenant_id == session.tenant_id,
            version.id.in_(version_ids),
            version.declarations.op("?")(name),
        )
        .order_by(policy.name)
    )
    return list(dict.fromkeys(await session.db.scalars(query)))
