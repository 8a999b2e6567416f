"""What is done at log-in, on its way to the audit trails of the person's tenants.

A log-in belongs to no tenant, and a transaction to at most one. So a deed is noted in the transaction that it
is part of, by the same statement whether or not anybody has the address that was tried; a worker then finds
whose trails it belongs to, and writes it into each, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import PersonId, TenantId
from service.people import accounts
from service.people.domain import Origin
from service.people.models import LoginDeedRecord
from service.platform import PlatformSession, platform_transaction
from service.tenants import service as tenants

TRAILS_MAX = 50
"""Into how many tenants' trails one deed is written at most."""

BATCH = 100
ANONYMOUS = "anonymous"
"""The actor of what somebody did who could not show to be the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What was done.

    Attributes:
        person_id: None when nobody has the address that was tried.
        actor: who did it; None for the person itself.
    """

    action: str
    person_id: PersonId | None
    origin: Origin
    actor: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


async def note(platform: PlatformSession, noted: Noted, *, now: datetime) -> None:
    """Have this written into the trails it belongs to. `now` is the wall clock's."""
    await platform.db.execute(
        insert(LoginDeedRecord).values(
            id=ids.new_id(),
            tenant_id=None,
            member_id=None,
            person_id=noted.person_id,
            actor=noted.actor,
            action=noted.action,
            details=dict(noted.details),
            address=noted.origin.address,
            http_request_id=noted.origin.http_request_id,
            happened_at=now,
        )
    )


async def write_all(sessions: Sessions) -> int:
    """Write what was noted into the trails it belongs to; returns how many records that made."""
    async with platform_transaction(sessions) as platform:
        await _address(platform)
    async with platform_transaction(sessions) as platform:
        waiting = await _addressed(platform)
    written = 0
    for tenant_id, deed_id in waiting:
        async with tenant_transaction(sessions, tenant_id) as session:
            written += await _write(session, deed_id)
    return written


async def _address(platform: PlatformSession) -> None:
    """Put one deed for each tenant of its person in the place of what was noted of the person."""
    noted = await platform.db.scalars(
        select(LoginDeedRecord)
        .where(LoginDeedRecord.tenant_id.is_(None))
        .order_by(LoginDeedRecord.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    for row in noted:
        if row.person_id is not None:
            trails = await accounts.memberships(platform, PersonId(row.person_id))
            platform.db.add_all(
                LoginDeedRecord(
                    id=ids.new_id(),
                    tenant_id=membership.tenant_id,
                    member_id=membership.member_id,
                    person_id=row.person_id,
                    actor=row.actor,
                    action=row.action,
                    details=row.details,
                    address=row.address,
                    http_request_id=row.http_request_id,
                    happened_at=row.happened_at,
                )
                for membership in trails[:TRAILS_MAX]
            )
        await platform.db.delete(row)
    await platform.db.flush()


async def _addressed(platform: PlatformSession) -> list[tuple[TenantId, UUID]]:
    found = await platform.db.execute(
        select(LoginDeedRecord.tenant_id, LoginDeedRecord.id)
        .where(LoginDeedRecord.tenant_id.is_not(None))
        .order_by(LoginDeedRecord.id)
        .limit(BATCH)
    )
    return [(TenantId(tenant_id), deed_id) for tenant_id, deed_id in found if tenant_id is not None]


async def _write(session: TenantSession, deed_id: UUID) -> int:
    """Take one deed away and record it, unless another worker has."""
    found = await session.db.execute(
        delete(LoginDeedRecord)
        .where(LoginDeedRecord.tenant_id == session.tenant_id, LoginDeedRecord.id == deed_id)
        .returning(LoginDeedRecord)
    )
    row = found.scalar()
    if row is None:
        return 0
    member = f"member:{row.member_id}"
    actor = Actor(name=row.actor or member, address=row.address, http_request_id=row.http_request_id)
    after = {"at": row.happened_at.isoformat(), **row.details}
    await audit.record(session, actor, Deed(row.action, member, after=after), now=await tenants.now(session))
    return 1
