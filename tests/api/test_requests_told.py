"""What the event feed tells of a request: it shows what is committed, so these tests commit."""

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk
from tests.conftest import SignIn
from tests.factories import NOON

pytestmark = pytest.mark.concurrent


@pytest.fixture
def sessions(own_sessions: Sessions) -> Sessions:
    return own_sessions


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def caller(sign_in: SignIn) -> AsyncClient:
    caller = await sign_in()
    await desk.set_up(caller)
    return caller


async def test_a_promise_is_warned_of_then_broken_then_fulfilled_late(caller: AsyncClient) -> None:
    request = await desk.submitted(caller)

    await desk.pass_time(caller, hours=3, minutes=30)
    await desk.pass_time(caller, hours=4, seconds=1)
    recorded = await desk.report(caller, request, type="changed", state="resolved")

    promise = recorded["commitments"][0]
    assert (promise["outcome"], promise["clock"], promise["lateness_seconds"]) == ("broken", "stopped", 1.0)
    assert promise["warned_at"] == desk.at(hours=3)
    assert sorted(await desk.told(caller, request["id"])) == [
        "commitment.broken",
        "commitment.fulfilled_late",
        "commitment.made",
        "commitment.warned",
        "request.accepted",
        "request.changed",
    ]


async def test_what_no_rule_matches_is_told(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={})

    assert "request.unmatched" in await desk.told(caller, request["id"])


async def test_a_client_is_told_of_its_own_requests_only(caller: AsyncClient, sign_in: SignIn) -> None:
    clients = [await desk.created(caller, "/v1/clients", {"name": name}) for name in ("Harbour", "Hill")]
    own = await desk.submitted(caller, client="Harbour")
    await desk.submitted(caller, client="Hill")
    await desk.submitted(caller)
    harbour = await sign_in(client_id=clients[0]["id"])

    events = (await harbour.get("/v1/events", params={"limit": 200})).json()["items"]

    assert events
    assert {event["payload"]["request_id"] for event in events} == {own["id"]}


async def test_what_is_told_of_a_request_is_numbered_without_gaps(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts={"priority": "P3"})  # degraded: it names no site
    await desk.report(caller, request, type="noted")
    await desk.report(caller, request, type="changed", facts={"priority": "P1"})
    await desk.report(caller, request, type="changed", state="resolved")

    events = (await caller.get("/v1/events", params={"limit": 200})).json()["items"]

    told = [(event["sequence"], event["type"]) for event in events if event["subject_id"] == request["id"]]
    assert told == [
        (1, "request.accepted"),
        (2, "request.degraded"),
        (3, "request.changed"),
        (4, "request.changed"),
    ]


async def test_what_groups_promise_one_another_is_told_to_the_tenants_own_only(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    theirs = await sign_in(client_id=client["id"])
    target = {"unit": "elapsed_time", "seconds": 3600}
    promises = [{"metric": "resolve", "target": target}, {"metric": "desk", "level": "ola", "target": target}]
    rule = {"id": "all", "when": "true", "because": "All.", "then": {"promises": promises}}
    policy = {"name": "olas", "kind": "commitment", "document": {"rules": [rule]}}
    created = await desk.created(caller, "/v1/policies", policy)
    published = await caller.post(f"/v1/policies/{created['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text

    request = await desk.submitted(theirs, facts={})

    found = (await caller.get("/v1/commitments", params={"level": "ola"})).json()["items"]
    assert [one["request_id"] for one in found] == [request["id"]]
    assert await desk.told(caller, found[0]["id"]) == ["commitment.made"]
    assert await desk.told(theirs, found[0]["id"]) == []
    assert [one["metric"] for one in request["commitments"]] == ["resolve"]
