"""What stands before every operation: rates, sizes, seats. What is refused there costs next to nothing."""

import asyncio
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from httpx2 import AsyncClient
from litestar import Litestar
from litestar.types import Receive
from sqlalchemy import Connection, event

from service.api.problems import MEDIA_TYPE
from service.app import create_app
from service.audit.domain import Actor
from service.db import Sessions, TenantSession
from service.limits import service as limits
from service.limits.domain.table import (
    APPLICATION_BURST,
    APPLICATION_RATE,
    BODY_BYTES,
    BURST,
    DEFAULTS,
    OPEN_PROMISES,
    RATE,
    Limit,
)
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON, VAULT, MovableClock, key

SLOW = {**DEFAULTS, RATE.name: 1, BURST.name: 3, APPLICATION_RATE.name: 1, APPLICATION_BURST.name: 3}
OWN_STATE = re.compile(r'"application";r=\d+;t=\d+')
STATE = re.compile(r'"tenant";r=(\d+);t=(\d+), "application";r=(\d+);t=(\d+)')


@pytest.fixture(scope="module")
def slow(settings: Settings, undone: Sessions, wall_clock: MovableClock) -> Litestar:
    return create_app(settings, undone, vault=VAULT, clock=wall_clock, limits=SLOW)


@pytest.fixture(scope="module")
def small(settings: Settings, undone: Sessions, wall_clock: MovableClock) -> Litestar:
    one_seat = settings.model_copy(update={"database_pool_size": 1})
    return create_app(one_seat, undone, vault=VAULT, clock=wall_clock)


@pytest.fixture
def app(slow: Litestar, sessions: Sessions, clock: MovableClock) -> Litestar:  # noqa: ARG001 - it works on them
    return slow


@pytest.fixture
def generous(small: Litestar, sessions: Sessions, clock: MovableClock) -> Litestar:  # noqa: ARG001 - it works on them
    return small


async def own(session: TenantSession, limit: Limit, value: int) -> None:
    await limits.change(session, Actor(), limit, value, now=NOON)


@contextmanager
def transactions_of(sessions: Sessions) -> Generator[list[str]]:
    """Notes each transaction that is begun: who begins none sends no statement."""
    begun: list[str] = []

    def note(_connection: Connection, name: str) -> None:
        begun.append(name)

    engine = sessions.kw["bind"].sync_engine
    event.listen(engine, "savepoint", note)
    try:
        yield begun
    finally:
        event.remove(engine, "savepoint", note)


