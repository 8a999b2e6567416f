"""Who calls, and whether it may: principals, and the check that stands before every `/v1` operation.

Tokens themselves are checked in `service.api.oauth`, which hands its check in.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from service.api.errors import (
    RoleInsufficient,
    RolesBeyondOwn,
    ScopeInsufficient,
    TokenInvalid,
    TokenMissing,
)
from service.api.permissions import PERMISSIONS, Permission, scopes_of
from service.ids import ApplicationId, ClientId, MemberId, TenantId
from service.people.domain import Role

TOKEN_BYTES_MAX = 8_192
"""A token of ours is under 1 KB; what is longer is refused before anything reads it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An application of a tenant, and the member who acts through it if any, as the access token names them.

    Attributes:
        client_id: the client organization that the application belongs to and is confined to, if any.
        scopes: what the token allows: no more than the application holds and the member's roles permit.
        roles: the member's; empty for an application that acts by itself.
    """

    tenant_id: TenantId
    application_id: ApplicationId
    client_id: ClientId | None
    scopes: frozenset[str]
    member_id: MemberId | None = None
    roles: frozenset[Role] = frozenset()


class Authenticate(Protocol):
    """Says whose access token this is. Raises TokenInvalid."""

    async def __call__(self, token: str) -> Principal: ...


def permission_of(handler: BaseRouteHandler) -> Permission | None:
    """What an operation asks for; None for one that is open to all."""
    operation_id = handler.operation_id if isinstance(handler, HTTPRouteHandler) else None
    return PERMISSIONS.get(operation_id) if isinstance(operation_id, str) else None


def check(principal: Principal, permission: Permission) -> None:
    """Raises ScopeInsufficient, RoleInsufficient."""
    if permission.scope not in principal.scopes:
        raise ScopeInsufficient(permission.scope)
    if principal.member_id is not None and not permission.roles & principal.roles:
        raise RoleInsufficient(permission.roles)


def check_roles_given(principal: Principal, roles: Collection[Role]) -> None:
    """Whoever gives a role may do all that it may: the link of an invitation is in the answer, too.

    Raises:
        RolesBeyondOwn
    """
    if missing := scopes_of(roles) - principal.scopes:
        raise RolesBeyondOwn(missing)


def refuse_unlisted(app: Litestar) -> None:
    """Let no operation under `/v1` be served that is not in the table.

    Raises:
        ValueError: names the operations that are not.
    """
    unlisted = [
        handler.operation_id
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/")
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"} and permission_of(handler) is None
    ]
    if unlisted:
        raise ValueError(f"not in service.api.permissions.PERMISSIONS: {unlisted}")


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
    """Finds the principal of every operation that is in the table, before anything of it is read."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        permission = permission_of(scope["route_handler"])
        if permission is not None:
            principal = await self._authenticate(bearer_token(scope["headers"]))
            scope["user"] = principal
            structlog.contextvars.bind_contextvars(
                tenant_id=str(principal.tenant_id), application_id=str(principal.application_id)
            )
        await next_app(scope, receive, send)


class Authorization(ASGIMiddleware):
    """Lets a principal do what its token and its roles allow. Stands behind what bounds how often it asks."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        permission = permission_of(scope["route_handler"])
        if permission is not None:
            check(scope["user"], permission)
        await next_app(scope, receive, send)
