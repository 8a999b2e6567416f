"""What a classification may derive, and what becomes of the facts."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules import classification, deciding, documents
from service.rules.classification import CLASSIFICATION, Classification
from service.rules.errors import OutcomeInvalid, PolicyInvalid


@pytest.mark.parametrize(
    "sets",
    [
        {"request.priority": "P1"},
        {"client.tier": "gold", "service.criticality": "high"},
        {"request.custom.vip": True, "client.custom.sites": 3, "request.custom.tags": ["a", "b"]},
    ],
)
def test_what_may_be_derived_is_read(sets: dict[str, Any]) -> None:
    assert classification.derived(classification.read({"set": sets})) == sets


@pytest.mark.parametrize(
    ("then", "pointer", "said"),
    [
        ({}, "", "set"),
        ({"set": {}}, "/set", "length"),
        ({"set": {"request.priority": "P1"}, "note": "x"}, "", "note"),
        ({"set": {"request.type": "change"}}, "/set/request.type", "cannot set"),
        ({"set": {"request.priorty": "P1"}}, "/set/request.priorty", "did you mean `request.priority`?"),
        ({"set": {"client.name": "Hill"}}, "/set/client.name", "cannot set"),
        ({"set": {"history.same_service_1h": 0}}, "/set/history.same_service_1h", "cannot set"),
        ({"set": {"request.custom.": 1}}, "/set/request.custom.", "cannot set"),
        ({"set": {"request.custom.a..b": 1}}, "/set/request.custom.a..b", "cannot set"),
        ({"set": {"request.custom.a": 1, "request.custom.a.b": 2}}, "/set/request.custom.a.b", "is set too"),
        ({"set": {"request.priority": None}}, "/set/request.priority", "is set to"),
        ({"set": {"request.custom.place": {"x": 1}}}, "/set/request.custom.place", "is set to"),
    ],
)
def test_what_may_not_be_derived_is_refused_at_its_place(
    then: dict[str, Any], pointer: str, said: str
) -> None:
    with pytest.raises(OutcomeInvalid) as refused:
        classification.read(then)

    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert said in refused.value.faults[0].detail


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"request.priority": 1}, "string"),
        ({"request.custom.size": "big"}, "int"),
        ({"request.custom.size": 9}, "one of 1, 2, 3"),
        ({"request.custom.since": "yesterday"}, "timestamp"),
        ({"request.custom.tags": [1]}, "string"),
    ],
)
def test_a_value_that_its_fact_does_not_take_is_refused(sets: dict[str, Any], said: str) -> None:
    facts = {
        "request.custom.size": {"type": "int", "values": [1, 2, 3]},
        "request.custom.since": "timestamp",
        "request.custom.tags": "list<string>",
    }
    rule = {"id": "r", "when": "true", "then": {"set": sets}, "because": "So."}

    with pytest.raises(PolicyInvalid) as refused:
        documents.read({"facts": facts, "rules": [rule]}, CLASSIFICATION)

    (fault,) = refused.value.faults
    assert fault.pointer.startswith(f"/rules/0/then/set/{next(iter(sets))}")
    assert said in fault.detail


NAMES = st.sampled_from(
    ["request.priority", "client.tier", "request.custom.a", "request.custom.a.b", "request.custom.c"]
)
SETS = st.dictionaries(NAMES, st.integers(0, 9), min_size=1).filter(
    lambda sets: not {"request.custom.a", "request.custom.a.b"} <= sets.keys()
)


@given(st.lists(SETS, min_size=1, max_size=4))
def test_of_rules_that_set_the_same_fact_the_earlier_one_does(written: list[dict[str, int]]) -> None:
    merged = classification.merged([Classification(sets) for sets in written])

    assert merged.sets.items() >= written[0].items()
    assert not any(other.startswith(f"{name}.") for name in merged.sets for other in merged.sets)
    for name, value in merged.sets.items():
        assert value == next(sets[name] for sets in written if name in sets)
    for name in {name for sets in written for name in sets} - merged.sets.keys():
        assert any(name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in merged.sets)


def _facts(request: dict[str, Any], custom: dict[str, int] | None, client: str | None) -> dict[str, Any]:
    own = request if custom is None else request | {"custom": custom}
    return {"request": own} | ({} if client is None else {"client": {"name": client}})


FACTS = st.builds(
    _facts,
    st.dictionaries(st.sampled_from(["priority", "impact"]), st.just("3")),
    st.none() | st.dictionaries(st.sampled_from("acd"), st.integers()),
    st.none() | st.just("Harbour"),
)


@given(facts=FACTS, sets=SETS)
def test_derived_facts_are_laid_over_the_others_which_stay(
    facts: dict[str, Any], sets: dict[str, int]
) -> None:
    before = copy.deepcopy(facts)

    after = deciding.overlaid(facts, sets)

    assert facts == before
    leaves = _leaves(after)
    assert leaves.items() >= sets.items()
    for name, value in _leaves(before).items():
        covered = any(name == other or name.startswith(f"{other}.") for other in sets)
        replaced = any(other.startswith(f"{name}.") for other in sets)
        assert covered or replaced or leaves[name] == value
    assert deciding.overlaid(after, sets) == after


def _leaves(facts: Any, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in facts.items():
        path = f"{before}{name}"
        found |= _leaves(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return found
