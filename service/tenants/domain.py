"""Who a tenant is, what may call on its behalf, and what it operates. Pure."""

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.errors import Fault
from service.ids import ApplicationId, ClientId, ServiceId, TenantId

SLUG = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")

SCOPES = {
    "applications:read": "Read the applications that may call, without their secrets.",
    "applications:write": "Register, change and revoke applications.",
    "audit:read": "Read the audit trail.",
    "calendars:read": "Read calendars, and compute with them.",
    "calendars:write": "Create calendars and their versions.",
    "clients:read": "Read the client organizations.",
    "clients:write": "Register client organizations.",
    "commitments:read": "Read promises, their clocks and their outcomes.",
    "contacts:read": "Read the people of client organizations who are named on requests.",
    "contacts:write": "Register and change contacts.",
    "events:read": "Read the event feed.",
    "groups:read": "Read the groups of members.",
    "groups:write": "Create and change groups of members.",
    "members:read": "Read the members and their roles.",
    "members:write": "Invite and deactivate members, and change their roles.",
    "policies:read": "Read policies, and try conditions against facts.",
    "policies:write": "Create and publish policies.",
    "requests:backdate": "Report what happened more than a day ago.",
    "requests:read": "Read requests, their decisions, the reasons and timelines.",
    "requests:write": "Submit requests and what happens to them.",
    "sandbox:read": "Read the clock of a sandbox tenant.",
    "sandbox:write": "Move the clock of a sandbox tenant.",
    "services:read": "Read the service register.",
    "services:write": "Change the service register.",
    "tenant:read": "Read the tenant's own record.",
    "webhooks:read": "Read webhook endpoints and their deliveries.",
    "webhooks:write": "Create and delete webhook endpoints.",
}
"""Every scope an application may be given, and what it permits."""

CLIENT_SCOPES = {
    name: SCOPES[name]
    for name in (
        "calendars:read",
        "commitments:read",
        "events:read",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    id: TenantId
    slug: str
    name: str
    kind: TenantKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client organization of the tenant; its tier is a fact that rules read."""

    id: ClientId
    name: str
    tier: str | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An OAuth client. With a `client_id` it acts for that client organization only."""

    tenant_id: TenantId
    id: ApplicationId
    name: str
    client_id: ClientId | None
    scopes: frozenset[str]
    secret_sha256: bytes
    revoked_at: datetime | None

    def knows(self, secret: str) -> bool:
        """Is this the secret? Compared in constant time."""
        return hmac.compare_digest(self.secret_sha256, secret_digest(secret))


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
