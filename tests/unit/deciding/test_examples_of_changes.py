"""Forty change requests, decided by the policies that are shipped with them."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.ids import PolicyId, PolicyVersionId
from service.rationalization.kind import RATIONALIZATION
from service.rationalization.verdicts import ApprovalGate, Verdict
from service.rules import deciding, documents
from service.rules.deciding import Effective
from service.rules.domain import VersionRef
from service.rules.matching import RuleSet
from service.rules.reference import ReferenceEngine

EXAMPLES = Path(__file__).parents[3] / "examples" / "changes"
REQUESTS: list[dict[str, Any]] = json.loads((EXAMPLES / "requests.json").read_text())


def _policy(name: str, number: int) -> Effective:
    written = json.loads((EXAMPLES / f"{name}.json").read_text())["document"]
    document = documents.read(written, RATIONALIZATION)
    identity = UUID(int=number)
    ref = VersionRef(policy_id=PolicyId(identity), version_id=PolicyVersionId(identity), version=1)
    return Effective(ref, document, RuleSet(name, tuple(rule.condition for rule in document.rules)))


POLICIES = {RATIONALIZATION.name: [_policy("reasonable", 1), _policy("gates", 2)]}


def test_there_are_forty_of_them_and_each_rule_has_its_case() -> None:
    rules = {rule.id for rule in POLICIES[RATIONALIZATION.name][0].document.rules}

    assert len(REQUESTS) == 40
    assert {request["expected"]["rule"] for request in REQUESTS} == rules
    assert {gate for request in REQUESTS for gate in request["expected"]["requires"]} >= {
        "approval",
        "change_conflict",
        "communication_plan",
        "risk_assessment",
        "rollback_plan",
        "test_evidence",
    }


def _type_of(request: dict[str, Any]) -> dict[str, Any]:
    """What a request says of its type; most are of no type of the catalogue."""
    kind = request["type"]
    return {
        "type": kind,
        "type_name": request.get("type_name", kind),
        "standard": request.get("standard", False),
    }


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request["external_id"])
async def test_a_change_request_is_decided_as_expected(request_: dict[str, Any]) -> None:
    expected = request_["expected"]
    facts = {"request": request_["facts"] | _type_of(request_), "service": request_["service"]}

    decided = await deciding.decide(ReferenceEngine(), [RATIONALIZATION], POLICIES, facts)
    answer = decided.of(RATIONALIZATION.name)

    assert isinstance(answer.outcome, Verdict)
    found = RATIONALIZATION.write_outcome(answer.outcome)
    assert (found["verdict"], answer.winners[0].rule.id) == (expected["verdict"], expected["rule"])
    assert answer.winners[0].rule.because == expected["reason"]
    assert sorted({gate["gate"] for gate in found.get("requires", [])}) == sorted(expected["requires"])
    assert not decided.degraded


@pytest.mark.parametrize("name", ["CHG-0015", "CHG-0016"])
async def test_an_emergency_waits_for_its_own_consent_and_not_for_the_usual_one_too(name: str) -> None:
    request = next(each for each in REQUESTS if each["external_id"] == name)
    facts = {"request": request["facts"] | _type_of(request), "service": request["service"]}

    decided = await deciding.decide(ReferenceEngine(), [RATIONALIZATION], POLICIES, facts)

    outcome = decided.of(RATIONALIZATION.name).outcome
    assert isinstance(outcome, Verdict)
    assert [each.name for each in outcome.requires if isinstance(each, ApprovalGate)] == ["emergency"]


@pytest.mark.parametrize(("accidents", "persons"), [(0, []), (1, []), (2, [2]), (7, [2])])
async def test_after_two_accidents_of_a_service_two_persons_look_at_a_change(
    accidents: int, persons: list[int]
) -> None:
    request = next(each for each in REQUESTS if not each["expected"]["requires"])
    facts = {
        "request": request["facts"] | {"type": request["type"]},
        "service": request["service"] | {"accidents_90d": accidents},
    }

    decided = await deciding.decide(ReferenceEngine(), [RATIONALIZATION], POLICIES, facts)

    outcome = decided.of(RATIONALIZATION.name).outcome
    assert isinstance(outcome, Verdict)
    assert [each.needed for each in outcome.requires if isinstance(each, ApprovalGate)] == persons
