"""What an audit record says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.ids import ApplicationId, ClientId, MemberId

OPERATOR = "operator"
"""The actor of what is done by the command line."""

WORKER = "worker"
"""The actor of what the service does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, on whose behalf, and from where.

    Attributes:
        name: `member:<id>`, `application:<id>`, `person:<id>`, `operator` or `worker`.
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
