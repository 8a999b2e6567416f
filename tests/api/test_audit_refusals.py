"""Who was refused is on record, whatever became of the request; a flood of refusals is a count."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from sqlalchemy import text
from structlog.testing import capture_logs

from service.api import refusals
from service.app import create_app
from service.audit import service as audit
from service.audit import witness
from service.audit.domain import Actor, Deed, Sought
from service.audit.witness import Witness
from service.db import Sessions, Timeouts, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.limits.domain.table import APPLICATION_BURST, APPLICATION_RATE, BURST, DEFAULTS, RATE
from service.people.domain import Role
from service.settings import Settings
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import VAULT, MovableClock
from tests.integration.test_audit_chain import superuser

LOCK = text("lock table audit_record in access exclusive mode")
DENIED = text("select count(*) from audit_record where tenant_id = :tenant and action = 'access.denied'")
REFUSED = Deed("access.denied", "operation:listClients", after={"problem": "insufficient-scope"})


async def recorded(caller: AsyncClient, action: str) -> list[dict[str, Any]]:
    """What an application with all scopes sees in the trail, newest first."""
    answer = await caller.get("/v1/audit-records", params={"action": action, "limit": 200})
    return answer.json()["items"]


async def test_a_missing_scope_is_recorded_with_who_what_and_from_where(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    lacking = await sign_in("services:read")

    refused = await lacking.post("/v1/clients", json={"name": "x"}, headers=factories.key())

    assert refused.status_code == 403
    (record,) = await recorded(caller, "access.denied")
    assert record["subject"] == "operation:createClient"
    assert record["changes"] == {"problem": {"after": "insufficient-scope"}}
    assert record["actor"] == f"application:{record['application_id']}"
    assert record["http_request_id"] == refused.headers["x-request-id"]
    assert record["address"] == "127.0.0.1"


async def test_a_missing_role_is_recorded_as_the_members(caller: AsyncClient, sign_in_as: SignIn) -> None:
    agent = await sign_in_as(Role.AGENT, scopes=["services:read"])

    assert (await agent.get("/v1/clients")).status_code == 403

    (record,) = await recorded(caller, "access.denied")
    assert record["actor"].startswith("member:")
    assert record["application_id"] is not None


async def test_what_an_operation_forbids_is_recorded_after_its_own_work_is_undone(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    hasty = await sign_in("requests:write", "requests:read")
    body = {"source": "desk", "external_id": "1", "type": "incident", "occurred_at": "2026-01-01T10:00:00Z"}

    refused = await hasty.post("/v1/requests", json=body, headers=factories.key())

    assert refused.status_code == 403
    (record,) = await recorded(caller, "access.denied")
    assert record["subject"] == "operation:submitRequest"
    assert record["changes"]["problem"] == {"after": refused.json()["type"].rpartition("/")[2]}
    assert await recorded(caller, "request.submitted") == []


async def test_ids_in_the_path_are_recorded_and_nothing_else_of_it(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    lacking = await sign_in("services:read")
    made = await caller.post("/v1/clients", json={"name": "Port"}, headers=factories.key())

    await lacking.get(f"/v1/clients/{made.json()['id']}", params={"note": "secret"})

    (record,) = await recorded(caller, "access.denied")
    assert record["changes"]["client_id"] == {"after": made.json()["id"]}
    assert "secret" not in str(record)


@pytest.mark.parametrize(
    "address", ["/v1/clients/00000000000000000000000000000001", "/v1/nowhere", "/v1/clients"]
)
async def test_what_is_not_found_or_has_no_token_is_no_denial(
    caller: AsyncClient, client: AsyncClient, address: str
) -> None:
    assert (await client.get(address)).status_code in {401, 404}
    await caller.get(address)

    assert await recorded(caller, "access.") == []
    assert await recorded(caller, "token.refused") == []


async def test_a_token_that_counts_no_more_is_recorded_as_its_applications(
    sign_in: SignIn, clock: MovableClock
) -> None:
    old = await sign_in("clients:read")
    clock.move(timedelta(hours=1))
    fresh = await sign_in()

    assert (await old.get("/v1/clients")).status_code == 401

    (record,) = await recorded(fresh, "token.refused")
    assert record["actor"] == f"application:{record['application_id']}"
    assert record["subject"] == "operation:listClients"


async def test_a_token_that_nobody_signed_is_recorded_nowhere(
    caller: AsyncClient, client: AsyncClient
) -> None:
    forged = caller.headers["Authorization"][:-8] + "AAAAAAAA"
    assert (await client.get("/v1/clients", headers={"Authorization": forged})).status_code == 401
    assert await recorded(caller, "token.refused") == []


async def test_a_flood_is_a_few_records_and_a_count(
    caller: AsyncClient, sign_in: SignIn, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    seeing = Witness(sessions, clock, tenants.now)
    for _ in range(300):
        await seeing.note(tenant.id, Actor(name="application:noisy"), REFUSED)
    await seeing.note(tenant.id, Actor(name="application:quiet"), REFUSED)

    early = await recorded(caller, "access.denied")
    await seeing.settle()
    clock.move(timedelta(minutes=1))
    await seeing.settle()
    await seeing.settle(all_of_them=True)

    noisy = [each for each in await recorded(caller, "access.denied") if each["actor"] == "application:noisy"]
    assert len(early) == witness.EACH_MAX + 1
    assert len(noisy) == witness.EACH_MAX + 1
    assert noisy[0]["changes"]["repeated"] == {"after": 300 - witness.EACH_MAX}
    assert all("repeated" not in each["changes"] for each in noisy[1:])
    del sign_in


async def test_what_was_only_counted_is_recorded_when_the_service_ends(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    seeing = Witness(sessions, clock, tenants.now)
    async with refusals.settling(seeing)(Litestar()):
        for _ in range(7):
            await seeing.note(tenant.id, Actor(name="application:noisy"), REFUSED, each_max=1)

    assert len(await recorded(caller, "access.denied")) == 2


async def test_whoever_is_over_a_rate_is_recorded_once(
    settings: Settings, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> None:
    slow = {**DEFAULTS, RATE.name: 1, BURST.name: 3, APPLICATION_RATE.name: 1, APPLICATION_BURST.name: 3}
    app: Any = create_app(settings, sessions, vault=VAULT, clock=clock, limits=slow)
    credentials = await factories.application(sessions, tenant)
    async with AsyncClient(transport=ASGITransport(app), base_url=settings.issuer) as busy:
        form = {"grant_type": "client_credentials"}
        token = (await busy.post("/oauth/token", data=form, auth=credentials)).json()["access_token"]
        busy.headers["Authorization"] = f"Bearer {token}"
        statuses = [(await busy.get("/v1/tenant")).status_code for _ in range(20)]

    assert statuses.count(429) >= 15
    async with tenant_transaction(sessions, tenant.id) as session:
        sought = Sought(action="rate.exceeded")
        (entry,) = await audit.list_records(session, sought, before=None, limit=10)
    assert entry.record.subject == "operation:getTenant"
    assert entry.record.changes == '{"problem": {"after": "rate-limit-exceeded"}}'


@pytest.mark.concurrent
async def test_a_denial_that_cannot_be_recorded_is_logged_and_the_answer_stays_what_it_is(
    own_database: EmbeddedDatabase, own_sessions: Sessions, settings: Settings, clock: MovableClock
) -> None:
    timeouts = Timeouts(lock=timedelta(milliseconds=100))
    engine, forcing = (
        create_engine(own_database.app_url, pool_size=2, timeouts=timeouts),
        superuser(own_database),
    )
    sessions = create_sessions(engine)
    app: Any = create_app(settings, sessions, vault=VAULT, clock=clock)
    tenant = await factories.tenant(own_sessions)
    credentials = await factories.application(own_sessions, tenant, scopes=("services:read",))
    async with AsyncClient(transport=ASGITransport(app), base_url=settings.issuer) as lacking:
        token = (
            await lacking.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials)
        ).json()["access_token"]
        lacking.headers["Authorization"] = f"Bearer {token}"
        assert (await lacking.get("/v1/services")).status_code == 200
        async with forcing.begin() as connection:
            await connection.execute(LOCK)
            with capture_logs() as logged:
                refused = await lacking.get("/v1/clients")
    for each in (engine, forcing):
        await each.dispose()

    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/insufficient-scope"
    (line,) = [each for each in logged if each["event"] == "not recorded"]
    assert line["subject"] == "operation:listClients"
    assert line["actor"].startswith("application:")


async def test_denials_at_once_do_not_hold_two_connections_each(
    own_database: EmbeddedDatabase, own_sessions: Sessions, settings: Settings, clock: MovableClock
) -> None:
    engine = create_engine(own_database.app_url, pool_size=1)
    app: Any = create_app(settings, create_sessions(engine), vault=VAULT, clock=clock)
    tenant = await factories.tenant(own_sessions)
    credentials = await factories.application(own_sessions, tenant, scopes=("requests:write",))
    body = {"source": "desk", "external_id": "1", "type": "incident", "occurred_at": "2026-01-01T10:00:00Z"}
    async with AsyncClient(transport=ASGITransport(app), base_url=settings.issuer) as hasty:
        token = (
            await hasty.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials)
        ).json()["access_token"]
        hasty.headers["Authorization"] = f"Bearer {token}"
        answers = await asyncio.gather(
            *(hasty.post("/v1/requests", json=body, headers=factories.key()) for _ in range(8))
        )
    await engine.dispose()

    assert {answer.status_code for answer in answers} == {403}
    async with tenant_transaction(own_sessions, tenant.id) as session:
        count = (await session.db.execute(DENIED, {"tenant": tenant.id})).scalar_one()
    assert count == witness.EACH_MAX


async def test_a_token_given_out_is_recorded_with_its_scopes_and_not_itself(
    client: AsyncClient, caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    credentials = await factories.application(sessions, tenant, scopes=("clients:read", "events:read"))
    form = {"grant_type": "client_credentials", "scope": "clients:read"}

    token = (await client.post("/oauth/token", data=form, auth=credentials)).json()["access_token"]

    record = (await recorded(caller, "token.issued"))[0]
    assert record["changes"] == {
        "grant_type": {"after": "client_credentials"},
        "scopes": {"after": ["clients:read"]},
    }
    assert record["actor"] == f"application:{record['application_id']}"
    assert token not in str(record)


@pytest.mark.parametrize(
    ("form", "is_right"),
    [
        ({"grant_type": "client_credentials"}, False),
        ({"grant_type": "client_credentials", "scope": "clients:write"}, True),
        ({"grant_type": "refresh_token", "refresh_token": "made-up"}, True),
    ],
)
async def test_what_is_refused_to_a_known_application_is_recorded(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, form: dict[str, str], *, is_right: bool
) -> None:
    name, right = await factories.application(sessions, tenant, scopes=("clients:read",))
    secret = right if is_right else "wrong"

    refused = await caller.post("/oauth/token", data=form, auth=(name, secret))

    assert refused.status_code in {400, 401}
    (record,) = await recorded(caller, "grant.refused" if is_right else "authentication.failed")
    assert record["subject"] == "endpoint:token"
    assert record["changes"]["grant_type"] == {"after": form["grant_type"]}
    assert record["http_request_id"] == refused.headers["x-request-id"]
    assert record["address"] == "127.0.0.1"
    assert secret not in str(record)


async def test_failures_in_the_name_of_nobody_are_recorded_nowhere(
    client: AsyncClient, caller: AsyncClient, tenant: Tenant
) -> None:
    form = {"grant_type": "client_credentials"}
    nobody = f"{tenant.slug}.{'0' * 32}"

    assert (await client.post("/oauth/token", data=form, auth=(nobody, "x"))).status_code == 401

    assert await recorded(caller, "authentication.") == []
