"""The database goes away under the API: callers are told to come again, and are served when it is back."""

import asyncio
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import make_url, text

from service.app import create_app
from service.db import Sessions, create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.settings import Settings
from tests import factories
from tests.conftest import ISSUER
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    return own_sessions


async def test_a_lost_connection_is_503_once_and_then_forgotten(
    caller: AsyncClient, own_database: EmbeddedDatabase
) -> None:
    assert (await caller.get("/v1/tenant")).status_code == 200
    engine = create_engine(own_database.superuser_url, pool_size=1)
    async with engine.connect() as connection:
        await connection.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"),
            {"name": make_url(own_database.app_url).database},
        )
    await engine.dispose()

    lost, found = [await caller.get("/v1/tenant") for _ in range(2)]

    assert (lost.status_code, lost.json()["type"]) == (503, "/problems/database-unavailable")
    assert lost.headers["retry-after"] == "1"
    assert found.status_code == 200


async def test_no_server_at_all_is_503(settings: Settings) -> None:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool_size=1)
    app = create_app(settings, create_sessions(engine), vault=VAULT)
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as caller:
        answer = await caller.get("/.well-known/jwks.json")
        alive = await caller.get("/livez")
    await engine.dispose()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert alive.status_code == 200


async def test_a_caller_who_leaves_leaves_nothing_half_done(caller: AsyncClient, sessions: Sessions) -> None:
    """Requests cancelled at any await: no name is taken by halves, no connection is spoilt."""

    async def attempt(number: int, turns: int) -> None:
        name = {"name": f"Client {number}"}
        posting = asyncio.create_task(caller.post("/v1/clients", json=name, headers=factories.key()))
        for _ in range(turns):
            await asyncio.sleep(0)
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)

    await asyncio.gather(*[attempt(number, number * 7) for number in range(30)])

    answers = [
        await caller.post("/v1/clients", json={"name": f"Other {number}"}, headers=factories.key())
        for number in range(20)
    ]
    assert [answer.status_code for answer in answers] == [201] * 20
    listed = {item["name"] for item in (await caller.get("/v1/clients?limit=200")).json()["items"]}
    assert {f"Other {number}" for number in range(20)} <= listed
    async with sessions.begin() as db:
        idle = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
        assert (await db.execute(text(idle))).scalar_one() == 0
