"""Queries of this slice. Every statement of a tenant names the tenant."""

from datetime import datetime
from uuid import UUID

import msgspec

from service.audit.domain import Actor, Deed
from service.db import TenantSession, run

ADD = """
with listed as (insert into audit_unlinked (tenant_id, id) values ($1, $2))
insert into audit_record (
    tenant_id, id, recorded_at, actor, application_id, client_id, action, subject, changes, address,
    http_request_id
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
"""The record, and that it has no link yet: whoever sees one sees the other."""


async def add(session: TenantSession, record_id: UUID, actor: Actor, deed: Deed, *, at: datetime) -> None:
    await run(
        session.db,
        ADD,
        *(session.tenant_id, record_id, at, actor.name, actor.application_id, actor.client_id),
        *(deed.action, deed.subject, msgspec.json.encode(deed.changes).decode()),
        *(actor.address, actor.http_request_id),
    )
