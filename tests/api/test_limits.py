"""Limits as their tenant and the operator see them; what PostgreSQL lets nobody do for too long."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, cast

import pytest
from click.testing import CliRunner
from httpx2 import ASGITransport, AsyncClient
from litestar import Controller, get
from litestar.di import NamedDependency
from sqlalchemy import text

from service.app import CONTROLLERS, create_app
from service.audit.domain import Actor
from service.cli import main
from service.db import (
    API_TIMEOUTS,
    WORKER_TIMEOUTS,
    Sessions,
    TenantSession,
    Timeouts,
    create_engine,
    create_sessions,
    run,
    tenant_transaction,
)
from service.embedded import EmbeddedDatabase
from service.limits import service
from service.limits.domain.table import CALENDARS, CLIENTS, LIMITS, POLICIES, RULES, SERVICES, Limit
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import ISSUER, SignIn
from tests.factories import NOON, VAULT, key

SHORT = Timeouts(
    statement=timedelta(milliseconds=300),
    lock=timedelta(milliseconds=150),
    idle_in_transaction=timedelta(milliseconds=200),
)
MARK = "insert into service (tenant_id, id, name, version, created_at) values ($1, $1, 'mark', 1, now())"
PROMISE = {"metric": "respond", "target": {"unit": "elapsed_time", "seconds": 60}}
RULE = {"when": "request.priority == 'P1'", "because": "So.", "then": {"promises": [PROMISE]}}


async def own(session: TenantSession, limit: Limit, value: int) -> None:
    await service.change(session, Actor(), limit, value, now=NOON)


async def test_a_tenant_sees_each_limit_with_its_value_and_what_is_in_use(
    caller: AsyncClient, session: TenantSession
) -> None:
    await own(session, CLIENTS, 3)
    await caller.post("/v1/clients", json={"name": "Acme"}, headers=key())

    answer = await caller.get("/v1/tenant/limits")

    found = {each["name"]: each for each in answer.json()["limits"]}
    assert answer.status_code == 200
    assert set(found) == set(LIMITS)
    assert (found["clients"]["value"], found["clients"]["default"], found["clients"]["used"]) == (3, 2_000, 1)
    assert found["requests_per_second"]["used"] is None
    assert (found["delegations"]["used"], found["request_types"]["used"]) == (0, 0)
    for each in found.values():
        assert (await caller.get(each["problem"])).status_code == 200


async def test_a_client_organization_sees_the_limits_and_nothing_of_what_others_use(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    made = await caller.post("/v1/clients", json={"name": "Acme"}, headers=key())
    client = await sign_in(client_id=made.json()["id"])

    answer = await client.get("/v1/tenant/limits")

    used = {each["name"]: each["used"] for each in answer.json()["limits"] if each["used"] is not None}
    assert used == {"client_webhook_endpoints": 0}


@pytest.mark.parametrize(
    ("limit", "path", "body", "code"),
    [
        (CLIENTS, "/v1/clients", {"name": "Acme"}, "clients-too-many"),
        (SERVICES, "/v1/services", {"name": "Mail"}, "services-too-many"),
        (
            CALENDARS,
            "/v1/calendars",
            {"name": "office", "definition": {"tz": "UTC", "always_open": True}},
            "calendars-too-many",
        ),
    ],
)
async def test_one_more_than_the_tenant_may_have_is_409_with_the_limit_and_the_remedy(
    caller: AsyncClient, session: TenantSession, limit: Limit, path: str, body: dict[str, Any], code: str
) -> None:
    await own(session, limit, 0)

    refused = await caller.post(path, json=body, headers=key())

    assert (refused.status_code, refused.json()["type"]) == (409, f"/problems/{code}")
    assert f"The limit {limit.name} is 0" in refused.json()["detail"]


async def test_a_policy_of_too_many_rules_and_a_policy_too_many_are_refused(
    caller: AsyncClient, session: TenantSession
) -> None:
    await own(session, RULES, 1)
    await own(session, POLICIES, 0)
    rules = [{**RULE, "id": name} for name in "ab"]

    answers = [
        await caller.post(
            "/v1/policies",
            json={"name": "p", "kind": "commitment", "document": {"rules": rules[:count]}},
            headers=key(),
        )
        for count in (2, 1)
    ]

    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [
        (422, "/problems/rules-too-many"),
        (409, "/problems/policies-too-many"),
    ]
    assert answers[0].json()["errors"][0]["pointer"] == "/document/rules"


@pytest.mark.concurrent
async def test_the_operator_sets_and_shows_limits(own_database: EmbeddedDatabase) -> None:
    async def rooted(*arguments: str) -> tuple[int, str]:
        environment = {"ROOTED_DATABASE_URL": own_database.app_url}
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=environment)
        return result.exit_code, result.stdout + (result.stderr if result.exit_code else "")

    await rooted("tenant", "create", "acme")
    every = await rooted("tenant", "limit", "acme")
    changed = await rooted("tenant", "limit", "acme", "policies", "7")
    shown = await rooted("tenant", "limit", "acme", "policies")
    back = await rooted("tenant", "limit", "acme", "policies", "--default")
    beyond = await rooted("tenant", "limit", "acme", "policies", "1001")
    unknown = await rooted("tenant", "limit", "acme", "polices", "1")

    assert every[0] == 0
    assert every[1].count("(default)") == len(LIMITS)
    assert changed == shown
    assert changed[1].split() == ["policies", "7", "items"]
    assert back[1].split() == ["policies", "100", "items", "(default)"]
    assert (beyond[0], "policies may be 0 to 1000 items, not 1001" in beyond[1]) == (1, True)
    assert (unknown[0], "There is no limit 'polices'" in unknown[1]) == (1, True)


ENDED = asyncio.Event()
"""Set once PostgreSQL has ended the transaction of `idle`."""

HOLD = "select from sandbox_clock where tenant_id = $1 for update"
IDLE = text(
    "select exists (select from pg_stat_activity where state = 'idle in transaction' and query like :mark)"
)
SETTING = text("select setting from pg_settings where name = :name")


class Probe(Controller):
    """Operations that take too long, each after it has written something."""

    path = "/probe"

    @get("/statement", operation_id="getTenant")
    async def statement(self, session: NamedDependency[TenantSession]) -> None:
        await run(session.db, MARK, session.tenant_id)
        await run(session.db, "select pg_sleep(30)")

    @get("/lock", operation_id="listClients")
    async def lock(self, session: NamedDependency[TenantSession]) -> None:
        await run(session.db, MARK, session.tenant_id)
        await run(session.db, HOLD, session.tenant_id)

    @get("/idle", operation_id="listServices")
    async def idle(self, session: NamedDependency[TenantSession]) -> None:
        await run(session.db, MARK, session.tenant_id)
        await ENDED.wait()
        await run(session.db, "select 1")


@pytest.fixture
async def impatient(own_database: EmbeddedDatabase) -> AsyncGenerator[Sessions]:
    engine = create_engine(own_database.app_url, pool_size=4, timeouts=SHORT)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
async def probe(
    settings: Settings, impatient: Sessions, own_sessions: Sessions
) -> AsyncGenerator[tuple[AsyncClient, Tenant]]:
    """A caller of an app with operations that take too long, and its tenant."""
    tenant = await factories.tenant(own_sessions, sandbox_at=NOON)
    app = create_app(settings, impatient, vault=VAULT, controllers=(*CONTROLLERS, Probe))
    credentials = await factories.application(own_sessions, tenant)
    async with AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as caller:
        form = {"grant_type": "client_credentials"}
        answer = await caller.post("/oauth/token", data=form, auth=credentials)
        caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield caller, tenant


async def is_marked(sessions: Sessions, tenant: Tenant) -> bool:
    async with tenant_transaction(sessions, tenant.id) as session:
        found = await run(session.db, "select from service where tenant_id = $1", tenant.id)
        return found.first() is not None


@pytest.mark.concurrent
@pytest.mark.parametrize("what", ["statement", "lock"])
async def test_what_takes_too_long_is_503_and_leaves_nothing_behind(
    probe: tuple[AsyncClient, Tenant], own_sessions: Sessions, what: str
) -> None:
    caller, tenant = probe
    async with tenant_transaction(own_sessions, tenant.id) as holder:
        await run(holder.db, HOLD, tenant.id)
        answer = await caller.get(f"/probe/{what}")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
    assert answer.headers["retry-after"] == "1"
    assert not await is_marked(own_sessions, tenant)
    assert (await caller.get("/v1/tenant")).status_code == 200


@pytest.mark.concurrent
async def test_a_transaction_that_idles_too_long_is_ended_and_its_request_is_503(
    probe: tuple[AsyncClient, Tenant], own_sessions: Sessions
) -> None:
    caller, tenant = probe
    asking = asyncio.create_task(caller.get("/probe/idle"))
    while not await idles(own_sessions):
        pass
    while await idles(own_sessions):
        pass
    ENDED.set()
    answer = await asking

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert not await is_marked(own_sessions, tenant)
    assert (await caller.get("/v1/tenant")).status_code == 200


async def idles(sessions: Sessions) -> bool:
    """Is a transaction idle that has written the mark?"""
    async with sessions.begin() as db:
        return (await db.execute(IDLE, {"mark": "insert into service%"})).scalar_one()


@pytest.mark.concurrent
@pytest.mark.parametrize("timeouts", [API_TIMEOUTS, WORKER_TIMEOUTS], ids=["api", "worker"])
async def test_every_connection_has_the_timeouts_of_its_pool(
    own_database: EmbeddedDatabase, timeouts: Timeouts
) -> None:
    engine = create_engine(own_database.app_url, pool_size=1, timeouts=timeouts)
    async with engine.connect() as connection:
        found = {
            name: (await connection.execute(SETTING, {"name": name})).scalar_one()
            for name in timeouts.settings()
        }
    await engine.dispose()

    assert found == timeouts.settings()
    assert timeouts.lock is not None
    assert timeouts.statement is not None
    assert timeouts.lock < timeouts.statement
