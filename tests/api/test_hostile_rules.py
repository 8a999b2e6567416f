"""What is known to crash, hang or mislead durable-rules 2.0.28, tried through the API on the real engine.

Each policy is created, published and decided by; whatever the child process does, the API answers, and it
answers what the reference evaluator does. The cases are those of the library's defects that a condition of
ours can express: rules are conditions over one snapshot of facts, so joins, `$div` and ids never reach it.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from service import composition
from service.app import create_app
from service.clock import SystemClock
from service.db import Sessions
from service.settings import Settings
from service.telemetry import Metrics
from tests import factories
from tests.api import desk
from tests.conftest import ISSUER
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent

THEN = {"promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600}}]}
NUMBERS = ("a", "b", "c", "z")
FACTS = {f"request.custom.{name}": "int" for name in NUMBERS} | {
    "request.custom.text": "string",
    "request.custom.x": "double",
}
CUSTOM = {"a": 5, "b": 7, "c": 2**53 + 1, "text": "abc é ok", "x": 0.1}
P1 = "request.priority == 'P1'"

CASES: dict[str, tuple[list[str], int | None]] = {
    "a division by zero in the facts": (["request.custom.a / (request.custom.a - 5) > 1", "true"], 1),
    "the smallest integer divided by -1": (["-9223372036854775808 / -1 > 0", "true"], 1),
    "512 conditions on one fact": ([f"request.custom.a == {n + 100}" for n in range(512)] + [P1], 512),
    "513 and more of them": ([f"request.custom.a == {n + 100}" for n in range(1_500)] + [P1], 1_500),
    "600 ranges": ([f"request.custom.b > {n + 7}" for n in range(600)] + [P1], 600),
    "300 absent facts": (["!has(request.custom.z)"] * 300, 0),
    "256 identical conditions": ([P1] * 256, 0),
    "70 that match at once": ([f"request.custom.a != {n + 100}" for n in range(70)], 0),
    "a negation of an absent fact": (["!(request.custom.z == 1)", P1], 1),
    "an alternative of many": (
        [" || ".join(f"request.custom.a == {n + 100}" for n in range(40)), "request.custom.a == 5"],
        1,
    ),
    "integers beyond 2^53": (
        ["request.custom.c == 9007199254740992", "request.custom.c == 9007199254740993"],
        1,
    ),
    "a bool that is no number": (["request.custom.a == 1 || (true && false)", P1], 1),
    "a nested repetition": (["request.custom.text.matches('((a*)*)*$')"], 0),
    "two nested repetitions": (["request.custom.text.matches('(a*)*(b*)*')"], 0),
    "a range beyond ASCII": (["request.custom.text.matches('[一-龥]')", P1], 1),
    "a range beyond the basic plane": (["request.custom.text.matches('[a-😀]')"], 0),
    "a prefix in a long text": (["request.custom.text == 'abc'", P1], 1),
    "text beyond ASCII": (["request.custom.text.contains('é')"], 0),
    "doubles": (["request.custom.x == 1e22 || request.custom.x < 1e-7", "request.custom.x == 0.1"], 1),
    "a depth that is allowed": (["!" * 30 + f"({P1})"], 0),
}


@pytest.fixture
async def caller(own_sessions: Sessions) -> AsyncGenerator[AsyncClient]:
    """An application of a new tenant, before an API whose rules are matched in a child process."""
    settings = Settings.model_validate({"issuer": ISSUER, "body_bytes_max": 1 << 20})
    async with composition.rules_engine(settings, Metrics()) as engine:
        app: Any = create_app(settings, own_sessions, vault=VAULT, engine=engine, clock=SystemClock())
        async with AsyncClient(transport=ASGITransport(app), base_url=ISSUER) as caller:
            credentials = await factories.application(own_sessions, await factories.tenant(own_sessions))
            form = {"grant_type": "client_credentials"}
            answer = await caller.post("/oauth/token", data=form, auth=credentials)
            caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield caller


async def _publish(caller: AsyncClient, conditions: list[str]) -> None:
    rules = [
        {"id": f"r{number}", "when": when, "because": "It is tried.", "then": THEN}
        for number, when in enumerate(conditions)
    ]
    body = {"name": "tried", "kind": "commitment", "document": {"facts": FACTS, "rules": rules}}
    policy = await desk.created(caller, "/v1/policies", body)
    published = await caller.post(f"/v1/policies/{policy['id']}/publish", headers=factories.key())
    assert published.status_code == 200, published.text


@pytest.mark.parametrize(("conditions", "winner"), CASES.values(), ids=CASES.keys())
async def test_the_api_answers_what_the_evaluator_would(
    caller: AsyncClient, conditions: list[str], winner: int | None
) -> None:
    await _publish(caller, conditions)

    requests = await asyncio.gather(
        *(desk.submitted(caller, facts={"priority": "P1", "custom": CUSTOM}) for _ in range(3))
    )

    expected = None if winner is None else f"r{winner}"
    assert {request["rule_id"] for request in requests} == {expected}
    for request in requests:
        why = (await caller.get(f"/v1/requests/{request['id']}/why")).json()
        assert [rule["rule_id"] for rule in why["rules"] if rule["counts"]] == [expected]


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 1_000 + "true" + ")" * 1_000,
        "!" * 4_000 + "true",
        "request.custom.text.matches('(')",
        "request.custom.text.matches('" + "(" * 1_000 + "')",
        "request.custom.a == 9223372036854775808",
        "id == '1'",
        "sid == '1'",
        "request.custom.a ==",
    ],
)
async def test_what_cannot_be_a_condition_is_refused_at_its_place(
    caller: AsyncClient, condition: str
) -> None:
    rule = {"id": "r", "when": condition, "because": "It is tried.", "then": THEN}
    body = {"name": "tried", "kind": "commitment", "document": {"facts": FACTS, "rules": [rule]}}

    refused = await caller.post("/v1/policies", json=body, headers=factories.key())

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == "/document/rules/0/when"
    assert (await caller.get("/v1/tenant")).status_code == 200
