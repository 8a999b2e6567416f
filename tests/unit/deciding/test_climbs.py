"""Which ladders are named, by one rule or by several, and which promises climb them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain import Level
from service.escalations import climbs
from service.escalations.climbs import ESCALATION, Climb
from service.rules.errors import OutcomeInvalid

METRICS = st.lists(st.sampled_from(["respond", "resolve"]), max_size=2, unique=True).map(tuple[str, ...])
LEVELS = st.lists(st.sampled_from(Level), min_size=1, max_size=3, unique=True).map(tuple[Level, ...])
CLIMBS = st.lists(
    st.builds(Climb, st.sampled_from(["major", "night", "supplier"]), metrics=METRICS, levels=LEVELS),
    min_size=1,
    max_size=5,
)

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"ladder": ""}, "/ladder"),
    ({"ladder": 1}, "/ladder"),
    ({"ladders": []}, "/ladders"),
    ({"ladders": [{"ladder": ""}]}, "/ladders/0/ladder"),
    ({"ladder": "a", "x": 1}, ""),
    ({"ladder": "a", "levels": []}, "/levels"),
    ({"ladder": "a", "levels": ["sla", "slb"]}, "/levels/1"),
    ({"ladder": "a", "metrics": ["Not a name"]}, "/metrics/0"),
]


@pytest.mark.parametrize(("then", "pointer"), REFUSED, ids=range(len(REFUSED)))
def test_what_names_no_ladder_is_refused_at_its_place(then: dict[str, Any], pointer: str) -> None:
    with pytest.raises(OutcomeInvalid) as refusal:
        climbs.read(then)

    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ({"ladder": "a"}, [Climb("a")]),
        ({"ladders": ["a", "b"]}, [Climb("a"), Climb("b")]),
        ({"ladders": ["a", {"ladder": "a"}]}, [Climb("a")]),
        (
            {"ladders": [{"ladder": "a", "metrics": ["resolve"], "levels": ["ola"]}, "a"]},
            [Climb("a", metrics=("resolve",), levels=(Level.OLA,)), Climb("a")],
        ),
    ],
)
def test_an_outcome_says_which_ladders_are_climbed_each_once(
    then: dict[str, Any], expected: list[Climb]
) -> None:
    outcome = climbs.read(then)

    assert climbs.climbs_of(outcome) == climbs.climbs_in(then) == expected
    assert climbs.names_of(outcome) == climbs.names_in(then)


@pytest.mark.parametrize(
    ("climb", "metric", "level", "is_taken"),
    [
        (Climb("a"), "resolve", Level.SLA, True),
        (Climb("a"), "anything", Level.SLA, True),
        (Climb("a"), "resolve", Level.OLA, False),
        (Climb("a", metrics=("respond",)), "resolve", Level.SLA, False),
        (Climb("a", metrics=("respond", "resolve")), "resolve", Level.SLA, True),
        (Climb("a", levels=(Level.OLA, Level.UC)), "resolve", Level.UC, True),
        (Climb("a", levels=(Level.OLA, Level.UC)), "resolve", Level.SLA, False),
    ],
)
def test_a_ladder_is_climbed_by_the_promises_that_the_policy_says(
    climb: Climb, metric: str, level: Level, *, is_taken: bool
) -> None:
    assert climb.takes(metric, level) is is_taken


@given(CLIMBS)
def test_ladders_are_united_in_their_order_and_read_as_they_are_written(named: list[Climb]) -> None:
    merged = climbs.merged(named)

    written = ESCALATION.write_outcome(merged)
    assert climbs.climbs_of(merged) == list(dict.fromkeys(named)) == climbs.climbs_in(written)
    assert climbs.read(written) == merged
    assert msgspec.json.decode(msgspec.json.encode(written)) == written


def test_many_ladders_of_many_rules_are_still_read_back() -> None:
    merged = climbs.merged([Climb(f"ladder {number}") for number in range(climbs.LADDERS_MAX + 1)])

    assert len(climbs.climbs_in(ESCALATION.write_outcome(merged))) == climbs.LADDERS_MAX + 1
