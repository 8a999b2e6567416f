"""Rows with harmless defaults; a test names only what it is about."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service import ids
from service.commitments.domain import EntryId, LedgerEntry, Terms
from service.commitments.service import Offer
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId, DecisionId, RequestId
from service.requests.models import RequestRow
from service.tenants import domain, service
from service.tenants.domain import Tenant
from service.vault import GivenKeys, Vault, new_key_line

SCOPES = tuple(domain.SCOPES)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""A Monday."""


VAULT = Vault(GivenKeys(new_key_line(bytes(range(32)), key_id="test")))
"""What tests seal with."""


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


async def request(
    session: TenantSession, *, client_id: ClientId | None = None, opened_at: datetime = NOON
) -> RequestId:
    """A request without anything decided or promised."""
    request_id = RequestId(ids.new_id())
    session.db.add(
        RequestRow(
            tenant_id=session.tenant_id,
            id=request_id,
            client_id=client_id,
            service_id=None,
            source="desk",
            external_id=str(request_id),
            type="incident",
            title=None,
            state="open",
            facts={},
            opened_at=opened_at,
            received_at=opened_at,
            sequence=1,
        )
    )
    await session.db.flush()
    return request_id


def offer(
    request_id: RequestId,
    *terms: Terms,
    client_id: ClientId | None = None,
    at: datetime = NOON,
    entries: Sequence[LedgerEntry] = (),
) -> Offer:
    """What a decision that nobody made promises from `at` on."""
    return Offer(
        request_id=request_id,
        client_id=client_id,
        terms=terms,
        decision_id=DecisionId(ids.new_id()),
        at=at,
        source_sequence=0,
        received_at=at,
        entry_id=EntryId(str(ids.new_id())),
        entries=tuple(entries),
    )


def key() -> dict[str, str]:
    """Headers with an Idempotency-Key that nobody used yet."""
    return {"Idempotency-Key": secrets.token_urlsafe(12)}
