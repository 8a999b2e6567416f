"""What is wrong with the ladders that a policy has climbed, where it is published."""

from typing import Any

import pytest

from service.escalations.climbs import ESCALATION
from service.rules import documents
from service.rules.checks import ladders
from service.rules.checks.ladders import Ladder, Lead
from service.rules.checks.places import Places
from service.rules.domain import Promised
from service.rules.findings import Finding

HOUR = 3_600
NIGHT_IS_EMPTY = Finding(code="nobody-told", pointer="/steps/0", reason="Step 'one' has nobody to tell.")


def promised(
    seconds: int, *, metric: str = "resolve", level: str = "sla", unit: str = "working_time"
) -> Promised:
    return Promised(
        pointer="",
        metric=metric,
        level=level,
        part_of=None,
        unit=unit,
        amount=seconds,
        in_seconds=unit in {"working_time", "elapsed_time"},
        counted_by="'office'",
    )


def found(then: dict[str, Any], known: dict[str, Ladder], *made: Promised) -> list[tuple[str, str]]:
    written = {"rules": [{"id": "r", "when": "true", "then": then, "because": "It is so."}]}
    document = documents.read(written, ESCALATION)
    told = ladders.ladders(document, ESCALATION, known, made, Places.of(written))
    return [(each.code, each.pointer) for each in told]


USUAL = Ladder((), ())


def test_a_ladder_that_there_is_not_is_found_at_its_place() -> None:
    then = {"ladders": ["usual", {"ladder": "usaul", "metrics": ["resolve"]}]}

    assert found(then, {"usual": USUAL}) == [("unknown-ladder", "/rules/0/then/ladders/1")]
    assert found({"ladder": "usaul"}, {}) == [("unknown-ladder", "/rules/0/then/ladder")]


def test_what_is_wrong_with_a_ladder_is_told_where_it_is_named() -> None:
    known = {"night": Ladder((NIGHT_IS_EMPTY,), ())}

    assert found({"ladder": "night"}, known) == [("nobody-told", "/rules/0/then/ladder")]


@pytest.mark.parametrize(
    ("then", "codes"),
    [
        ({"ladder": "usual"}, []),
        ({"ladder": "usual", "metrics": ["resolve", "respond"]}, []),
        ({"ladder": "usual", "metrics": ["repsond"]}, ["unclimbed"]),
        ({"ladder": "usual", "levels": ["uc"]}, ["unclimbed"]),
        ({"ladder": "usual", "metrics": ["supply"], "levels": ["ola"]}, []),
    ],
)
def test_a_ladder_that_no_promise_climbs_is_found(then: dict[str, Any], codes: list[str]) -> None:
    made = promised(HOUR), promised(HOUR, metric="supply", level="ola")

    assert [code for code, _ in found(then, {"usual": USUAL}, *made)] == codes


def test_nothing_is_said_of_promises_where_none_are_known() -> None:
    known = {"usual": Ladder((), (Lead("one", 9 * HOUR, in_own_clock=True),))}

    assert found({"ladder": "usual", "metrics": ["nothing"]}, known) == []


AT_ONCE = [
    (Lead("one", 4 * HOUR, in_own_clock=True), [promised(4 * HOUR)], True),
    (Lead("one", 4 * HOUR, in_own_clock=True), [promised(4 * HOUR + 1)], False),
    (Lead("one", 4 * HOUR, in_own_clock=True), [promised(HOUR), promised(8 * HOUR)], False),
    (Lead("one", 4 * HOUR, in_own_clock=True), [promised(HOUR), promised(8 * HOUR, level="ola")], True),
    (Lead("one", 4 * HOUR, in_own_clock=False), [promised(HOUR)], False),
    (Lead("one", 4 * HOUR, in_own_clock=False), [promised(HOUR, unit="elapsed_time")], True),
    (Lead("one", 4 * HOUR, in_own_clock=True), [promised(1, unit="business_days")], False),
]


@pytest.mark.parametrize(("lead", "made", "is_found"), AT_ONCE, ids=range(len(AT_ONCE)))
def test_a_step_that_comes_before_every_promise_begins_is_found_and_only_then(
    lead: Lead, made: list[Promised], *, is_found: bool
) -> None:
    told = found({"ladder": "usual"}, {"usual": Ladder((), (lead,))}, *made)

    assert [code for code, _ in told] == (["step-at-once"] if is_found else [])
