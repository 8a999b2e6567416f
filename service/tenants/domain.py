"""Who a tenant is, what may call on its behalf, and what it operates. Pure."""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service import ids
from service.errors import Fault
from service.ids import ApplicationId, ClientId, ContactId, ServiceId, TenantId

SLUG = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")

SCOPES = {
    "accidents:read": "Read the register of accidents, and reviews of work that was done.",
    "accidents:write": "Record accidents, their causes and measures, and what reviews found.",
    "alarms:read": "Read what the auditor of promises and escalations found wrong.",
    "applications:read": "Read the applications that may call, without their secrets.",
    "applications:write": "Register, change and revoke applications.",
    "approvals:answer": "Approve or refuse what a verdict requires, and delegate that in absence.",
    "arrangements:answer": "Accept a counter-proposal for the client, or object to it.",
    "arrangements:read": "Read what became of verdicts, and special methods.",
    "arrangements:write": "Read gates, questionnaires and messages, record for gates, use special methods.",
    "audit:read": "Read the audit trail.",
    "backtests:read": "Read backtests, and the logs of past requests that were brought in for them.",
    "backtests:write": "Run backtests, and bring in logs of past requests for them.",
    "calendars:read": "Read calendars, and compute with them.",
    "calendars:write": "Create calendars and their versions.",
    "catalogue:approve": "Approve types of request that others wrote.",
    "catalogue:read": "Read the types of request.",
    "catalogue:write": "Write types of request, questionnaires and message templates.",
    "clients:read": "Read the client organizations.",
    "clients:write": "Register client organizations.",
    "commitments:read": "Read promises, their clocks and their outcomes.",
    "commitments:write": "Promise as a person, renegotiate, and correct what was recorded wrongly.",
    "contacts:read": "Read the people of client organizations who are named on requests.",
    "contacts:write": "Register and change contacts.",
    "escalations:read": "Read the runs of ladders, and the notices that were given.",
    "escalations:write": "Acknowledge, snooze, hand over, raise and end runs of ladders, and start them.",
    "events:read": "Read the event feed.",
    "facts:read": "Read which facts rules may ask for.",
    "facts:write": "Declare facts.",
    "groups:read": "Read the groups of members.",
    "groups:write": "Create and change groups of members.",
    "improvements:read": "Read the register of improvements.",
    "improvements:write": "Open and change improvements.",
    "ladders:read": "Read ladders, and preview whom they would tell.",
    "ladders:write": "Write ladders.",
    "major_incidents:read": "Read major incidents.",
    "major_incidents:write": "Declare major incidents, report on them, and end them.",
    "members:read": "Read the members and their roles.",
    "members:write": "Invite and deactivate members, and change their roles.",
    "objections:decide": "Decide objections.",
    "objections:read": "Read objections.",
    "objections:write": "Object to a verdict, a promise or an arrangement, and withdraw that.",
    "policies:approve": "Approve policies that others wrote, or send them back.",
    "policies:read": "Read policies, simulate them, and try conditions against facts.",
    "policies:write": "Write policies, submit them for review, and publish what was approved.",
    "renegotiations:answer": "Answer for the client when a promise is to be renegotiated.",
    "requests:backdate": "Report what happened more than a day ago.",
    "requests:read": "Read requests, their decisions, the reasons and timelines.",
    "requests:write": "Submit requests and what happens to them.",
    "rotas:read": "Read rotas, and who is on duty.",
    "rotas:write": "Write rotas, and agree on overrides and swaps.",
    "sandbox:read": "Read the clock of a sandbox tenant.",
    "sandbox:write": "Move the clock of a sandbox tenant.",
    "services:read": "Read the service register.",
    "services:write": "Change the service register.",
    "tenant:read": "Read the tenant's own record.",
    "tenant:write": "Change the tenant's own record: where its policies are reviewed.",
    "webhooks:read": "Read webhook endpoints and their deliveries.",
    "webhooks:write": "Create and delete webhook endpoints.",
}
"""Every scope an application may be given, and what it permits."""

CLIENT_SCOPES = {
    name: SCOPES[name]
    for name in (
        "arrangements:answer",
        "arrangements:read",
        "calendars:read",
        "catalogue:read",
        "commitments:read",
        "contacts:read",
        "contacts:write",
        "events:read",
        "major_incidents:read",
        "objections:read",
        "objections:write",
        "renegotiations:answer",
        "requests:backdate",
        "requests:read",
        "requests:write",
        "sandbox:read",
        "services:read",
        "tenant:read",
        "webhooks:read",
        "webhooks:write",
    )
}
"""Those that an application of a client organization may be given: none that shows it other clients, their
rules, or lets it change what all of them share."""


