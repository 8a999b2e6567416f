"""Liveness asks nobody; readiness fails for what would make promises wrong or impossible."""

from datetime import timedelta

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from service import schema
from service.api import health
from service.api.health import Readiness
from service.clock import SystemClock
from service.db import Sessions, create_engine, create_sessions
from tests.factories import NOON, MovableClock

SKEWS = st.timedeltas(-timedelta(days=4_000), timedelta(days=4_000))


async def test_the_process_says_that_it_is_alive(client: AsyncClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_a_service_that_can_work_is_ready(sessions: Sessions) -> None:
    checks = await Readiness(sessions, SystemClock(), schema.head()).examine()
    by_transaction_start = {name for name, check in checks.items() if not check.ok} - {"clock"}
    assert by_transaction_start == set()
    assert set(checks) == {"database", "migrations", "clock", "wake_ups", "auditor"}


async def test_a_clock_that_is_off_makes_the_service_unready(
    client: AsyncClient, clock: MovableClock
) -> None:
    clock.move(timedelta(hours=1))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert answer.json()["checks"]["clock"]["ok"] is False
    assert answer.json()["checks"]["database"]["ok"] is True


@given(skew=SKEWS)
def test_two_seconds_are_the_most_that_clocks_may_differ(skew: timedelta) -> None:
    assert health.check_skew(NOON + skew, NOON).ok is (abs(skew) <= timedelta(seconds=2))


@pytest.mark.parametrize("found", [None, "", "20200101_0000"])
def test_another_revision_makes_the_service_unready(found: str | None) -> None:
    check = health.check_revision(found, "20261122_1200")
    assert not check.ok
    assert "rooted migrate" in check.detail


async def test_a_database_that_does_not_answer_makes_the_service_unready() -> None:
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool_size=1)
    checks = await Readiness(create_sessions(engine), SystemClock(), schema.head()).examine()
    await engine.dispose()
    assert [(name, check.ok) for name, check in checks.items()] == [("database", False)]


async def test_metrics_count_by_route_and_never_by_address_or_tenant(
    client: AsyncClient, caller: AsyncClient, tenant_id: object
) -> None:
    await caller.get("/v1/clients/00000000-0000-0000-0000-000000000000")
    await client.get("/nowhere/at/all")
    await client.request("BREW", "/v1/tenant")

    answer = await client.get("/metrics")

    lines = [line for line in answer.text.splitlines() if line.startswith("rooted_http_requests_total")]
    assert any('route="/v1/clients/{client_id}",status="404"' in line for line in lines)
    assert any('route="unmatched",status="404"' in line for line in lines)
    assert any('method="other"' in line for line in lines)
    assert str(tenant_id) not in answer.text
    assert "nowhere" not in answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