async def asked(
    app: Litestar, method: str, path: str, headers: dict[str, str], receive: Receive
) -> tuple[int, dict[str, str], bytes]:
    """Send one request to the app itself: what it reads of the body, and when, is then seen."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "http_version": "1.1", "scheme": "http", "root_path": "", "server": ("rooted.test", 80),
        "client": ("127.0.0.1", 4711), "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(cast("Any", scope), receive, send)
    start, *rest = sent
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], names, b"".join(each.get("body", b"") for each in rest)


async def refuses_to_be_read() -> Any:
    raise AssertionError("the body was read")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/tenant", 200),
        ("GET", "/v1/clients/018f0000-0000-7000-8000-000000000000", 404),
        ("POST", "/v1/clients", 400),
        ("GET", "/v1/clients?cursor=x", 400),
        ("GET", "/v1/policies", 403),
    ],
)
async def test_every_answer_to_a_known_caller_says_what_is_left_of_its_rates(
    sign_in: SignIn, method: str, path: str, status: int
) -> None:
    caller = await sign_in("tenant:read", "clients:read", "clients:write")

    answer = await caller.request(method, path)

    assert answer.status_code == status
    assert answer.headers["ratelimit-policy"] == '"tenant";q=3;w=3, "application";q=3;w=3'
    found = STATE.fullmatch(answer.headers["ratelimit"])
    assert found is not None
    assert [int(each) for each in found.groups()] in ([2, 1, 2, 1], [3, 0, 3, 0])


async def test_a_client_organization_is_not_told_what_others_ask(
    sign_in: SignIn, sessions: Sessions, tenant: Tenant
) -> None:
    client = await sign_in(client_id=await factories.client_of(sessions, tenant))
    before = await client.get("/v1/tenant")
    await (await sign_in()).get("/v1/tenant")

    after = await client.get("/v1/tenant")

    assert after.headers["ratelimit-policy"] == '"tenant";q=3;w=3, "application";q=3;w=3'
    for answer in (before, after):
        assert OWN_STATE.fullmatch(answer.headers["ratelimit"]), answer.headers["ratelimit"]


async def test_who_is_not_known_is_told_nothing_of_rates(client: AsyncClient) -> None:
    answer = await client.get("/v1/tenant")

    assert answer.status_code == 401
    assert not {name for name in answer.headers if name.startswith("ratelimit")}


async def test_more_than_the_rate_is_429_with_the_limit_and_when_to_come_again(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions
) -> None:
    answers = [await caller.get("/v1/tenant") for _ in range(6)]
    stranger = await sign_in(of=await factories.tenant(sessions))
    strangers = await stranger.get("/v1/tenant")

    assert [answer.status_code for answer in answers][:3] == [200] * 3
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["content-type"] == MEDIA_TYPE
    assert refused.json()["type"] == "/problems/rate-limit-exceeded"
    assert "requests_per_second of 1" in refused.json()["detail"]
    assert refused.headers["retry-after"] == "1"
    assert '"tenant";r=0;t=3' in refused.headers["ratelimit"]
    assert strangers.status_code == 200


async def test_a_flood_costs_no_connection_and_nothing_of_a_body_is_read(
    app: Litestar, caller: AsyncClient, sessions: Sessions
) -> None:
    with transactions_of(sessions) as begun_before:
        while (await caller.get("/v1/tenant")).status_code == 200:
            pass
    headers = {"authorization": caller.headers["Authorization"], "content-length": "200000"}

    with transactions_of(sessions) as begun:
        answers = [await asked(app, "POST", "/v1/clients", headers, refuses_to_be_read) for _ in range(50)]

    assert {status for status, _, _ in answers} == {429}
    assert (begun_before != [], begun) == (True, [])


@pytest.mark.parametrize("forged", ["nothing", "garbage", "signature", "key"])
async def test_a_flood_of_strangers_costs_no_statement_and_nothing_of_a_body_is_read(
    app: Litestar, caller: AsyncClient, sessions: Sessions, forged: str
) -> None:
    good = caller.headers["Authorization"]
    await caller.get("/v1/tenant")
    head, claims, signature = good.split(".")
    tokens = {
        "nothing": "",
        "garbage": "Bearer abc.def.ghi",
        "signature": f"{head}.{claims}.{signature[::-1]}",
        "key": "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vYm9keXMiLCJ0eXAiOiJhdCtqd3QifQ.e30.AAAA",
    }
    headers = {"content-length": "200000"} | ({"authorization": tokens[forged]} if tokens[forged] else {})
    await asked(app, "POST", "/v1/clients", headers, refuses_to_be_read)

    with transactions_of(sessions) as begun:
        answers = [await asked(app, "POST", "/v1/clients", headers, refuses_to_be_read) for _ in range(50)]

    assert {status for status, _, _ in answers} == {401}
    assert begun == []


async def test_what_the_token_does_not_allow_counts_as_well(sign_in: SignIn) -> None:
    caller = await sign_in("tenant:read")

    answers = [(await caller.get("/v1/policies")).status_code for _ in range(6)]

    assert answers[:3] == [403] * 3
    assert answers[-1] == 429


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
async def test_a_body_has_the_size_that_its_tenant_may_send(
    app: Litestar, caller: AsyncClient, session: TenantSession, *, announced: bool
) -> None:
    await own(session, BODY_BYTES, 1_024)
    body = json.dumps({"name": "A" * 1_100}).encode()
    chunks = [
        {"type": "http.request", "body": body[:600], "more_body": True},
        {"type": "http.request", "body": body[600:], "more_body": False},
    ]
    headers = {"authorization": caller.headers["Authorization"], "content-type": "application/json", **key()}

    async def receive() -> Any:
        return chunks.pop(0)

    status, _, answer = await asked(
        app,
        "POST",
        "/v1/clients",
        headers | ({"content-length": str(len(body))} if announced else {}),
        receive,
    )

    assert (status, json.loads(answer)["type"]) == (413, "/problems/body-too-large")
    assert "1024 bytes" in json.loads(answer)["detail"]
    assert len(chunks) == (2 if announced else 0)


async def test_who_sends_a_body_slowly_takes_nobodys_seat(generous: Litestar, sign_in: SignIn) -> None:
    authorization = (await sign_in()).headers["Authorization"]
    headers = {"authorization": authorization, "content-type": "application/json", **key()}
    reached, rest = asyncio.Event(), asyncio.Event()
    parts: list[Any] = [{"type": "http.request", "body": b'{"name":', "more_body": True}]

    async def receive() -> Any:
        if parts:
            return parts.pop()
        reached.set()
        await rest.wait()
        return {"type": "http.request", "body": b'"Slow"}', "more_body": False}

    slow = asyncio.create_task(asked(generous, "POST", "/v1/clients", headers, receive))
    await reached.wait()
    status, _, _ = await asked(
        generous, "GET", "/v1/tenant", {"authorization": authorization}, refuses_to_be_read
    )
    rest.set()
    created, _, _ = await slow

    assert (status, created) == (200, 201)


async def test_a_tenant_with_as_many_open_promises_as_it_may_have_is_promised_no_more(
    caller: AsyncClient, session: TenantSession
) -> None:
    await own(session, OPEN_PROMISES, 0)
    body = {"source": "desk", "external_id": "1", "type": "incident"}

    refused = await caller.post("/v1/requests", json=body, headers=key())

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/open-promises-too-many")
    assert "open_promises is 0" in refused.json()["detail"]
