"""Use cases of this slice: record what somebody did, link what was recorded, show it."""

from datetime import datetime
from uuid import UUID

from service import ids
from service.audit import chain, store
from service.audit.domain import Actor, Deed, Link, Sought
from service.audit.errors import AuditRecordNotFound
from service.audit.store import Entry
from service.db import TenantSession
from service.ids import AuditRecordId

Place = tuple[datetime, UUID]
"""Where a reader of the trail stands: the time and the id of the last record that it has seen."""


async def record(session: TenantSession, actor: Actor, deed: Deed, *, now: datetime) -> None:
    """Record who did what, in the same transaction as the deed. `now` is the tenant's."""
    await store.add(session, ids.new_id(), actor, deed, at=now)


async def seal(session: TenantSession, *, limit: int) -> Link | None:
    """Link up to `limit` records that have none yet, oldest first.

    They stand in the order in which they were seen: one whose transaction committed late comes after younger
    ones, and none that was linked is ever moved.

    Returns:
        The last link, or None when there was nothing to link or another transaction has the chain.
    """
    if not await store.lock_chain(session):
        return None
    listed, records = await store.unlinked(session, limit=limit)
    if not listed:
        return None
    links = chain.links(await store.head(session), records)
    await store.add_links(session, [(each.id, link) for each, link in zip(records, links, strict=True)])
    await store.unlist(session, listed)
    return links[-1] if links else None


async def head(session: TenantSession) -> Link:
    """The last link of the tenant's chain; number 0 with a digest of zeros while there is none."""
    return await store.head(session)


async def get(session: TenantSession, record_id: AuditRecordId) -> Entry:
    """One record, with its link. Raises AuditRecordNotFound."""
    found = await store.one(session, record_id)
    if found is None:
        raise AuditRecordNotFound(record_id)
    return found


async def list_records(
    session: TenantSession, sought: Sought, *, before: Place | None, limit: int
) -> list[Entry]:
    """Records, newest first: what is recorded meanwhile comes before them, and moves none."""
    return await store.listed(session, sought, before=before, limit=limit)
