"""Who calls, and what it may: principals, scopes, and the guard that every `/v1` operation declares.

Tokens themselves are checked in `service.api.oauth`, which hands its check in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from service.api.errors import ScopeInsufficient, TokenInvalid, TokenMissing
from service.ids import ApplicationId, ClientId, TenantId
from service.tenants.domain import SCOPES

TOKEN_BYTES_MAX = 8_192
"""A token of ours is under 1 KB; what is longer is refused before anything reads it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An application of a tenant, as its access token names it.

    Attributes:
        client_id: the client organization that the application belongs to and is confined to, if any.
        scopes: what the token allows, a subset of what the application holds.
    """

    tenant_id: TenantId
    application_id: ApplicationId
    client_id: ClientId | None
    scopes: frozenset[str]


class Authenticate(Protocol):
    """Says whose access token this is. Raises TokenInvalid."""

    async def __call__(self, token: str) -> Principal: ...


@dataclass(frozen=True, slots=True)
class Requires:
    """A guard that lets a principal with `scope` pass."""

    scope: str

    async def __call__(
        self, connection: ASGIConnection[Any, Principal, str, Any], _handler: BaseRouteHandler
    ) -> None:
        if self.scope not in connection.user.scopes:
            raise ScopeInsufficient(self.scope)


def requires(scope: str) -> Requires:
    """The guard of an operation: `guards=[requires("calendars:write")]`.

    Raises:
        ValueError: the scope is not in SCOPES.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope {scope!r} is not in service.tenants.domain.SCOPES")
    return Requires(scope)


def scope_of(handler: BaseRouteHandler) -> str | None:
    """The scope that an operation declares, None for one that is open to all."""
    guards: list[object] = [*handler.resolve_guards()]  # pyright: ignore[reportUnknownMemberType] - Litestar's own hole
    return next((guard.scope for guard in guards if isinstance(guard, Requires)), None)


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The access token of the one Authorization header; a token anywhere else does not count (RFC 6750).

    Raises:
        TokenMissing: there is no Authorization header of the scheme Bearer.
        TokenInvalid: there are two, or the token is longer than TOKEN_BYTES_MAX or not ASCII.
    """
    found = [value for name, value in headers if name.lower() == b"authorization"]
    if not found:
        raise TokenMissing
    scheme, _, token = found[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise TokenMissing
    if len(found) > 1 or not 0 < len(token) <= TOKEN_BYTES_MAX or not token.isascii():
        raise TokenInvalid
    return token.decode("ascii").strip()


class Authentication(ASGIMiddleware):
    """Finds the principal of every operation that declares a scope, before anything of it is read."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope_of(scope["route_handler"]) is not None:
            principal = await self._authenticate(bearer_token(scope["headers"]))
            scope["user"] = principal
            structlog.contextvars.bind_contextvars(
                tenant_id=str(principal.tenant_id), application_id=str(principal.application_id)
            )
        await next_app(scope, receive, send)
