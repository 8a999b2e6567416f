"""Use cases of this slice: record what somebody did."""

from datetime import datetime

from service import ids
from service.audit import store
from service.audit.domain import Actor, Deed
from service.db import TenantSession


async def record(session: TenantSession, actor: Actor, deed: Deed, *, now: datetime) -> None:
    """Record who did what, in the same transaction as the deed. `now` is the tenant's."""
    await store.add(session, ids.new_id(), actor, deed, at=now)
