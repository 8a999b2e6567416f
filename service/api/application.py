"""The outermost layer of HTTP: request ids, one log line and one measurement per request.

It stands outside of Litestar's routing, so that what finds no route is seen as well.
"""

import time
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, cast

import structlog
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from service import telemetry
from service.telemetry import Metrics

ANSWER_HEADERS = "answer_headers"
"""Names, in a request's state, the headers that its answer gets whatever becomes of it."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "unmatched"
GONE_STATUS = 499
"""Logged, never sent: the caller went away before there was an answer."""

ALWAYS_SENT = ((b"x-content-type-options", b"nosniff"),)
UNLESS_SENT = ((b"cache-control", b"no-store"),)

KEY = attrgetter("key")

log = structlog.stdlib.get_logger(__name__)


class Access:
    """What is measured of every request. Labels are route templates, so that their number stays small."""

    def __init__(self, metrics: Metrics) -> None:
        labels = ("method", "route", "status")
        self._requests = metrics.counter("rooted_http_requests", "Requests answered.", labels)
        self._seconds = metrics.histogram("rooted_http_request_seconds", "Time to answer.", labels[:2])

    def note(self, request: Mapping[str, Any], *, status: int, seconds: float) -> None:
        """Count one answered request, and write its line. Neither shows headers, queries or bodies."""
        method = request["method"] if request["method"] in METHODS else "other"
        route = request.get("path_template", NO_ROUTE)
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)
        log.info("request", method=method, route=route, status=status, duration_ms=round(seconds * 1_000, 3))


class Application(Litestar):
    """Litestar, with what belongs to every request around it."""

    def __init__(self, *, access: Access, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - Litestar's own hole
        self._access = access
        _provide_one_by_one(self.routes)

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await super().__call__(scope, receive, exchange.send)
        finally:
            self._access.note(
                cast("Mapping[str, Any]", scope),
                status=exchange.status,
                seconds=time.perf_counter() - exchange.begun,
            )
            structlog.contextvars.clear_contextvars()


def _provide_one_by_one(routes: Iterable[object]) -> None:
    """Have what an operation depends on provided one after another.

    Litestar gives each a task of its own, which costs more than to make it, and cancels those still under way
    when one of them fails: among them the beginning of a transaction.
    """
    for route in routes:
        models = route.route_handler_map.values() if isinstance(route, HTTPRoute) else ()
        for _, model in models:
            each = (one for batch in model.dependency_batches for one in sorted(batch, key=KEY))
            model.dependency_batches = [{one} for one in each]


class _Exchange:
    """One request on its way: its id, when it began, and the status once that is sent."""

    def __init__(self, scope: Any, send: Any) -> None:
        self.begun = time.perf_counter()
        self.status = GONE_STATUS
        self._send = send
        self._id = telemetry.request_id(_offered_id(scope["headers"]))
        self._state: dict[str, Any] = {**scope.get("state", {}), "request_id": self._id}
        scope["state"] = self._state
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=self._id)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            sent = {name.lower() for name, _ in message["headers"]}
            missing = [header for header in UNLESS_SENT if header[0] not in sent]
            own = (b"x-request-id", self._id.encode())
            asked = self._state.get(ANSWER_HEADERS, [])
            message["headers"] = [*message["headers"], own, *asked, *ALWAYS_SENT, *missing]
        await self._send(message)


def _offered_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"x-request-id"), None)
