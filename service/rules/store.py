"""Queries of this slice. Every statement of a tenant names the tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Select, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from service.db import TenantSession, run
from service.ids import PolicyId
from service.rules.domain import Saved, VersionRef
from service.rules.errors import PolicyNameTaken, PolicyNotFound
from service.rules.models import PolicyPointerRow, PolicyRow, PolicyVersionRow
from service.rules.pointers import Pointed

POLICY_COUNT = "select count(*) from policy where tenant_id = $1"
POINTED = "select kind, effective::text from policy_pointer where tenant_id = $1 for share"


def _mine(session: TenantSession) -> Select[PolicyRow]:
    return select(PolicyRow).where(PolicyRow.tenant_id == session.tenant_id)


async def get(session: TenantSession, policy_id: PolicyId, *, lock: bool = False) -> PolicyRow:
    query = _mine(session).where(PolicyRow.id == policy_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise PolicyNotFound(policy_id)
    return row


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[PolicyRow]:
    query = _mine(session).order_by(PolicyRow.id).limit(limit)
    if after is not None:
        query = query.where(PolicyRow.id > after)
    return list(await session.db.scalars(query))


async def policy_count(session: TenantSession) -> int:
    found = await run(session.db, POLICY_COUNT, session.tenant_id)
    return found.scalar_one()


async def add(session: TenantSession, policy_id: PolicyId, *, name: str, kind: str, now: datetime) -> None:
    added = await session.db.execute(
        upsert(PolicyRow)
        .values(
            tenant_id=session.tenant_id,
            id=policy_id,
            name=name,
            kind=kind,
            version=1,
            published_version=None,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(PolicyRow.id)
    )
    if added.first() is None:
        raise PolicyNameTaken(name)


async def add_version(session: TenantSession, ref: VersionRef, saved: Saved, *, now: datetime) -> None:
    await session.db.execute(
        insert(PolicyVersionRow).values(
            tenant_id=session.tenant_id,
            id=ref.version_id,
            policy_id=ref.policy_id,
            version=ref.version,
            document=saved.document,
            declarations=saved.declared,
            created_at=now,
        )
    )


async def version(session: TenantSession, policy_id: PolicyId, number: int) -> PolicyVersionRow:
    row = await session.db.scalar(
        select(PolicyVersionRow).where(
            PolicyVersionRow.tenant_id == session.tenant_id,
            PolicyVersionRow.policy_id == policy_id,
            PolicyVersionRow.version == number,
        )
    )
    if row is None:
        raise PolicyNotFound(policy_id)
    return row


async def documents(session: TenantSession, version_ids: Sequence[UUID]) -> dict[UUID, Saved]:
    rows = await session.db.execute(
        select(PolicyVersionRow.id, PolicyVersionRow.document, PolicyVersionRow.declarations).where(
            PolicyVersionRow.tenant_id == session.tenant_id, PolicyVersionRow.id.in_(version_ids)
        )
    )
    return {row.id: Saved(row.document, row.declarations) for row in rows}


async def pointed(session: TenantSession) -> dict[str, list[Pointed]]:
    """What was put into effect, by kind, held FOR SHARE until the transaction ends."""
    found = await run(session.db, POINTED, session.tenant_id)
    return {kind: [Pointed.of(entry) for entry in msgspec.json.decode(stored)] for kind, stored in found}


async def hold_pointer(
    session: TenantSession, pointer_id: UUID, kind: str, *, now: datetime
) -> PolicyPointerRow:
    """The pointer of a kind, made when there is none, locked against deciding and publishing."""
    await session.db.execute(
        upsert(PolicyPointerRow)
        .values(tenant_id=session.tenant_id, id=pointer_id, kind=kind, effective=[], changed_at=now)
        .on_conflict_do_nothing()
    )
    row = await session.db.scalar(
        select(PolicyPointerRow)
        .where(PolicyPointerRow.tenant_id == session.tenant_id, PolicyPointerRow.kind == kind)
        .with_for_update()
    )
    if row is None:
        raise RuntimeError(f"the policy pointer {kind!r} was made and is not there")
    return row


async def point(
    session: TenantSession, pointer: PolicyPointerRow, pointed: Sequence[Pointed], *, now: datetime
) -> None:
    await session.db.execute(
        update(PolicyPointerRow)
        .where(PolicyPointerRow.tenant_id == session.tenant_id, PolicyPointerRow.id == pointer.id)
        .values(effective=[each.to_json() for each in pointed], changed_at=now)
    )
