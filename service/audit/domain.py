"""What an audit record says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service import ids
from service.ids import ApplicationId, AuditRecordId, ClientId, MemberId, TenantId

PLATFORM = TenantId(ids.read_id("00000000-0000-0000-0000-000000000000"))
"""Whose trail has what concerns every tenant, such as a new signing key. No tenant has this id."""

OPERATOR = "operator"
"""The actor of what is done by the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, on whose behalf, and from where.

    Attributes:
        name: `member:<id>`, `application:<id>`, `contact:<id>`, `operator`, `rooted`, or `anonymous`: who
            could not show to be anybody.
        application_id: the application that a member acts through, or that acts itself.
        client_id: the client organization on whose behalf it is.
        address: the network address that the request came from.
        http_request_id: the id of that request, as its answer and the log have it.
    """

    name: str = OPERATOR
    application_id: ApplicationId | None = None
    client_id: ClientId | None = None
    address: str | None = None
    http_request_id: str | None = None

    @property
    def is_application(self) -> bool:
        """Does an application act by itself?"""
        return self.application_id is not None and self.name == name_of(self.application_id, None)

    @property
    def member_id(self) -> MemberId | None:
        """The member who does it, if a member does."""
        kind, _, member_id = self.name.partition(":")
        return MemberId(ids.read_id(member_id)) if kind == "member" else None


ROOTED = Actor(name="rooted")
"""Who does what follows from policies, or with time alone."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done, and to what.

    Attributes:
        action: as `client.created`.
        subject: as `client:<id>`.
        before: the subject's fields before; empty for what was not there. Never secrets.
        after: its fields afterwards; empty for what is not there any more. Only what differs is kept.
    """

    action: str
    subject: str
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    after: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        return difference(self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What somebody did, as it was written down.

    Attributes:
        recorded_at: the tenant's time.
        changes: JSON by field, as PostgreSQL prints it: exact to the last digit.
    """

    tenant_id: TenantId
    id: AuditRecordId
    recorded_at: datetime
    actor: str
    application_id: ApplicationId | None
    client_id: ClientId | None
    action: str
    subject: str
    changes: str
    address: str | None
    http_request_id: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A record's place in its tenant's chain.

    Attributes:
        sequence: 1 for the first.
        digest: SHA-256 over the digest before it and the record.
    """

    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which records are asked for; None leaves a filter out.

    Attributes:
        action: what the action begins with.
        from_at: not before this.
        until_at: before this.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None
    application_id: ApplicationId | None = None
    client_id: ClientId | None = None


def name_of(application_id: ApplicationId, member_id: MemberId | None) -> str:
    """What an actor is called: a member who acts through an application is the actor, not the application."""
    return f"application:{application_id}" if member_id is None else f"member:{member_id}"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What changed, by field: `{"tier": {"before": "gold", "after": "silver"}}`.

    What a side does not name was, or is, not there: the field's entry leaves that side out.
    """
    changed = [name for name in {**before, **after} if _at(before, name) != _at(after, name)]
    return {
        name: {
            side: values[name] for side, values in (("before", before), ("after", after)) if name in values
        }
        for name in changed
    }


def _at(values: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    return name in values, values.get(name)
