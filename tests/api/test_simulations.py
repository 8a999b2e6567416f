"""Simulation: what a version would do to one request, with nothing written."""

from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlalchemy.exc import DBAPIError

from service import composition
from service.audit.domain import Actor
from service.backtests import chunks, simulation
from service.backtests.simulation import Question
from service.db import TenantSession
from service.ids import PolicyId
from service.requests.intake import Caller
from service.rules.reference import ReferenceEngine
from tests import factories
from tests.api import desk
from tests.factories import NOON

SUBMISSION: dict[str, Any] = {"source": "desk", "external_id": "INC-1", "type": "incident"}


def halved() -> dict[str, Any]:
    """The desk's policy with two hours for P1 instead of four."""
    first, *others = desk.DOCUMENT["rules"]
    promise = {**first["then"]["promises"][0], "target": {"unit": "working_time", "seconds": 2 * 3600}}
    return {**desk.DOCUMENT, "rules": [{**first, "then": {"promises": [promise]}}, *others]}


async def simulated(caller: AsyncClient, policy: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await caller.post(f"/v1/policies/{policy['id']}/simulate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_draft_is_tried_on_hand_made_facts(caller: AsyncClient) -> None:
    policy = await desk.set_up(caller)

    found = await simulated(
        caller, policy, document=halved(), facts={"request.priority": "P1"}, at="2026-01-05T10:00:00Z"
    )

    assert found["differs_from_current"]
    assert found["simulated"]["versions"] == ["promises@document"]
    assert found["current"]["versions"] == ["promises@1"]
    (promise,), (current,) = found["simulated"]["promises"], found["current"]["promises"]
    assert (promise["due_at"], promise["warn_at"]) == ("2026-01-05T12:00:00Z", "2026-01-05T11:00:00Z")
    assert current["due_at"] == "2026-01-05T14:00:00Z"
    assert [(rule["rule_id"], rule["counts"]) for rule in found["simulated"]["rules"]] == [
        ("p1", True),
        ("harbour", False),
        ("others", False),
    ]


async def test_a_version_is_tried_on_a_request_as_it_went(caller: AsyncClient) -> None:
    policy = await desk.set_up(caller)
    request = await desk.submitted(caller, facts={"priority": "P2"})
    await desk.report(caller, request, type="changed", facts={"priority": "P1"})

    found = await simulated(caller, policy, version=1, request_id=request["id"])

    assert not found["differs_from_current"]
    held = (await caller.get(f"/v1/requests/{request['id']}/timeline")).json()["commitments"]
    for side in ("simulated", "current"):
        assert [(each["metric"], each["due_at"], each["outcome"]) for each in found[side]["promises"]] == [
            (each["commitment"]["metric"], each["commitment"]["due_at"], each["commitment"]["outcome"])
            for each in held
        ]
    decision = (await caller.get(f"/v1/requests/{request['id']}/decision")).json()["decision"]
    assert found["current"]["facts"] == decision["facts"]
    assert found["current"]["verdict"] == decision["verdict"]
    why = (await caller.get(f"/v1/requests/{request['id']}/why")).json()["rules"]
    assert found["current"]["rules"] == why


async def test_the_calendar_of_the_group_that_has_a_request_counts(caller: AsyncClient) -> None:
    """As it does when the request is live."""
    await desk.set_up(caller)
    weekly = {day: [["09:00", "23:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    night = {"name": "night", "definition": {"tz": "UTC", "weekly": weekly}}
    await desk.created(caller, "/v1/calendars", night)
    await desk.created(caller, "/v1/groups", {"name": "Nights", "calendar": "night"})
    promise = {
        "metric": "resolve",
        "target": {"unit": "end_of_business_day", "days": 0},
        "calendar": "office",
        "calendar_of": "group",
    }
    rule = {"id": "all", "when": "true", "because": "By the group's.", "then": {"promises": [promise]}}
    policy = (await caller.get("/v1/policies")).json()["items"][0]
    facts = {"assignment_group": "Nights"}
    request = await desk.submitted(caller, facts=facts)
    document = {"rules": [rule]}

    asked = [{"request_id": request["id"]}, {"submission": {**SUBMISSION, "facts": facts}}]
    found = [await simulated(caller, policy, document=document, **each) for each in asked]

    dues = [each["simulated"]["promises"][0]["due_at"] for each in found]
    assert [due.partition("T")[2] for due in dues] == ["23:00:00Z"] * 2


@pytest.mark.parametrize(("module", "name"), [(simulation, "EVENTS_MAX"), (chunks, "DECISIONS_MAX")])
async def test_a_request_to_which_too_much_happened_is_refused(
    caller: AsyncClient, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    policy = await desk.set_up(caller)
    request = await desk.submitted(caller, facts={"priority": "P2"})
    await desk.report(caller, request, type="changed", facts={"priority": "P1"})

    monkeypatch.setattr(module, name, 2)
    await simulated(caller, policy, request_id=request["id"])
    monkeypatch.setattr(module, name, 1)
    answer = await caller.post(f"/v1/policies/{policy['id']}/simulate", json={"request_id": request["id"]})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/request_id"]


async def test_a_submission_is_tried_that_nobody_has_sent(caller: AsyncClient) -> None:
    policy = await desk.set_up(caller)
    submission = {
        "source": "desk",
        "external_id": "INC-1",
        "type": "incident",
        "occurred_at": "2026-01-05T10:00:00Z",
        "facts": {"priority": "P1"},
    }

    found = await simulated(
        caller, policy, document=halved(), submission=submission, at="2026-01-05T12:30:00Z"
    )

    (promise,) = found["simulated"]["promises"]
    assert (promise["outcome"], promise["broken_at"]) == ("broken", "2026-01-05T12:00:00.000001Z")
    assert (await caller.get("/v1/requests")).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param({}, [""], id="nothing to try it on"),
        pytest.param({"facts": {}, "submission": None, "request_id": None}, None, id="nulls are nothing"),
        pytest.param({"facts": {}, "version": 1, "document": {}}, ["/document"], id="two things to try"),
        pytest.param({"facts": {}, "document": {"rules": []}}, ["/document/rules"], id="a faulty document"),
        pytest.param({"facts": {}, "document": {"rules": 1}}, ["/document/rules"], id="no document at all"),
        pytest.param({"facts": {}, "at": "9999-12-31T23:59:59-14:00"}, ["/at"], id="beyond all years"),
        pytest.param(
            {"submission": {**SUBMISSION, "occurred_at": "0001-01-01T00:00:00+14:00"}},
            ["/submission/occurred_at"],
            id="opened before all years",
        ),
        pytest.param(
            {"submission": SUBMISSION, "at": "0001-01-01T00:00:00Z"}, ["/at"], id="submitted before all years"
        ),
    ],
)
async def test_what_cannot_be_simulated_is_refused_with_its_place(
    caller: AsyncClient, body: dict[str, Any], pointers: list[str] | None
) -> None:
    policy = await desk.set_up(caller)

    answer = await caller.post(f"/v1/policies/{policy['id']}/simulate", json=body)

    assert (answer.status_code == 200) is (pointers is None), answer.text
    if pointers is not None:
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_a_calendar_that_is_not_there_is_named(caller: AsyncClient) -> None:
    policy = await desk.set_up(caller)
    document = halved()
    document["rules"][0]["then"]["promises"][0]["calendar"] = "moon"

    answer = await caller.post(
        f"/v1/policies/{policy['id']}/simulate", json={"facts": {}, "document": document}
    )

    assert answer.status_code == 422
    assert "moon" in answer.text


async def test_nothing_can_be_written_in_the_transaction_of_a_simulation(
    caller: AsyncClient, session: TenantSession
) -> None:
    policy = await desk.set_up(caller)
    rulebook, policy_id = composition.rulebook(ReferenceEngine()), PolicyId(UUID(policy["id"]))
    question = Question(facts={}, at=NOON, now=NOON)
    somebody = Caller(None, may_backdate=False, actor=Actor())

    async with session.db.begin_nested():
        await simulation.simulate(session, rulebook, policy_id, question, caller=somebody)

        with pytest.raises(DBAPIError, match="read-only transaction"):
            await factories.request(session)


@pytest.mark.parametrize("which", ["policy", "request"])
async def test_what_is_not_there_cannot_be_simulated(caller: AsyncClient, which: str) -> None:
    policy = await desk.set_up(caller)
    nobody = "00000000-0000-0000-0000-000000000001"
    path = nobody if which == "policy" else policy["id"]

    answer = await caller.post(f"/v1/policies/{path}/simulate", json={"request_id": nobody})

    assert answer.status_code == 404


async def test_the_notices_of_its_ladders_are_shown_with_their_instants(caller: AsyncClient) -> None:
    await desk.set_up(caller)
    again = {"every_seconds": 3_600, "times": 1}
    steps = [
        {
            "name": "half",
            "at": {"anchor": "used", "share": 0.5},
            "tell": [{"role": "manager"}],
            "repeat": again,
        },
    ]
    await desk.created(caller, "/v1/ladders", {"name": "up", "definition": {"steps": steps}})
    rules = [
        {"id": name, "when": "true", "because": "Somebody must know.", "then": {"ladder": name}}
        for name in ("up", "none")
    ]
    document = {"hit_policy": "COLLECT", "rules": rules}
    policy = await desk.created(
        caller, "/v1/policies", {"name": "who", "kind": "escalation", "document": document}
    )

    answer = await caller.post(
        f"/v1/policies/{policy['id']}/simulate", json={"facts": {"request.priority": "P1"}, "at": desk.at()}
    )

    assert answer.status_code == 200, answer.text
    simulated = answer.json()["simulated"]
    assert [(each["at"], each["step"], each["repeat"], each["to"]) for each in simulated["notices"]] == [
        (desk.at(hours=2), "half", 0, ["role manager"]),
        (desk.at(hours=3), "half", 1, ["role manager"]),
    ]
    assert simulated["ladders_unknown"] == ["none"]
    assert answer.json()["current"]["notices"] == []
    assert (await caller.get("/v1/notices")).json()["items"] == []
