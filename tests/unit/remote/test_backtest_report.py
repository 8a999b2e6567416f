"""What a backtest found, as people read it."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from service.remote import backtest_report as reporting
from service.remote.backtest_report import Line
from service.remote.backtests import Backtest, Change, Found, Promise, Side, Window
from service.remote.gates import Passage

BEFORE: dict[str, Any] = {
    "unmatched": 4,
    "degraded": 0,
    "verdicts": {"accept": 10},
    "ladders": {},
    "promises": {"resolve": {"made": 10, "kept": 8, "broken": 2}},
}
AFTER: dict[str, Any] = {
    "unmatched": 0,
    "degraded": 1,
    "verdicts": {"accept": 9, "decline": 1},
    "ladders": {"night": 3},
    "promises": {"resolve": {"made": 9, "kept": 4, "broken": 5, "warnings": 7}},
    "absent": {"history.open": 2},
}
RESULT: dict[str, Any] = {
    "requests": 10,
    "changed": 5,
    "changes": {"outcome": 5, "verdict": 1, "ladder": 0},
    "unjudged": {"There is no client 'x'.": 3},
    "rules_never_matched": {"desk@document": ["never"], "other@1": []},
    "changes_listed": 5,
    "before": BEFORE,
    "after": AFTER,
}
HOUR = {"unit": "working_time", "seconds": 3600}


def _side(*promises: Promise, rule: str = "desk@1/a", verdict: str = "accept") -> Side:
    return Side(verdict=verdict, rules={"commitment": [rule]}, promises=list(promises))


SATISFIED = Window("freeze_window", "freeze", "satisfied")
SHUT = Window("freeze_window", "freeze", "open", "no work from 1 until 2")


def _change(before: Side, after: Side) -> Change:
    return Change(
        source="desk",
        external_id="INC-1",
        opened_at="2026-01-05T12:00:00Z",
        kinds=["promise"],
        before=before,
        after=after,
    )


def _shown(result: dict[str, Any], *changes: Change, listed_all: bool = True) -> str:
    backtest = Backtest(id="1", name="x", state="done", result=result, decisions_per_second=1234.5)
    found = Found(backtest, changes, 3, 1, listed_all)
    console = Console(file=io.StringIO(), width=80)
    reporting.show(found, Passage(("too much",), None), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_both_sides_are_counted_line_by_line() -> None:
    assert list(reporting.lines(RESULT)) == [
        Line("no rule promised anything", 4, 0),
        Line("verdict: accept", 10, 9),
        Line("verdict: decline", 0, 1),
        Line("resolve: promised", 10, 9),
        Line("resolve: kept", 8, 4),
        Line("resolve: broken", 2, 5),
        Line("resolve: warnings", 0, 7),
        Line("ladder: night", 0, 3),
        Line("degraded decisions", 0, 1),
    ]


def test_what_verdicts_require_and_which_windows_are_shut_is_counted() -> None:
    freeze = {"satisfied": 3, "open": 1}
    sides = {
        "before": {"gates": {"approval": 4}, "windows": {"freeze_window freeze": freeze}},
        "after": {"gates": {"approval": 1, "rollback_plan": 2}, "approvals": {"board": 1}, "windows": {}},
    }

    assert list(reporting.lines(sides))[1:] == [
        Line("requires: approval", 4, 1),
        Line("requires: rollback_plan", 0, 2),
        Line("consent of: board", 0, 1),
        Line("closed: freeze_window freeze", 1, 0),
    ]


def test_a_verdict_that_differs_is_shown_with_both_reasons() -> None:
    before, after = Side(verdict="adjust", reason="It is frozen."), Side(verdict="accept")

    text = _shown(RESULT, _change(before, after))

    assert "    before: It is frozen.\n    after: no rule says anything of it\n" in text
    assert "before:" not in _shown(RESULT, _change(before, before))


def test_agreements_that_are_left_out_are_told() -> None:
    assert "2 agreements of that time are left out" in _shown({**RESULT, "agreements": {"left_out": 2}})
    assert "agreements" not in _shown({**RESULT, "agreements": {"carried_over": 1, "left_out": 0}})


def test_a_history_without_requests_has_a_report_too() -> None:
    assert "0 past requests decided anew" in _shown({})


def test_the_report_fits_80_columns_and_says_what_people_ask() -> None:
    text = _shown(RESULT, _change(_side(Promise("resolve", "kept", HOUR)), _side()))

    assert "10 past requests decided anew, at 1,234 decisions/s: 5 would change." in text
    assert "Of these in outcome 5, verdict 1." in text
    assert "3 promises would be broken that are not; 1 would be kept that are broken." in text
    assert "INC-1 (2026-01-05): resolve 1 h of working time kept → not promised" in text
    assert "Never matched in desk@document: never." in text
    assert "other@1" not in text
    assert "3 requests could not be judged:" in text
    assert "Read, and absent in 2 of the decisions after: history.open." in text
    assert "Gate exceeded: too much." in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_count_that_is_not_of_all_says_so() -> None:
    assert "At least 3 promises would be broken" in _shown(RESULT, listed_all=False)


@pytest.mark.parametrize(
    ("before", "after", "told", "reason"),
    [
        (
            _side(Promise("resolve", "kept", HOUR)),
            _side(Promise("resolve", "broken", {**HOUR, "seconds": 900}), rule="desk@document/a"),
            "resolve 1 h of working time kept → 15 min of working time broken",
            "desk@1/a → desk@document/a",
        ),
        (
            _side(Promise("resolve", "kept", HOUR, "2026-01-05T13:00:00Z")),
            _side(Promise("resolve", "kept", HOUR, "2026-01-06T09:00:00Z")),
            "resolve 1 h of working time kept, due 2026-01-05T13:00:00Z → 2026-01-06T09:00:00Z",
            "by desk@1/a, as before",
        ),
        (
            _side(verdict="accept"),
            _side(verdict="decline"),
            "accept → decline",
            "by desk@1/a, as before",
        ),
        (
            Side(
                verdict="adjust",
                proposal={"scope": "less"},
                reason="Too much.",
                gates=[{"gate": "approval", "name": "board"}, {"gate": "readiness"}],
            ),
            Side(verdict="adjust", proposal={"scope": "more"}, reason="Enough."),
            "another proposal; requires approval board, readiness → none; for another reason",
            "by none, as before",
        ),
        (
            Side(windows=[SATISFIED, Window("maintenance_window", "nights", "satisfied")]),
            Side(windows=[SHUT]),
            "freeze_window freeze satisfied → open (no work from 1 until 2)",
            "by none, as before",
        ),
        (_side(), _side(), "the same in the end, another on the way: promise", "by desk@1/a"),
    ],
    ids=["a promise", "a due", "a verdict", "what it says", "a window", "on the way"],
)
def test_a_change_is_told_in_a_line_and_by_its_rules(
    before: Side, after: Side, told: str, reason: str
) -> None:
    change = _change(before, after)

    assert reporting.told(change) == told
    assert reporting.reason(change).startswith(reason)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"unit": "elapsed_time", "seconds": 86_400}, "24 h of elapsed time"),
        ({"unit": "business_days", "days": 4}, "4 business days"),
        ({"unit": "end_of_business_day", "days": 0}, "end of business day"),
        ({}, ""),
    ],
)
def test_a_target_is_told_as_people_say_it(target: dict[str, Any], text: str) -> None:
    assert reporting.target(target) == text


@given(hours=st.integers(0, 5_000), minutes=st.integers(0, 59), seconds=st.integers(0, 59))
def test_a_span_is_told_to_the_second(hours: int, minutes: int, seconds: int) -> None:
    parts = reporting.span(hours * 3600 + minutes * 60 + seconds).replace(",", "").split(" ")
    told = dict(zip(parts[1::2], map(int, parts[::2]), strict=True))

    assert told == {
        unit: count for unit, count in (("h", hours), ("min", minutes), ("s", seconds)) if count
    } or (told == {"s": 0} and not hours + minutes + seconds)
