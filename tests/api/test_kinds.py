"""What policies of every kind decide on one request, over HTTP, and how much of it a client is told."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from service.db import Sessions, tenant_transaction
from service.requests import reading
from service.requests.kinds import KINDS
from service.rules import deciding, documents
from service.rules import store as rules
from service.rules.deciding import Effective
from service.rules.domain import Decided, Saved
from service.rules.matching import RuleSet
from service.rules.records import AnswerRecord
from service.rules.reference import ReferenceEngine
from service.tenants.domain import Tenant
from tests import factories
from tests.api import desk, kinds
from tests.conftest import SignIn
from tests.factories import NOON


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


@pytest.fixture
async def caller(sign_in: SignIn) -> AsyncClient:
    """An application with all scopes, in a tenant with a policy of each kind in effect."""
    caller = await sign_in()
    await kinds.set_up(caller)
    return caller


async def test_a_promise_follows_the_priority_that_was_derived(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts=kinds.HIGH)

    assert (request["rule_id"], request["degraded"]) == ("p1", False)
    assert [one["due_at"] for one in request["commitments"]] == [desk.at(hours=1)]
    decision = await kinds.decision(caller, request)
    assert decision["derived"] == {"request.priority": "P1", "request.custom.watched": True}
    assert decision["facts"]["request"]["priority"] == "P1"
    assert decision["facts"]["request"]["custom"] == {"watched": True}
    shown = (await caller.get(f"/v1/requests/{request['id']}")).json()
    assert shown["facts"] == kinds.HIGH  # as its source wrote them


async def test_a_decision_holds_what_the_policies_of_every_kind_say(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, type="change", facts=kinds.HIGH)

    decision = await kinds.decision(caller, request)

    assert (decision["verdict"], decision["reason"]) == (
        {"verdict": "decline", "objections": kinds.DESK},
        "Because of urgent.",
    )
    assert (request["verdict"], request["reason"]) == (decision["verdict"], decision["reason"])
    assert [one["target"]["seconds"] for one in decision["promises"]] == [3_600]
    assert decision["ladders"] == ["major incident", "night"]
    assert [answer["kind"] for answer in decision["answers"]] == list(kinds.POLICIES)
    counting = {
        answer["kind"]: [winner["rule_id"] for winner in answer["winners"]] for answer in decision["answers"]
    }
    assert counting == {
        "classification": ["both-high"],
        "rationalization": ["urgent"],
        "commitment": ["p1"],
        "escalation": ["major", "night"],
    }
    assert decision["answers"][0]["consulted"][0]["rules"] == ["both-high", "else"]


async def test_a_request_of_another_type_is_not_asked_about(caller: AsyncClient) -> None:
    request = await desk.submitted(caller, facts=kinds.HIGH)

    decision = await kinds.decision(caller, request)
    why = await kinds.why(caller, request)

    answer = decision["answers"][1]
    assert (answer["kind"], len(answer["versions"])) == ("rationalization", 1)
    assert (answer["consulted"], answer["winners"], answer["outcome"]) == ([], [], None)
    assert (decision["verdict"], decision["reason"]) == ({"verdict": "accept"}, None)
    assert {rule["asked"] for rule in why["rules"] if rule["kind"] == "rationalization"} == {False}
    assert {rule["asked"] for rule in why["rules"] if rule["kind"] != "rationalization"} == {True}


async def test_why_explains_every_kind_on_the_facts_that_it_was_asked_about(caller: AsyncClient) -> None:
    await kinds.in_effect(
        caller,
        "classification",
        {
            "order": 900,
            "rules": [
                kinds.rule("low", "request.priority == 'low'", {"set": {"client.tier": "low"}}),
                kinds.rule("not-low", "true", {"set": {"client.tier": "high"}}),
            ],
        },
    )
    request = await desk.submitted(caller, type="change", facts=kinds.HIGH)

    why = await kinds.why(caller, request)

    seen = {rule["rule_id"]: rule for rule in why["rules"]}
    assert [rule["kind"] for rule in why["rules"]] == sorted(
        (rule["kind"] for rule in why["rules"]), key=list(kinds.POLICIES).index
    )
    places = {name: rule["place"] for name, rule in seen.items() if rule["counts"]}
    assert places == {"both-high": 1, "not-low": 2, "urgent": 1, "p1": 1, "major": 1, "night": 2}
    # Of the priority the source says `low`; the first classification makes it P1, and all after it see that.
    assert seen["low"]["explanation"]["because"][0]["result"] == "P1"
    assert seen["urgent"]["explanation"]["because"][0]["result"] == "P1"
    assert (why["verdict"]["verdict"], why["reason"]) == ("decline", "Because of urgent.")
    assert why["facts"]["request"]["priority"] == "P1"


async def test_a_classification_is_explained_on_the_facts_as_they_were_given(caller: AsyncClient) -> None:
    rules = [kinds.rule("was-low", "request.priority == 'low'", {"set": {"request.custom.was": "low"}})]
    rules.append(kinds.rule("other", "true", {"set": {"request.custom.was": "other"}}))
    await kinds.in_effect(caller, "classification", {"order": 100, "rules": rules})
    request = await desk.submitted(caller, facts=kinds.HIGH)

    why = await kinds.why(caller, request)

    explained = next(rule for rule in why["rules"] if rule["rule_id"] == "was-low")
    assert (explained["counts"], explained["explanation"]["result"]) == (True, True)
    assert explained["explanation"]["because"][0]["result"] == "low"


async def test_several_rules_that_match_where_one_should_leave_a_doubt_that_is_named(
    caller: AsyncClient,
) -> None:
    rules = [
        kinds.rule(name, f"request.external_id.matches('{pattern}')", {"verdict": "accept"})
        for name, pattern in (("one", "^INC-[0-9]+$"), ("two", "-[0-3]{2}$"))
    ]
    await kinds.in_effect(caller, "rationalization", {"hit_policy": "UNIQUE", "rules": rules})
    request = await desk.submitted(caller, facts=kinds.HIGH, external_id="INC-10")

    decision, why = await kinds.decision(caller, request), await kinds.why(caller, request)

    assert request["degraded"] is True
    consulted = decision["answers"][1]["consulted"][0]
    assert (consulted["rules"], consulted["doubts"]) == (["one", "two"], ["several_matched"])
    assert [(doubt["kind"], doubt["doubt"]) for doubt in why["doubts"]] == [
        ("rationalization", "several_matched")
    ]


async def test_a_client_is_told_verdict_and_reason_and_nothing_of_the_rules_inside(
    caller: AsyncClient, sign_in: SignIn
) -> None:
    client = await desk.created(caller, "/v1/clients", {"name": "Harbour", "tier": "gold"})
    confined = await sign_in(client_id=client["id"])
    declined = await desk.submitted(confined, type="change", facts=kinds.HIGH)
    gated = await desk.submitted(confined, type="change", facts=kinds.LOW)

    decision, why = await kinds.decision(confined, declined), await kinds.why(confined, declined)
    known = await kinds.why(caller, declined)

    assert (declined["verdict"], declined["reason"]) == (
        {"verdict": "decline", "objections": kinds.DESK},
        "Because of urgent.",
    )
    known_at_once = await desk.submitted(caller, type="change", facts=kinds.LOW)
    assert known_at_once["verdict"] == {"verdict": "accept", "requires": [kinds.BOARD]}
    assert gated["verdict"] == {"verdict": "accept"}  # who has to agree to it is the tenant's own affair
    assert (await kinds.decision(caller, gated))["verdict"] == {
        "verdict": "accept",
        "requires": [kinds.BOARD],
    }
    assert decision["reason"] == "Because of urgent."
    hidden = ("answers", "derived", "promises", "ladders", "policy_version_id")
    assert [decision[name] for name in hidden] == [[], {}, None, [], None]
    assert decision["facts"]["request"]["priority"] == "low"
    assert "custom" not in decision["facts"]["request"]
    assert [(rule["kind"], rule["rule_id"]) for rule in why["rules"]] == [
        ("rationalization", "urgent"),
        ("commitment", "p1"),
    ]
    inside = ("when", "explanation", "policy_id", "policy_version")
    assert {rule[name] for rule in why["rules"] for name in inside} == {None}
    assert why["doubts"] == []
    assert why["facts"]["request"]["priority"] == "P1"  # that is what the rule has read
    assert "custom" not in why["facts"]["request"]
    assert len(known["rules"]) == 8


async def test_what_was_decided_is_decided_again_from_what_is_stored(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant
) -> None:
    requests = [
        await desk.submitted(caller, type=kind, facts=facts)
        for kind in ("change", "incident")
        for facts in (kinds.HIGH, kinds.LOW, {}, {"priority": "low", "custom": {"n": 1.0, "big": 2**53}})
    ]

    for request in requests:
        await _assert_decided_again(sessions, tenant, request)


@pytest.mark.parametrize(
    ("condition", "custom"),
    [
        ("request.custom.set == 1", {"set": 1}),
        ("request.custom.set == 1.0 && request.custom.set / 2.0 == 0.5", {"set": 1.0}),
        ("request.custom.filter(name, name != 'set')[0] == 'a'", {"zz": 1, "a": 2}),
        ("request.custom.sum / 2.0 == 5e15", {"sum": 1e16}),
        ("request.custom.sum + 1.0 == -1e300", {"sum": -1e300}),
        ("string(request.custom.sum) == '0'", {"sum": -0.0}),
    ],
)
async def test_nothing_is_lost_of_the_facts_that_something_was_decided_on(
    caller: AsyncClient, sessions: Sessions, tenant: Tenant, condition: str, custom: dict[str, Any]
) -> None:
    sets = {name: {"set": {"request.custom.set": name == "as-given"}} for name in ("as-given", "else")}
    conditions = {"as-given": condition, "else": "true"}
    rows = [kinds.rule(name, when, sets[name]) for name, when in conditions.items()]
    await kinds.in_effect(caller, "classification", {"rules": rows})

    request = await desk.submitted(caller, facts={"priority": "P3", "custom": custom})

    decision, why = await kinds.decision(caller, request), await kinds.why(caller, request)
    assert decision["derived"]["request.custom.set"] is True
    await _assert_decided_again(sessions, tenant, request)
    explained = next(rule for rule in why["rules"] if rule["rule_id"] == "as-given")
    assert (explained["counts"], explained["explanation"]["result"]) == (True, True)


async def _assert_decided_again(sessions: Sessions, tenant: Tenant, request: dict[str, Any]) -> None:
    """What is stored of the decision on a request leads to the same decision."""
    async with tenant_transaction(sessions, tenant.id) as session:
        decision = (await reading.decisions(session, request["id"], client_id=None))[-1]
        stored = await rules.documents(
            session, [ref.version_id for answer in decision.answers for ref in answer.versions]
        )
    again = await _decided(decision.answers, stored, decision.given)
    assert [AnswerRecord.of(each, KINDS[each.kind]) for each in again.answers] == list(decision.answers)
    assert (again.facts, again.degraded) == (decision.facts, decision.degraded)


async def _decided(
    answers: tuple[AnswerRecord, ...], stored: Mapping[UUID, Saved], given: dict[str, Any]
) -> Decided:
    effective: dict[str, list[Effective]] = {}
    for answer in answers:
        effective[answer.kind] = []
        for ref in answer.versions:
            saved = stored[ref.version_id]
            document = documents.read(saved.document, KINDS[answer.kind], own=saved.declared)
            ruleset = RuleSet(str(ref.version_id), tuple(rule.condition for rule in document.rules))
            effective[answer.kind].append(Effective(ref, document, ruleset))
    return await deciding.decide(ReferenceEngine(), list(KINDS.values()), effective, given)
