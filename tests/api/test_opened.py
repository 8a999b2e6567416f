"""No transaction outlives its request, whatever refused it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar, Request, Response, get
from litestar.di import NamedDependency, Provide

from service.api.application import Access, Application
from service.api.opened import Ending, Opens
from service.telemetry import Metrics
from tests.conftest import ISSUER

Log = list[str]


class Refused(Exception):
    pass


def _app(log: Log, kept: list[Exception], *, refuse: bool) -> Litestar:
    """An operation with a dependency that opens something, and one that may refuse after it."""

    async def thing(request: Request[Any, Any, Any]) -> AsyncGenerator[str]:
        log.append(f"opened for {request.method}")
        try:
            yield "a thing"
        finally:
            log.append("ended")

    def check(thing: NamedDependency[str]) -> str:
        if refuse:
            raise Refused
        return thing

    @get("/")
    async def show(check: NamedDependency[str]) -> str:
        log.append("shown")
        return check

    def keep(_request: Request[Any, Any, Any], error: Refused) -> Response[str]:
        kept.append(error)  # its traceback holds all that was open
        return Response("refused", status_code=400)

    return Litestar(
        [show],
        dependencies={"thing": Opens(thing), "check": Provide(check, sync_to_thread=False)},
        middleware=[Ending()],
        exception_handlers={Refused: cast("Any", keep)},
        openapi_config=None,
    )


@pytest.mark.parametrize(
    ("refuse", "expected"),
    [(False, ["opened for GET", "shown", "ended"]), (True, ["opened for GET", "ended"])],
)
async def test_what_is_open_ends_once_with_its_request(*, refuse: bool, expected: Log) -> None:
    log, kept = Log(), list[Exception]()
    transport = ASGITransport(cast("Any", _app(log, kept, refuse=refuse)))

    async with AsyncClient(transport=transport, base_url=ISSUER) as caller:
        answer = await caller.get("/")

    assert answer.status_code == (400 if refuse else 200)
    assert log == expected


def test_the_transaction_of_a_request_is_such_a_thing(served: Litestar) -> None:
    assert isinstance(served.dependencies["session"], Opens)
    assert any(isinstance(each, Ending) for each in served.middleware)


async def test_what_is_being_opened_is_not_cut_short_by_a_refusal_beside_it() -> None:
    log = Log()

    async def opening() -> str:
        log.append("begun")
        await asyncio.sleep(0)
        log.append("open")
        return "a thing"

    def refusal() -> str:
        raise Refused

    def refused(_request: Request[Any, Any, Any], _error: Refused) -> Response[str]:
        return Response("refused", status_code=400)

    @get("/")
    async def show(opening: NamedDependency[str], refusal: NamedDependency[str]) -> str:
        return opening + refusal

    app = Application(
        access=Access(Metrics()),
        route_handlers=[show],
        dependencies={"opening": Provide(opening), "refusal": Provide(refusal, sync_to_thread=False)},
        exception_handlers={Refused: cast("Any", refused)},
        openapi_config=None,
    )
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as client:
        answer = await client.get("/")

    assert (answer.status_code, log) == (400, ["begun", "open"])
