"""Forecasts over HTTP: what the tenant's own see of them, and a client organization does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service import ids
from service.audit.domain import Actor
from service.commitments import domain, service
from service.commitments.domain import ElapsedTarget, EntryId, Fulfilled
from service.commitments.forecasting import service as forecasting
from service.commitments.models import Commitment
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import ClientId
from service.instants import rfc3339
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import SignIn
from tests.factories import NOON

HOUR = timedelta(hours=1)
FOUR_HOURS = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
BEGUN = NOON - 3 * HOUR
LONG_AGO = NOON - timedelta(days=2)


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A sandbox, whose clock stands at noon."""
    return await factories.tenant(sessions, sandbox_at=NOON)


async def _learn(session: TenantSession) -> None:
    """Of thirty promises a fifth each took one to five hours."""
    for number in range(30):
        request_id = await factories.request(session, opened_at=LONG_AGO)
        await service.promise(session, [factories.offer(request_id, FOUR_HOURS, at=LONG_AGO)], now=LONG_AGO)
        done_at = LONG_AGO + (number % 5 + 1) * HOUR
        done = Fulfilled(at=done_at, received_at=done_at, id=EntryId(str(ids.new_id())), by="resolved")
        await service.record(session, request_id, [done], now=done_at)
    await forecasting.advance(session, ids.new_id(), now=BEGUN)


async def _promised(
    sessions: Sessions, tenant: Tenant, *, learnt: bool = True, renegotiate_above: float = 0.5
) -> tuple[Commitment, ClientId]:
    """A promise to a client, that began three hours ago and has just been looked at."""
    async with tenant_transaction(sessions, tenant.id) as session:
        if learnt:
            await _learn(session)
        client = await tenants.create_client(session, Actor(), tenants.ClientEntry(name="Quay"), now=BEGUN)
        request_id = await factories.request(session, client_id=client.id, opened_at=BEGUN)
        terms = replace(FOUR_HOURS, renegotiate_above=renegotiate_above)
        offer = factories.offer(request_id, terms, client_id=client.id, at=BEGUN)
        [made] = await service.promise(session, [offer], now=BEGUN)
        return await service.advance(session, made.id, now=NOON), client.id


def _forecast_of(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in ("miss_chance", "at_risk_at", "forecast")}


async def test_a_promise_shows_its_chance_of_a_miss_and_what_it_was_compared_with(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    promise, _ = await _promised(sessions, tenant)
    caller = await sign_in("commitments:read")

    shown = (await caller.get(f"/v1/commitments/{promise.id}")).json()
    [listed] = (await caller.get("/v1/commitments", params={"clock": "running"})).json()["items"]

    # Two of five promises were open after three hours, one of these after four.
    assert shown["miss_chance"] == listed["miss_chance"] == pytest.approx(0.5)
    forecast = shown["forecast"]
    assert (forecast["cohort"], forecast["promises"], forecast["fulfilled"]) == ("resolve/elapsed/", 30, 30)
    assert (forecast["since"], forecast["made_at"]) == (rfc3339(LONG_AGO), rfc3339(BEGUN))
    assert (forecast["renegotiate_above"], forecast["at_risk_at"]) == (0.5, None)


async def test_a_promise_at_risk_says_since_when_and_why(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    promise, _ = await _promised(sessions, tenant, renegotiate_above=0.4)
    caller = await sign_in("commitments:read")

    shown = (await caller.get(f"/v1/commitments/{promise.id}")).json()

    assert shown["at_risk_at"] == shown["forecast"]["at_risk_at"] == rfc3339(NOON)
    [told] = shown["told"]
    assert told["threshold"] == "at_risk"
    assert told["reason"].endswith(f"curve {shown['forecast']['curve_id']}")


async def test_a_client_organization_sees_nothing_of_a_forecast(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    promise, client_id = await _promised(sessions, tenant, renegotiate_above=0.4)
    caller = await sign_in("commitments:read", "events:read", client_id=client_id)

    shown = (await caller.get(f"/v1/commitments/{promise.id}")).json()
    [listed] = (await caller.get("/v1/commitments")).json()["items"]
    events = (await caller.get("/v1/events")).json()["items"]

    assert promise.at_risk_at == NOON
    assert _forecast_of(shown) == {"miss_chance": None, "at_risk_at": None, "forecast": None}
    assert (listed["miss_chance"], listed["at_risk_at"], shown["told"]) == (None, None, [])
    assert "commitment.at_risk" not in {event["type"] for event in events}


async def test_where_too_little_is_known_nothing_is_forecast(
    sessions: Sessions, tenant: Tenant, sign_in: SignIn
) -> None:
    promise, _ = await _promised(sessions, tenant, learnt=False)
    caller = await sign_in("commitments:read")

    shown = (await caller.get(f"/v1/commitments/{promise.id}")).json()

    assert _forecast_of(shown) == {"miss_chance": None, "at_risk_at": None, "forecast": None}