class TenantKind(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"
    """Its time is its own: it moves only when it is told to."""


class Approval(StrEnum):
    """Where versions of policies are reviewed before they are published."""

    MEMBERS = "members"
    """Here, by another member."""
    GIT = "git"
    """Where they are kept: what an application drafted, an application may publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    id: TenantId
    slug: str
    name: str
    kind: TenantKind
    approval: Approval
    version: int = 1


def approval_unless_said(kind: TenantKind) -> Approval:
    """A sandbox is for trying, so that nobody is asked there."""
    return Approval.GIT if kind is TenantKind.SANDBOX else Approval.MEMBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client organization of the tenant, and what rules may know of it.

    Attributes:
        tier: the fact `client.tier`.
        profile: what the tenant says of it in its own words: the facts `client.custom.<name>`.
        calendar: the name of the calendar that its days go by: the fact `client.calendar`.
    """

    id: ClientId
    name: str
    tier: str | None
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
    calendar: str | None = None
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person who is named on requests, and who is not a member.

    Attributes:
        client_id: the client organization that it is a person of; None for a person of the tenant itself.
        external_id: what the client's own register calls it.
        language: a BCP 47 tag, such as `de-AT`.
        time_zone: a name of the IANA database.
    """

    id: ContactId
    client_id: ClientId | None
    external_id: str | None
    name: str
    email: str | None
    phone: str | None
    language: str | None
    time_zone: str | None
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatedService:
    """An entry of the service register: the source of the `service.*` facts.

    Attributes:
        hours: the name of the calendar in which the service is operated.
    """

    id: ServiceId
    name: str
    owner_group: str | None
    criticality: str | None
    hours: str | None
    version: int
    created_at: datetime


class AuthMethod(StrEnum):
    """How an application proves who it is; both ways of RFC 7591 to send a secret are one here."""

    NONE = "none"
    """It is public, and cannot."""
    CLIENT_SECRET = "client_secret"  # noqa: S105 - the name of a method
    PRIVATE_KEY_JWT = "private_key_jwt"


class GrantType(StrEnum):
    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An OAuth client. With a `client_id` it acts for that client organization only.

    Attributes:
        scopes: all that it may be given; the console's are all there are.
        redirect_uris: where a code may be sent, exactly as written.
        jwks: the public keys that its assertions are signed with, as a JSON Web Key Set.
        secret_sha256: None where it has no secret.
        previous_secret_sha256: the one before, which counts until `previous_secret_until`.
        version: grows with each change.
    """

    tenant_id: TenantId
    id: ApplicationId
    name: str
    client_id: ClientId | None
    scopes: frozenset[str]
    auth_method: AuthMethod = AuthMethod.CLIENT_SECRET
    grant_types: frozenset[GrantType] = frozenset({GrantType.CLIENT_CREDENTIALS})
    redirect_uris: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    secret_sha256: bytes | None = None
    previous_secret_sha256: bytes | None = None
    previous_secret_until: datetime | None = None
    version: int = 1
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def is_console(self) -> bool:
        """Is it the one through which the tenant's members work? It belongs to us, and cannot be changed."""
        return self.id == console_id(self.tenant_id)

    def knows(self, secret: str, now: datetime) -> bool:
        """Is this the secret, or the one before while that counts? Compared in constant time."""
        digest = secret_digest(secret)
        is_current = hmac.compare_digest(self.secret_sha256 or b"", digest)
        was_current = hmac.compare_digest(self.previous_secret_sha256 or b"", digest)
        counts = self.previous_secret_until is not None and now < self.previous_secret_until
        return is_current or (was_current and counts)


def console_id(tenant_id: TenantId) -> ApplicationId:
    return ApplicationId(ids.derived_id(tenant_id, "console"))


def console_of(tenant_id: TenantId, created_at: datetime) -> Application:
    """The application through which a new tenant's members work, from a machine of their own."""
    return Application(
        tenant_id=tenant_id,
        id=console_id(tenant_id),
        name="Console",
        client_id=None,
        scopes=frozenset(SCOPES),
        auth_method=AuthMethod.NONE,
        grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
        redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
        created_at=created_at,
    )


def secret_digest(secret: str) -> bytes:
    """A secret has 256 random bits, so one round of SHA-256 hides it as well as a slow hash would."""
    return hashlib.sha256(secret.encode()).digest()


def oauth_client_id(slug: str, application_id: ApplicationId) -> str:
    """What the application calls itself at the token endpoint. It carries its tenant."""
    return f"{slug}.{application_id.hex}"


def faults_of_slug(slug: str) -> list[Fault]:
    if SLUG.fullmatch(slug):
        return []
    return [
        Fault(
            "/slug",
            f"{slug!r} is not 3 to 40 lower-case letters, digits and hyphens, starting with a letter.",
        )
    ]


def scopes_open_to(client_id: ClientId | None) -> Collection[str]:
    """The scopes that an application may be given: of a client organization, or of the tenant itself."""
    return SCOPES if client_id is None else CLIENT_SCOPES


def faults_of_scopes(scopes: Sequence[str], *, client_id: ClientId | None) -> list[Fault]:
    known = scopes_open_to(client_id)
    whose = "a scope" if client_id is None else "a scope for a client organization's application"
    return [
        Fault(f"/scopes/{index}", f"{scope!r} is not {whose}; these are: {', '.join(known)}.")
        for index, scope in enumerate(scopes)
        if scope not in known
    ]
