"""Rows with harmless defaults; a test names only what it is about."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service import ids
from service.db import Sessions, tenant_transaction
from service.ids import ClientId
from service.tenants import domain, service
from service.tenants.domain import Tenant

SCOPES = tuple(domain.SCOPES)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""A Monday."""


class MovableClock:
    """A clock that stands where the test puts it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


async def tenant(sessions: Sessions, *, sandbox_at: datetime | None = None) -> Tenant:
    """A tenant with a slug of its own: live, or a sandbox whose clock stands at `sandbox_at`."""
    slug = f"tenant-{ids.new_id().hex[-12:]}"
    async with tenant_transaction(sessions, service.new_tenant_id()) as session:
        return await service.create(
            session, slug=slug, name="Harbour Operations", sandbox_at=sandbox_at, created_at=NOON
        )


async def application(
    sessions: Sessions, of: Tenant, *, scopes: Sequence[str] = (), client_id: ClientId | None = None
) -> tuple[str, str]:
    """An OAuth client: its id and secret. All scopes that it may hold when none is named."""
    secret = secrets.token_urlsafe(32)
    async with tenant_transaction(sessions, of.id) as session:
        created = await service.create_application(
            session,
            name="Service desk",
            scopes=scopes or tuple(domain.scopes_open_to(client_id)),
            secret=secret,
            client_id=client_id,
            now=NOON,
        )
    return domain.oauth_client_id(of.slug, created.id), secret


def key() -> dict[str, str]:
    """Headers with an Idempotency-Key that nobody used yet."""
    return {"Idempotency-Key": secrets.token_urlsafe(12)}
