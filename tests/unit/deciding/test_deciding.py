"""The policies of all kinds together, on one snapshot of facts."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from service.ids import PolicyId, PolicyVersionId
from service.requests.kinds import KINDS
from service.rules import deciding, documents
from service.rules.deciding import Effective
from service.rules.domain import UNREADABLE, Decided, Doubt, VersionRef
from service.rules.matching import Matches, MatchingTooSlow, RuleSet
from service.rules.records import AnswerRecord
from service.rules.reference import ReferenceEngine

PORTAL = {"name": "Portal", "url": "https://portal.example"}


def _rule(rule_id: str, when: str, then: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": rule_id, "when": when, "then": then, "because": f"Because of {rule_id}."} | more


def _sets(**sets: Any) -> dict[str, Any]:
    return {"set": {name.replace("__", "."): value for name, value in sets.items()}}


def _promises(seconds: int) -> dict[str, Any]:
    target = {"unit": "elapsed_time", "seconds": seconds}
    return {"promises": [{"metric": "resolve", "target": target}]}


P1 = _rule("urgent", "request.impact == 'high'", _sets(request__priority="P1"))
P3 = _rule("rest", "request.impact != 'high'", _sets(request__priority="P3"))
BY_PRIORITY = {
    "rules": [
        _rule("p1", "request.priority == 'P1'", _promises(3600)),
        _rule("p3", "request.priority == 'P3'", _promises(86_400)),
    ]
}

Policies = Mapping[str, Sequence[dict[str, Any]]]


def _effective(policies: Policies) -> dict[str, list[Effective]]:
    number = 0
    found: dict[str, list[Effective]] = {}
    for kind, written in policies.items():
        found[kind] = []
        for each in written:
            number += 1
            ref = VersionRef(
                policy_id=PolicyId(UUID(int=number)),
                version_id=PolicyVersionId(UUID(int=100 + number)),
                version=1,
            )
            document = documents.read(each, KINDS[kind])
            ruleset = RuleSet(str(ref.version_id), tuple(rule.condition for rule in document.rules))
            found[kind].append(Effective(ref, document, ruleset))
    return found


async def _decided(policies: Policies, facts: dict[str, Any]) -> Decided:
    return await deciding.decide(ReferenceEngine(), list(KINDS.values()), _effective(policies), facts)


def _counting(decided: Decided, kind: str) -> list[str]:
    return [winner.rule.id for winner in decided.of(kind).winners]


def _doubts(decided: Decided) -> list[Doubt]:
    return [
        doubt for answer in decided.answers for consulted in answer.consulted for doubt in consulted.doubts
    ]


async def test_what_classification_derives_the_other_kinds_read() -> None:
    facts = {"request": {"impact": "high", "priority": "low"}}
    policies = {"classification": [{"rules": [P1, P3]}], "commitment": [BY_PRIORITY]}

    decided = await _decided(policies, facts)

    assert _counting(decided, "commitment") == ["p1"]
    assert decided.given == facts == {"request": {"impact": "high", "priority": "low"}}
    assert decided.facts == {"request": {"impact": "high", "priority": "P1"}}
    assert not decided.degraded


async def test_each_classification_reads_what_those_before_it_derived() -> None:
    by_tier = {
        "order": 2,
        "rules": [_rule("gold", "client.tier == 'gold'", _sets(service__criticality="high"))],
    }
    tier = {"order": 1, "rules": [_rule("harbour", "client.name == 'Harbour'", _sets(client__tier="gold"))]}

    forth = await _decided({"classification": [tier, by_tier]}, {"client": {"name": "Harbour"}})
    back = await _decided({"classification": [by_tier, tier]}, {"client": {"name": "Harbour"}})

    assert _counting(forth, "classification") == ["harbour", "gold"]
    assert forth.facts == {"client": {"name": "Harbour", "tier": "gold"}, "service": {"criticality": "high"}}
    assert _counting(back, "classification") == ["harbour"]


async def test_of_classifications_that_set_the_same_fact_the_earlier_one_does() -> None:
    later = {"rules": [_rule("always", "true", _sets(request__priority="P4", request__urgency="low"))]}

    decided = await _decided({"classification": [{"rules": [P1]}, later]}, {"request": {"impact": "high"}})

    assert decided.facts["request"] == {"impact": "high", "priority": "P1", "urgency": "low"}


async def test_all_rationalizations_are_asked_and_the_strictest_is_followed() -> None:
    accept = {"rules": [_rule("fine", "true", {"verdict": "accept", "requires": [{"gate": "readiness"}]})]}
    decline = {"rules": [_rule("no", "true", {"verdict": "decline", "objections": PORTAL})]}
    redirect = {"rules": [_rule("there", "true", {"verdict": "redirect", "channel": PORTAL})]}

    decided = await _decided({"rationalization": [accept, redirect, decline]}, {})

    answer = decided.of("rationalization")
    assert _counting(decided, "rationalization") == ["no", "fine", "there"]
    written = AnswerRecord.of(answer, KINDS["rationalization"])
    assert written.outcome == {
        "verdict": "decline",
        "objections": PORTAL,
        "requires": [{"gate": "readiness"}],
    }
    assert written.winners[0].because == "Because of no."


async def test_of_commitments_the_first_policy_with_an_answer_is_followed_and_none_after_it_asked() -> None:
    first = {"rules": [_rule("never", "request.priority == 'P9'", _promises(1))]}
    third = {"rules": [_rule("always", "true", _promises(1))]}

    decided = await _decided({"commitment": [first, BY_PRIORITY, third]}, {"request": {"priority": "P3"}})

    answer = decided.of("commitment")
    assert _counting(decided, "commitment") == ["p3"]
    assert [each.ref for each in answer.consulted] == list(answer.versions[:2])
    assert len(answer.versions) == 3


async def test_ladders_that_are_collected_are_all_named() -> None:
    rules = [_rule(name, "true", {"ladder": name}) for name in ("major", "night")]

    decided = await _decided({"escalation": [{"hit_policy": "COLLECT", "rules": rules}]}, {})

    assert KINDS["escalation"].write_outcome(decided.of("escalation").outcome) == {
        "ladders": ["major", "night"]
    }


async def test_promises_that_are_collected_are_one_for_each_metric() -> None:
    respond = {"promises": [{"metric": "respond", "target": {"unit": "elapsed_time", "seconds": 60}}]}
    rules = [_rule("a", "true", _promises(1)), _rule("b", "true", _promises(2)), _rule("c", "true", respond)]

    decided = await _decided({"commitment": [{"hit_policy": "COLLECT", "rules": rules}]}, {})

    written = KINDS["commitment"].write_outcome(decided.of("commitment").outcome)
    assert written["promises"] == _promises(1)["promises"] + respond["promises"]


async def test_a_policy_for_other_requests_is_not_asked() -> None:
    policies = {"commitment": [BY_PRIORITY | {"applies_to": {"request_types": ["change"]}}]}

    incident = await _decided(policies, {"request": {"type": "incident", "priority": "P1"}})
    change = await _decided(policies, {"request": {"type": "change", "priority": "P1"}})

    assert (incident.of("commitment").consulted, incident.of("commitment").winners) == ((), ())
    assert len(incident.of("commitment").versions) == 1
    assert _counting(change, "commitment") == ["p1"]


TWO = [
    _rule("a", "request.priority == 'P1'", _promises(1)),
    _rule("b", "request.impact == 'high'", _promises(2)),
]


@pytest.mark.parametrize(
    ("document", "facts", "doubts"),
    [
        ({"rules": TWO}, {"priority": "P1", "impact": "high"}, []),
        ({"rules": TWO}, {"impact": "high"}, [Doubt.RULE_FAILED]),
        (
            {"rules": TWO, "hit_policy": "UNIQUE"},
            {"priority": "P1", "impact": "high"},
            [Doubt.SEVERAL_MATCHED],
        ),
        ({"rules": TWO}, {"priority": "P1", "impact": 3}, [Doubt.FACT_UNUSABLE]),
        (
            {"rules": TWO, "hit_policy": "COLLECT"},
            {"priority": "P1", "impact": 3},
            [Doubt.RULE_FAILED, Doubt.FACT_UNUSABLE],
        ),
    ],
)
async def test_what_leaves_a_doubt_is_named(
    document: dict[str, Any], facts: dict[str, Any], doubts: list[Doubt]
) -> None:
    decided = await _decided({"commitment": [document]}, {"request": facts})

    assert _doubts(decided) == doubts
    assert decided.degraded is bool(doubts)


class _Slow(ReferenceEngine):
    """Takes too long for one of the rule sets."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        if ruleset.key == self._key:
            raise MatchingTooSlow(ruleset.key, 0.25)
        return replace(await super().match(ruleset, facts), differed=True)


