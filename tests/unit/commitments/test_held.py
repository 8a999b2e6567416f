"""A clock that counts only while the request is with the group, or the supplier, whose promise it is."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import domain
from service.commitments.domain import ELSEWHERE_CAUSE, ClockState, Level, Outcome, Terms
from service.commitments.domain.timeline import Spent, timeline
from tests.unit.commitments.ledgers import (
    ALWAYS,
    CALENDARS,
    MONDAY,
    Ledger,
    at,
    hours,
    patient,
    resolve,
    step,
)

NETWORK = resolve(hours(4), level=Level.OLA, held_by="network")
ACME = resolve(hours(4), level=Level.UC, held_by="acme")
MINUTES = st.integers(0, 3 * 24 * 60)


def _minutes(count: int) -> datetime:
    return MONDAY + timedelta(minutes=count)


@pytest.mark.parametrize(
    ("turns", "now", "clock", "due"),
    [
        ([], "12:00", ClockState.PAUSED, None),
        ([("10:00", "network")], "12:00", ClockState.RUNNING, "14:00"),
        ([("10:00", "desk")], "12:00", ClockState.PAUSED, None),
        ([("10:00", "desk"), ("11:00", "network")], "12:00", ClockState.RUNNING, "15:00"),
        ([("10:00", "network"), ("11:00", "desk")], "12:00", ClockState.PAUSED, None),
        ([("10:00", "network"), ("11:00", None)], "12:00", ClockState.PAUSED, None),
        (
            [("10:00", "network"), ("11:00", "desk"), ("12:00", "network")],
            "12:00",
            ClockState.RUNNING,
            "15:00",
        ),
        ([("09:00", "network")], "12:00", ClockState.RUNNING, "14:00"),
    ],
)
def test_a_groups_clock_runs_while_the_request_is_with_it(
    turns: list[tuple[str, str | None]], now: str, clock: ClockState, due: str | None
) -> None:
    ledger = Ledger().start(at("10:00"), NETWORK)
    for moment, group in turns:
        ledger.assign(at(moment), group)

    current = ledger.standing(at(now)).current

    assert current.clock is clock
    assert current.due_at == (None if due is None else at(due))


def test_time_elsewhere_is_neither_used_nor_missed() -> None:
    ledger = Ledger().start(at("09:00"), NETWORK).assign(at("09:00"), "network").assign(at("10:00"), "desk")

    standing = ledger.standing(at("16:00", day=3))

    assert (standing.current.outcome, standing.current.used) == (Outcome.PENDING, timedelta(hours=1))


def test_time_elsewhere_is_shown_as_paused() -> None:
    ledger = Ledger().start(at("10:00"), NETWORK).assign(at("11:00"), "network")

    found = timeline(ledger.standing(at("12:00")), CALENDARS, until=at("12:00"))

    assert [(one.start, one.spent, one.cause) for one in found] == [
        (at("10:00"), Spent.PAUSED, ELSEWHERE_CAUSE),
        (at("11:00"), Spent.COUNTING, None),
    ]


def test_going_to_the_group_and_away_from_it_is_told_as_resumed_and_paused() -> None:
    ledger = Ledger().start(at("10:00"), NETWORK)
    first, before = step(ledger, None, at("10:00"))
    ledger.assign(at("11:00"), "network")
    happened = domain.happenings(before, ledger.standing(at("11:30")))
    _, before = step(ledger, before, at("11:30"))
    ledger.assign(at("12:00"), "desk")
    third, _ = step(ledger, before, at("12:30"))

    assert first == ["started", "paused"]
    assert [(one.kind.value, one.at) for one in happened] == [("resumed", at("11:00"))]
    assert third == ["paused"]


@pytest.mark.parametrize(
    ("terms", "clock"), [(ACME, ClockState.RUNNING), (NETWORK, ClockState.PAUSED)], ids=["uc", "ola"]
)
def test_a_suppliers_clock_also_runs_while_one_waits_for_the_supplier(
    terms: Terms, clock: ClockState
) -> None:
    ledger = Ledger().start(at("10:00"), terms).assign(at("10:00"), "desk")
    ledger.pause(at("11:00"), "waiting_supplier", party=terms.held_by or "")

    assert ledger.standing(at("12:00")).current.clock is clock


def test_a_supplier_that_has_answered_has_no_clock_running() -> None:
    ledger = Ledger().start(at("09:00"), ACME)
    ledger.pause(at("10:00"), "waiting_supplier", party="acme").resume(at("12:00"), "waiting_supplier")

    current = ledger.standing(at("16:00")).current

    assert (current.clock, current.used) == (ClockState.PAUSED, timedelta(hours=2))


def test_the_clocks_of_everybody_run_whosever_turn_it_is() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).assign(at("11:00"), "desk")

    assert ledger.due(at("12:00")) == at("14:00")


@patient
@given(
    starts=st.lists(st.tuples(MINUTES, st.sampled_from(["network", "desk", None])), max_size=6), now=MINUTES
)
def test_each_minute_counts_for_whose_turn_it_was(starts: list[tuple[int, str | None]], now: int) -> None:
    terms = resolve(hours(1000), level=Level.OLA, held_by="network", calendar=ALWAYS)
    ledger = Ledger().start(_minutes(0), terms)
    for minutes, group in starts:
        ledger.assign(_minutes(minutes), group)

    used = ledger.standing(_minutes(now)).current.used

    turns = sorted(enumerate(starts), key=lambda turn: (turn[1][0], turn[0]))
    holders = [
        next((group for _, (since, group) in reversed(turns) if since <= minute), None)
        for minute in range(now)
    ]
    assert used == timedelta(minutes=holders.count("network"))


@patient
@given(first=MINUTES, again=MINUTES, now=MINUTES)
def test_being_assigned_to_the_same_group_twice_changes_nothing(first: int, again: int, now: int) -> None:
    once = Ledger().start(_minutes(0), NETWORK).assign(_minutes(first), "network")
    twice = Ledger().start(_minutes(0), NETWORK).assign(_minutes(first), "network")
    twice.assign(_minutes(max(first, again)), "network", "ann")

    assert twice.standing(_minutes(now)).current == once.standing(_minutes(now)).current
