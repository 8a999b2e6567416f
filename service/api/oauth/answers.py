"""What comes to the endpoints of clients, and the shapes of what goes back (RFC 6749 §5, §4.1.2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from service.api.oauth.credentials import Credentials
from service.api.oauth.tokens import Grant
from service.ids import MemberId
from service.tenants.domain import Application

UNKNOWN_CLIENT = "The client is not known, or has not proved who it is."


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """What came to an endpoint of clients, already read.

    Attributes:
        credentials: None when there are none, or none that can be read.
        grant: what the access token in the field `token` says, if that is one of ours.
    """

    fields: Mapping[str, str] = field(repr=False)
    credentials: Credentials | None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """What goes back: what was asked for, or an error in the shape of RFC 6749 §5.2."""

    status: int
    body: dict[str, object] = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the authorization endpoint, of a client and a redirect URI that have been checked.

    Attributes:
        scopes: what the application may have on behalf of the member, of what it asks for.
    """

    fields: Mapping[str, str]
    application: Application
    member_id: MemberId
    scopes: frozenset[str]


class AuthorizationRefused(Exception):
    """The error that is sent back to the client (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def too_many(wait: timedelta) -> EndpointResponse:
    """The answer to a client that failed too often."""
    description = "Too many failed attempts for this client; wait."
    headers = {"Retry-After": str(ceil(wait.total_seconds()))}
    return EndpointResponse(429, {"error": "invalid_client", "error_description": description}, headers)


def refusal(error: str, description: str, *, status: int = 400) -> EndpointResponse:
    return EndpointResponse(status, {"error": error, "error_description": description})