async def test_a_version_that_can_no_longer_be_read_is_left_aside_and_the_others_decide() -> None:
    effective = _effective({"classification": [{"rules": [P1]}], "commitment": [BY_PRIORITY]})
    first = effective["classification"][0]
    effective["classification"] = [Effective(first.ref, UNREADABLE, RuleSet("unreadable", ()))]

    decided = await deciding.decide(
        ReferenceEngine(), list(KINDS.values()), effective, {"request": {"impact": "high", "priority": "P3"}}
    )

    assert _counting(decided, "commitment") == ["p3"]
    assert (decided.degraded, _doubts(decided)) == (True, [Doubt.UNREADABLE])
    assert decided.of("classification").consulted[0].ref == first.ref


async def test_rules_that_take_too_long_are_left_aside_and_the_others_decide() -> None:
    effective = _effective({"classification": [{"rules": [P1]}], "commitment": [BY_PRIORITY]})
    slow = effective["classification"][0]

    decided = await deciding.decide(
        _Slow(slow.ruleset.key),
        list(KINDS.values()),
        effective,
        {"request": {"impact": "high", "priority": "P3"}},
    )

    assert _counting(decided, "commitment") == ["p3"]
    assert (decided.degraded, _doubts(decided)) == (True, [Doubt.TOO_SLOW])
    assert decided.of("classification").consulted[0].ref == slow.ref
    assert decided.differed == (effective["commitment"][0].ref,)


