"""What the event feed tells of verdicts: it shows what is committed, so these tests commit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from httpx2 import AsyncClient

from service.db import Sessions
from service.rules.matching import Matches, RuleSet
from service.rules.reference import ReferenceEngine
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
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
    """An application with all scopes, in a tenant with a policy of each kind in effect."""
    caller = await sign_in()
    await kinds.set_up(caller)
    return caller


async def _told(caller: AsyncClient, request: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = (await caller.get("/v1/events", params={"limit": 200})).json()["items"]
    return [
        event["payload"] for event in found if (event["subject_id"], event["type"]) == (request["id"], kind)
    ]


async def test_a_verdict_is_told_with_its_reason_and_again_when_it_changes(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, type="change", facts=kinds.HIGH)
    await desk.report(caller, request, type="changed", facts={"category": "mail"})
    await desk.report(caller, request, type="changed", facts={"impact": "low"})
    accepted = await desk.submitted(caller, type="change", facts=kinds.LOW)

    declined, again = await _told(caller, request, "request.rationalized")

    assert [one["verdict"] for one in await _told(caller, request, "request.accepted")] == ["decline"]
    assert (declined["verdict"], declined["reason"]) == (
        {"verdict": "decline", "objections": kinds.DESK},
        "Because of urgent.",
    )
    assert again["verdict"] == {"verdict": "accept"}
    (held_up,) = await _told(caller, accepted, "request.rationalized")
    assert (held_up["verdict"], held_up["arrangement"]["state"]) == ({"verdict": "accept"}, "held_up")


async def test_a_client_is_told_the_verdict_as_the_tenant_is(caller: AsyncClient, sign_in: SignIn) -> None:
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    confined = await sign_in(client_id=client["id"])
    gates = {"gate": "rollback_plan"}
    redirect = {"verdict": "redirect", "channel": kinds.DESK, "requires": [gates]}
    await kinds.in_effect(caller, "rationalization", {"rules": [kinds.rule("all", "true", redirect)]})

    request = await desk.submitted(confined, facts=kinds.HIGH)

    (shown,) = await _told(confined, request, "request.rationalized")
    assert shown == (await _told(caller, request, "request.rationalized"))[0]
    assert shown["verdict"] == {"verdict": "redirect", "channel": kinds.DESK}
    assert (await kinds.decision(caller, request))["verdict"] == redirect


async def test_an_engine_that_differs_is_told_to_the_tenant_with_the_versions_only(
    caller: AsyncClient, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = ReferenceEngine.match

    async def differing(self: ReferenceEngine, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        return replace(await match(self, ruleset, facts), differed=len(ruleset.conditions) == 1)

    monkeypatch.setattr(ReferenceEngine, "match", differing)
    await desk.created(caller, "/v1/ladders", {"name": "x", "definition": kinds.LADDER})
    one = {"rules": [kinds.rule("one", "true", {"ladder": "x"})], "order": 1}
    policy = await kinds.in_effect(caller, "escalation", one)
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour"})
    confined = await sign_in(client_id=client["id"])

    request = await desk.submitted(confined, facts=kinds.HIGH)

    (told,) = await _told(caller, request, "rules.engine_differed")
    assert [version["policy_id"] for version in told["versions"]] == [policy["id"]]
    assert await _told(confined, request, "rules.engine_differed") == []
