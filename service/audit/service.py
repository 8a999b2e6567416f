"""Use cases of this slice: record what somebody did."""

from datetime import datetime

from service import ids
from service.audit import store
from service.audit.domain import Actor, Deed
from service.db import TenantSession


async def record(session: TenantSession, actor: Actor, deed: Deed, *, now: datetime) -> None:
    """Record who did what, in the same transaction as the deed. `now` is the tenant's."""
    await store.add(
        session,
        ids.new_id(),
        {
            "recorded_at": now,
            "actor": actor.name,
            "application_id": actor.application_id,
            "client_id": actor.client_id,
            "action": deed.action,
            "subject": deed.subject,
            "changes": deed.changes,
            "address": actor.address,
            "http_request_id": actor.http_request_id,
        },
    )
