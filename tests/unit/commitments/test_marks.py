"""Instants that hang on a promise: they move with it, and are unknown while it stands still."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain import (
    BusinessDaysTarget,
    ElapsedTarget,
    InstantTarget,
    OnChange,
    Threshold,
    Verdict,
)
from service.commitments.domain.marks import Anchor, Mark, instants
from tests.unit.commitments.ledgers import (
    CALENDARS,
    MICROSECOND,
    SUPPLIER,
    Ledger,
    at,
    hours,
    patient,
    resolve,
)
from tests.unit.commitments.test_properties import ANY, Case, cases

HOUR = timedelta(hours=1)


def _mark(anchor: Anchor, **more: Any) -> Mark:
    return Mark(anchor=anchor, **more)


def _instant(ledger: Ledger, mark: Mark, now: datetime) -> datetime | None:
    return instants(ledger.entries, CALENDARS, [mark], now)[0]


def _plain() -> Ledger:
    """Eight hours from Monday 15:00: due on Tuesday at 15:00."""
    return Ledger().start(at("15:00"), resolve(hours(8)))


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (_mark(Anchor.START), at("15:00")),
        (_mark(Anchor.START, after=3 * HOUR), at("18:00")),
        (_mark(Anchor.START, after=3 * HOUR, working=True), at("10:00", day=1)),
        (_mark(Anchor.USED, share=0), at("15:00")),
        (_mark(Anchor.USED, share=0.25), at("17:00")),
        (_mark(Anchor.USED, share=0.5), at("11:00", day=1)),
        (_mark(Anchor.USED, share=1), at("15:00", day=1)),
        (_mark(Anchor.USED, share=1.5), at("11:00", day=2)),
        (_mark(Anchor.USED, share=0.5, after=-HOUR), at("10:00", day=1)),
        (_mark(Anchor.DUE), at("15:00", day=1)),
        (_mark(Anchor.DUE, after=-7 * HOUR), at("08:00", day=1)),
        (_mark(Anchor.DUE, after=-7 * HOUR, working=True), at("16:00")),
        (_mark(Anchor.DUE, after=4 * HOUR, working=True), at("11:00", day=2)),
        (_mark(Anchor.BREACH), None),
    ],
)
def test_a_mark_comes_at_its_instant(mark: Mark, expected: datetime | None) -> None:
    assert _instant(_plain(), mark, at("15:30")) == expected


@pytest.mark.parametrize(
    ("mark", "while_paused", "after_it"),
    [
        (_mark(Anchor.START), at("15:00"), at("15:00")),
        (_mark(Anchor.START, after=30 * timedelta(minutes=1), working=True), at("15:30"), at("15:30")),
        (_mark(Anchor.START, after=2 * HOUR, working=True), None, at("10:00", day=1)),
        (_mark(Anchor.USED, share=0.125), at("16:00"), at("16:00")),
        (_mark(Anchor.USED, share=0.25), None, at("10:00", day=1)),
        (_mark(Anchor.DUE), None, at("16:00", day=1)),
        (_mark(Anchor.DUE, after=-HOUR), None, at("15:00", day=1)),
        (_mark(Anchor.DUE, after=-7 * HOUR, working=True), None, at("09:00", day=1)),
    ],
)
def test_a_mark_behind_a_pause_is_unknown_until_it_ends(
    mark: Mark, while_paused: datetime | None, after_it: datetime
) -> None:
    ledger = _plain().pause(at("16:00"))
    assert _instant(ledger, mark, at("16:30")) == while_paused

    ledger.resume(at("17:00"))
    assert _instant(ledger, mark, at("17:30")) == after_it


def test_a_pause_that_stops_no_clock_moves_no_mark() -> None:
    ledger = _plain().pause(at("16:00"), SUPPLIER)

    assert _instant(ledger, _mark(Anchor.DUE), at("16:30")) == at("15:00", day=1)


def test_a_pause_before_the_due_is_no_part_of_the_time_before_it() -> None:
    ledger = _plain().pause(at("11:00", day=1)).resume(at("13:00", day=1))

    mark = _mark(Anchor.DUE, after=-5 * HOUR, working=True)

    assert _instant(ledger, mark, at("14:00", day=1)) == at("10:00", day=1)


def test_new_terms_move_what_is_still_to_come_and_put_nothing_before_them() -> None:
    ledger = _plain().reterm(at("16:30"), resolve(hours(2), on_change=OnChange.CARRY))

    used = [_mark(Anchor.USED, share=share) for share in (0.5, 0.75, 1)]

    assert instants(ledger.entries, CALENDARS, used, at("16:45")) == [at("16:30"), at("16:30"), at("17:00")]


def test_a_breach_is_marked_once_it_has_come_and_not_after_somebody_corrected_it() -> None:
    ledger = _plain()
    late = at("16:00", day=1)

    assert _instant(ledger, _mark(Anchor.BREACH, after=HOUR), late) == at("16:00", day=1) + MICROSECOND

    ledger.told(late, Threshold.BROKEN).told(late, Threshold.CORRECTED, by="member:ann")
    assert _instant(ledger, _mark(Anchor.BREACH, after=HOUR), late) is None


@pytest.mark.parametrize(
    ("target", "half", "due"),
    [
        (ElapsedTarget(4 * 3600), at("17:00"), at("19:00")),
        (BusinessDaysTarget(1), at("11:00", day=1), at("15:00", day=1)),
        (InstantTarget(at("17:00", day=1)), at("12:00", day=1), at("17:00", day=1)),
    ],
    ids=["elapsed", "business days", "instant"],
)
def test_a_share_of_a_target_in_days_or_of_an_instant_is_one_of_the_open_time_until_it(
    target: Any, half: datetime, due: datetime
) -> None:
    ledger = Ledger().start(at("15:00"), resolve(target))

    found = instants(
        ledger.entries, CALENDARS, [_mark(Anchor.USED, share=0.5), _mark(Anchor.DUE)], at("15:30")
    )

    assert found == [half, due]


def test_a_mark_of_the_next_cycle_hangs_on_that_cycle() -> None:
    terms = resolve(hours(2), fulfilled_by=frozenset({"reply"}), restarts_by=frozenset({"reply"}))
    ledger = Ledger().start(at("10:00"), terms).fulfil(at("11:00"), "reply")

    found = instants(
        ledger.entries, CALENDARS, [_mark(Anchor.START), _mark(Anchor.USED, share=0.5)], at("11:30")
    )

    assert found == [at("11:00"), at("12:00")]


@patient
@given(case=cases(ANY), shares=st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_more_of_the_target_is_used_no_earlier(case: Case, shares: list[float]) -> None:
    marks = [_mark(Anchor.USED, share=share) for share in sorted(shares)]

    found = [at for at in instants(case.ledger.entries, CALENDARS, marks, case.now) if at is not None]

    assert found == sorted(found)


@patient
@given(case=cases(ANY))
def test_a_mark_at_the_due_is_the_due(case: Case) -> None:
    current = case.standing().current
    marks = [_mark(Anchor.DUE), _mark(Anchor.USED, share=1), _mark(Anchor.START), _mark(Anchor.BREACH)]

    due, used, start, breach = instants(case.ledger.entries, CALENDARS, marks, case.now)

    assert (due, start, breach) == (current.due_at, current.started_at, current.broken_at)
    held = max(line.at for line in current.segments if line.verdict is Verdict.STANDS)
    assert used == (None if current.due_at is None else max(current.due_at, held))


@patient
@given(case=cases(ANY), minutes=st.integers(1, 600))
def test_working_time_after_a_mark_is_working_time(case: Case, minutes: int) -> None:
    """Ten minutes of a promise's own clock after its start are the first ten minutes that it uses."""
    first = [entry for entry in case.ledger.entries if type(entry).__name__ != "Retermed"]
    mark = _mark(Anchor.START, after=timedelta(minutes=minutes), working=True)
    ledger = Ledger()
    ledger.entries = first

    reached = _instant(ledger, mark, case.now)

    current = ledger.standing(case.now).current
    if reached is not None and reached <= case.now and current.fulfilled_at is current.cancelled_at is None:
        assert ledger.standing(reached).current.used <= timedelta(minutes=minutes) <= current.used
