"""No transaction outlives its request, whatever refused it."""

import gc
from collections.abc import AsyncGenerator, Generator
from typing import Any, cast

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Pool
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.db import Sessions
from service.settings import Settings
from tests import factories
from tests.conftest import ISSUER

pytestmark = pytest.mark.concurrent


@pytest.fixture
def pool(own_sessions: Sessions) -> Pool:
    return cast("AsyncEngine", own_sessions.kw["bind"]).pool


@pytest.fixture
async def caller(settings: Settings, own_sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    tenant = await factories.tenant(own_sessions)
    credentials = await factories.application(own_sessions, tenant)
    transport = ASGITransport(cast("Any", create_app(settings, own_sessions)))
    async with AsyncClient(transport=transport, base_url=ISSUER) as opened:
        form = {"grant_type": "client_credentials"}
        token = (await opened.post("/oauth/token", data=form, auth=credentials)).json()["access_token"]
        opened.headers["Authorization"] = f"Bearer {token}"
        yield opened


@pytest.fixture
def no_collector() -> Generator[None]:
    """Nothing is cleaned up by chance."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_a_dependency_that_refuses_leaves_no_connection_behind(caller: AsyncClient, pool: Pool) -> None:
    answers = [await caller.post("/v1/clients", json={"name": "Harbour"}) for _ in range(20)]
    answers += [await caller.get("/v1/clients", params={"limit": "many"}) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {400}
    assert cast("Any", pool).checkedout() == 0
