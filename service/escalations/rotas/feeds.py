"""Use cases of a rota as a calendar, and of the secret links to it. `now` is the tenant's."""

import asyncio
import hashlib
from datetime import datetime
from uuid import UUID

from service import ids
from service.audit.domain import Actor
from service.db import TenantSession
from service.escalations.rotas import domain, ics, service, store
from service.escalations.rotas.domain import Feed
from service.escalations.rotas.errors import RotaFeedNotFound, RotaInvalid
from service.escalations.rotas.models import RotaFeedRow
from service.ids import RotaFeedId, RotaId, TenantId
from service.limits import service as limits
from service.limits.domain.table import ROTA_FEEDS
from service.names import faults_of_name
from service.people import service as people

_HEX_DIGITS = 32


def path(tenant_id: TenantId, secret: str) -> str:
    """Where a link leads."""
    return f"/rota-feeds/{tenant_id.hex}.{secret}/calendar.ics"


def read_token(token: str) -> tuple[TenantId, str]:
    """The tenant and the secret of a link's path. Raises RotaFeedNotFound."""
    tenant, separated, secret = token.partition(".")
    if not separated or not secret or len(tenant) != _HEX_DIGITS:
        raise RotaFeedNotFound
    try:
        return TenantId(ids.read_id(tenant)), secret
    except ValueError as error:
        raise RotaFeedNotFound from error


async def create(
    session: TenantSession, actor: Actor, rota_id: RotaId, *, name: str, secret: str, now: datetime
) -> Feed:
    """Make a secret link. Only the digest of its secret, of 256 random bits, is kept.

    Raises:
        RotaNotFound, RotaInvalid, RotaFeedsTooMany
    """
    await store.get(session, rota_id)
    if faults := faults_of_name(name):
        raise RotaInvalid(faults)
    await limits.make_room(session, ROTA_FEEDS, lambda: store.feed_count(session, rota_id))
    feed = Feed(id=RotaFeedId(ids.new_id()), rota_id=rota_id, name=name, created_at=now)
    await store.add_feed(session, feed.id, rota_id=rota_id, name=name, digest=_digest(secret), created_at=now)
    after = {"feed_id": feed.id, "name": name}
    await service.record(session, actor, "rota.feed_created", rota_id, after=after, now=now)
    return feed


async def get(session: TenantSession, rota_id: RotaId, feed_id: RotaFeedId, *, lock: bool = False) -> Feed:
    """Raises RotaFeedNotFound."""
    return (await store.feed(session, rota_id, feed_id, lock=lock)).to_domain()


async def list_feeds(
    session: TenantSession, rota_id: RotaId, *, after: UUID | None, limit: int
) -> list[Feed]:
    """The links to a rota, oldest first. Raises RotaNotFound."""
    await store.get(session, rota_id)
    found = await store.listed_parts(session, RotaFeedRow, rota_id, after=after, limit=limit)
    return [row.to_domain() for row in found]


async def revoke(
    session: TenantSession, actor: Actor, rota_id: RotaId, feed_id: RotaFeedId, *, now: datetime
) -> None:
    """Raises RotaFeedNotFound."""
    row = await store.feed(session, rota_id, feed_id, lock=True)
    before = {"feed_id": feed_id, "name": row.name}
    await session.db.delete(row)
    await session.db.flush()
    await service.record(session, actor, "rota.feed_revoked", rota_id, before=before, now=now)


async def found(session: TenantSession, secret: str) -> Feed:
    """The link with this secret. Raises RotaFeedNotFound."""
    return (await store.feed_of(session, _digest(secret))).to_domain()


async def calendar(session: TenantSession, rota_id: RotaId, *, now: datetime) -> bytes:
    """The rota as an iCalendar document, from last month to half a year ahead. Raises RotaNotFound."""
    written = await service.get(session, rota_id)
    start, end = ics.stretch(now)
    rota = await service.computable(session, rota_id, since=start)
    shifts = await asyncio.to_thread(domain.shifts, rota, start, end)
    members = await people.members(session, {shift.member for shift in shifts})
    names = {member.id: member.name for member in members.values()}
    return await asyncio.to_thread(ics.document, written, shifts, names)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
