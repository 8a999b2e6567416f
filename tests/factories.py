"""Rows with harmless defaults; a test names only what it is about."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service import ids
from service.api.oauth.authority import CONSOLE
from service.api.oauth.granted import domain as granted
from service.api.oauth.granted import store as granted_store
from service.api.oauth.granted.domain import Code, Consent
from service.audit.domain import Actor
from service.commitments.domain import EntryId, LedgerEntry, Terms
from service.commitments.service import Offer
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId, ContactId, DecisionId, MemberId, RequestId
from service.people.domain import MemberState, Role, read_invitation
from service.people.models import MemberRow, MembershipRecord, PersonRecord
from service.requests.models import RequestRow
from service.rules import policies
from service.tenants import applications, domain, service
from service.tenants.domain import Approval, Contact, Tenant
from service.tenants.registration import Registration
from service.tenants.service import ClientEntry
from service.vault import GivenKeys, Vault, new_key_line

SCOPES = tuple(domain.SCOPES)
OPERATOR = Actor()
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


async def tenant(
    sessions: Sessions, *, sandbox_at: datetime | None = None, approval: Approval = Approval.GIT
) -> Tenant:
    """A tenant with a slug of its own: live, or a sandbox whose clock stands at `sandbox_at`.

    The application that drafts a policy publishes it, unless `approval` says that members approve.
    """
    slug = f"tenant-{ids.new_id().hex[-12:]}"
    async with tenant_transaction(sessions, service.new_tenant_id()) as session:
        made = await service.create(
            session,
            slug=slug,
            name="Harbour Operations",
            sandbox_at=sandbox_at,
            created_at=NOON,
            approval=approval,
        )
        await policies.set_up(session)
        return made


async def application(
    sessions: Sessions, of: Tenant, *, scopes: Sequence[str] = (), client_id: ClientId | None = None
) -> tuple[str, str]:
    """An OAuth client: its id and secret. All scopes that it may hold when none is named."""
    secret = secrets.token_urlsafe(32)
    async with tenant_transaction(sessions, of.id) as session:
        asked = Registration(
            name="Service desk",
            scopes=scopes or tuple(domain.scopes_open_to(client_id)),
            client_id=client_id,
        )
        created = await applications.create(session, applications.OPERATOR, asked, secret=secret, now=NOON)
    return domain.oauth_client_id(of.slug, created.id), secret


def secret_of(url: str) -> str:
    """The secret in the link of an invitation."""
    found = read_invitation(url.rpartition("/")[2])
    assert found is not None
    return found[1]


async def member(sessions: Sessions, of: Tenant, *roles: Role) -> MemberId:
    """An active member, whose account has no password that could be known."""
    member_id, person_id = MemberId(ids.new_id()), ids.new_id()
    email, name = f"{member_id.hex[-12:]}@harbour.test", "Ada Harbour"
    async with tenant_transaction(sessions, of.id) as session:
        person = PersonRecord(
            id=person_id, email=email, name=name, password_hash="", tokens_valid_from=NOON, created_at=NOON
        )
        row = MemberRow(
            tenant_id=of.id,
            id=member_id,
            person_id=person_id,
            email=email,
            name=name,
            roles=[role.value for role in roles],
            state=MemberState.ACTIVE.value,
            tokens_valid_from=NOON,
            version=1,
            created_at=NOON,
        )
        session.db.add_all(
            [
                person,
                row,
                MembershipRecord(person_id=person_id, tenant_id=of.id, member_id=member_id, active=True),
            ]
        )
        await session.db.flush()
    return member_id


async def code(
    sessions: Sessions, of: Tenant, member_id: MemberId, *, scopes: Sequence[str] = (), now: datetime
) -> tuple[str, dict[str, str]]:
    """A code that a member gave the tenant's console just now, and the form that it is exchanged with."""
    verifier, redirect_uri = secrets.token_urlsafe(32), "http://127.0.0.1:8000/callback"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    found = granted.ticket(of.id, secrets.token_bytes(32))
    async with tenant_transaction(sessions, of.id) as session:
        consent = Consent(
            application_id=domain.console_id(of.id),
            client=CONSOLE,
            member_id=member_id,
            scopes=frozenset(scopes or SCOPES),
        )
        kept = Code(
            consent=consent,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=now + granted.CODE_TTL,
            family_id=None,
        )
        await granted_store.add_code(session, granted.digest(found), kept)
    return found, {
        "grant_type": "authorization_code",
        "client_id": CONSOLE,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }


async def client_of(sessions: Sessions, of: Tenant, *, name: str = "Harbour") -> ClientId:
    """A client organization of a tenant."""
    async with tenant_transaction(sessions, of.id) as session:
        return (await service.create_client(session, Actor(), ClientEntry(name=name), now=NOON)).id


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


def contact(language: str | None, time_zone: str | None) -> Contact:
    """Somebody who reads this language, and lives in this zone."""
    return Contact(
        id=ContactId(ids.new_id()),
        client_id=None,
        external_id=None,
        name="Ada",
        email=None,
        phone=None,
        language=language,
        time_zone=time_zone,
        version=1,
        created_at=NOON,
    )


def key() -> dict[str, str]:
    """Headers with an Idempotency-Key that nobody used yet."""
    return {"Idempotency-Key": secrets.token_urlsafe(12)}