EVERYTHING: Policies = {
    "classification": [
        {"rules": [P1, P3]},
        {
            "hit_policy": "COLLECT",
            "facts": {"request.custom.size": "int"},
            "rules": [
                _rule("big", "request.custom.size > 3", _sets(request__custom__big=True)),
                _rule("p1", "request.priority == 'P1'", _sets(client__tier="gold", request__priority="P0")),
            ],
        },
    ],
    "rationalization": [
        {
            "hit_policy": "UNIQUE",
            "facts": {"request.custom.big": "bool"},
            "rules": [
                _rule("far", "request.custom.big", {"verdict": "decline", "objections": PORTAL}, rank=2),
                _rule("gold", "client.tier == 'gold'", {"verdict": "accept"}, rank=1),
                _rule("all", "true", {"verdict": "redirect", "channel": PORTAL}),
            ],
        },
        {"rules": [_rule("note", "true", {"verdict": "accept", "requires": [{"gate": "rollback_plan"}]})]},
    ],
    "commitment": [BY_PRIORITY | {"applies_to": {"request_types": ["change"]}}, BY_PRIORITY],
    "escalation": [{"rules": [_rule("major", "client.tier == 'gold'", {"ladder": "major"})]}],
}
WORDS = st.sampled_from(["high", "low", "P1", "P3", "gold"])


def _facts(request: dict[str, Any], custom: dict[str, Any] | None, tier: str | None) -> dict[str, Any]:
    own = request if custom is None else request | {"custom": custom}
    return {"request": own} | ({} if tier is None else {"client": {"tier": tier}})


def _own(request_type: str, told: dict[str, Any]) -> dict[str, Any]:
    return told | {"type": request_type}


TOLD: SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["impact", "priority"]), WORDS | st.integers(0, 3)
)
SIZES: SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.just("size"), st.integers(0, 6) | st.floats(0, 6) | WORDS
)
FACTS = st.builds(
    _facts,
    st.builds(_own, st.sampled_from(["incident", "change"]), TOLD),
    st.none() | SIZES,
    st.none() | WORDS,
)


@given(facts=FACTS)
def test_what_was_decided_is_decided_again_from_what_is_kept(facts: dict[str, Any]) -> None:
    decided = asyncio.run(_decided(EVERYTHING, facts))
    records = [AnswerRecord.of(answer, KINDS[answer.kind]) for answer in decided.answers]
    kept = json.loads(json.dumps([record.to_json() for record in records]))
    given_facts = json.loads(json.dumps(decided.given))

    again = asyncio.run(_decided(EVERYTHING, given_facts))

    assert [AnswerRecord.read(each) for each in kept] == records
    assert [AnswerRecord.of(answer, KINDS[answer.kind]) for answer in again.answers] == records
    assert (again.facts, again.degraded) == (decided.facts, decided.degraded)
    assert again.degraded is bool(_doubts(again))


@given(facts=FACTS)
def test_the_first_winner_is_the_one_whose_outcome_is_followed(facts: dict[str, Any]) -> None:
    decided = asyncio.run(_decided(EVERYTHING, facts))

    for answer in decided.answers:
        assert (answer.outcome is None) is (not answer.winners)
        if answer.kind == "rationalization" and answer.winners:
            assert type(answer.outcome) is type(answer.winners[0].rule.outcome)
        asked = {consulted.ref for consulted in answer.consulted}
        assert asked <= set(answer.versions)
        assert {winner.ref for winner in answer.winners} <= asked
