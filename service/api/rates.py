"""What stands between authentication and everything else: rates, the size of bodies, seats.

A request that is refused here has cost no statement, and nothing of its body was read. The body of one that
is let in is read before it takes a seat, so that whoever sends slowly holds up nobody.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Receive, Scope, Send

from service.api.application import ANSWER_HEADERS
from service.api.errors import BodyTooLarge
from service.api.security import Principal
from service.ids import TenantId
from service.limits.domain.table import BODY_BYTES, Limits
from service.limits.gate import Admission, Gate
from service.limits.seats import Seats

BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})

Check = Callable[[TenantId, Limits], Awaitable[None]]
"""Raises a QuotaExceeded."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a request passes.

    Attributes:
        body_bytes_max: what the operator allows all tenants.
        checks: what is looked at before an operation begins, by its id.
    """

    gate: Gate
    seats: Seats
    body_bytes_max: int
    checks: dict[str, Check]


class Metering(ASGIMiddleware):
    """Lets the requests of known principals in, and says on each answer what is left of their rates."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, door: Door) -> None:
        self._door = door

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        principal = cast("Mapping[str, Any]", scope).get("user")
        if not isinstance(principal, Principal):
            await next_app(scope, receive, send)
            return
        admission = await self._door.gate.admit(principal.tenant_id, principal.application_id)
        scope["state"][ANSWER_HEADERS] = headers(admission, confined=principal.client_id is not None)
        if admission.refusal is not None:
            raise admission.refusal
        check = self._door.checks.get(str(getattr(scope["route_handler"], "operation_id", None)))
        if check is not None:
            await check(principal.tenant_id, admission.limits)
        if cast("HTTPScope", scope)["method"] not in BODILESS:
            most = min(admission.limits.of(BODY_BYTES), self._door.body_bytes_max)
            receive = await read_ahead(scope["headers"], receive, bytes_max=most)
        async with self._door.seats.taken(principal.tenant_id):
            await next_app(scope, receive, send)


def headers(admission: Admission, *, confined: bool) -> list[tuple[bytes, bytes]]:
    """As draft-ietf-httpapi-ratelimit-headers has them.

    Args:
        admission: what became of the request.
        confined: whether the caller is a client organization's: what is left of the tenant's rate would tell
            it how much the other ones ask.
    """
    state = admission.application_state if confined else admission.state
    return [(b"ratelimit-policy", admission.policy.encode()), (b"ratelimit", state.encode())]


async def read_ahead(sent: Iterable[tuple[bytes, bytes]], receive: Receive, *, bytes_max: int) -> Receive:
    """Read the whole body; what is returned gives it out again.

    Raises:
        BodyTooLarge: it is longer, or says that it is.
    """
    announced = next((value for name, value in sent if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > bytes_max:
        raise BodyTooLarge(bytes_max)
    messages: list[HTTPReceiveMessage] = []
    size, more = 0, True
    while more:
        message = cast("HTTPReceiveMessage", await receive())
        messages.append(message)
        more = message["type"] == "http.request" and message["more_body"]
        size += len(message["body"]) if message["type"] == "http.request" else 0
        if size > bytes_max:
            raise BodyTooLarge(bytes_max)
    messages.reverse()

    async def again() -> HTTPReceiveMessage:
        return messages.pop() if messages else cast("HTTPReceiveMessage", await receive())

    return again
