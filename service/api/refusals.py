"""What a refusal leaves in the audit trail, once all that the request had begun is undone.

A 404 is none: nobody can be told from it that something is there.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import TokenInvalid
from service.api.problems import Problem, problem
from service.api.security import Principal
from service.audit.domain import Actor, Deed, name_of
from service.audit.witness import EACH_MAX, Witness
from service.errors import Forbidden, ServiceError, TooMany

DENIED = "access.denied"
TOO_MANY = "rate.exceeded"
TOKEN_REFUSED = "token.refused"  # noqa: S105 - the name of an action

TOO_MANY_EACH_MAX = 1
"""Who is over a limit is told so hundreds of times in a minute; the trail says it once, and how often."""

SETTLING_INTERVAL = timedelta(seconds=10)

_KEY = "refusal"


def actor_of(scope: Scope, principal: Principal) -> Actor:
    """Who calls, on whose behalf, and from where."""
    client: tuple[str, int] | None = _of(scope).get("client")
    return Actor(
        name=name_of(principal.application_id, principal.member_id),
        application_id=principal.application_id,
        client_id=principal.client_id,
        address=None if client is None else client[0],
        http_request_id=scope["state"]["request_id"],
    )


def noted(request: Request[Any, Any, Any], error: ServiceError) -> Response[Problem]:
    """The answer to a foreseen failure, which `Witnessing` then knows of."""
    request.scope["state"][_KEY] = error
    return problem(request, error)


class Witnessing(ASGIMiddleware):
    """Records who was refused, before the answer leaves. Stands outside of all that opens a transaction."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            if _KEY in scope["state"]:
                held.append(message)
            else:
                await send(message)

        try:
            await next_app(scope, receive, hold)
        except ServiceError as error:
            await self._note(scope, error)
            raise
        if held:
            await self._note(scope, scope["state"][_KEY])
            for message in held:
                await send(message)

    async def _note(self, scope: Scope, error: ServiceError) -> None:
        principal = _principal(scope, error)
        action = _action(error)
        if principal is None or action is None:
            return
        each_max = TOO_MANY_EACH_MAX if action == TOO_MANY else EACH_MAX
        deed = Deed(action, _operation(scope), after={"problem": error.code, **_ids(scope)})
        await self._witness.note(principal.tenant_id, actor_of(scope, principal), deed, each_max=each_max)


def settling(witness: Witness) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """A lifespan in which the witness records what it only counted: now and then, and at the end."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncGenerator[None]:
        task = asyncio.create_task(_settle(witness))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await witness.settle(all_of_them=True)

    return lifespan


async def _settle(witness: Witness) -> None:
    while True:
        await asyncio.sleep(SETTLING_INTERVAL.total_seconds())
        await witness.settle()


def _action(error: ServiceError) -> str | None:
    match error:
        case Forbidden():
            return DENIED
        case TooMany():
            return TOO_MANY
        case TokenInvalid():
            return TOKEN_REFUSED
        case _:
            return None


def _principal(scope: Scope, error: ServiceError) -> Principal | None:
    """Who was refused, as far as that is known: a genuine token says whose it was when it counts no more."""
    claimed = error.claimed if isinstance(error, TokenInvalid) else None
    if claimed is None:
        return _of(scope).get("user")
    return Principal(
        tenant_id=claimed.tenant_id,
        application_id=claimed.application_id,
        client_id=None,
        scopes=frozenset(),
        member_id=claimed.member_id,
    )


def _of(scope: Scope) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", scope)


def _operation(scope: Scope) -> str:
    handler = _of(scope).get("route_handler")
    return f"operation:{handler.operation_id if isinstance(handler, HTTPRouteHandler) else 'unknown'}"


def _ids(scope: Scope) -> dict[str, str]:
    """The ids in the path. Nothing else of it is taken over: it is the caller's."""
    return {name: str(value) for name, value in _of(scope)["path_params"].items() if isinstance(value, UUID)}
