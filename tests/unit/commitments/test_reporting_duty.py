"""The duty to report: each report to the requester fulfils one cycle and begins the next."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments import domain
from service.commitments.domain import ClockState, Flag, Outcome, Standing, Terms, Threshold
from tests.unit.commitments.ledgers import (
    ALWAYS,
    MONDAY,
    OFFICE,
    REQUESTER,
    Ledger,
    at,
    hours,
    patient,
    step,
    told,
)


def _update(count: float = 2, calendar: domain.CalendarKey = OFFICE) -> Terms:
    return domain.usual_terms("update", hours(count), calendar=calendar)


def _outcomes(standing: Standing) -> list[tuple[int, Outcome, datetime | None]]:
    return [(cycle.cycle, cycle.outcome, cycle.due_at) for cycle in standing.cycles]


def test_a_report_keeps_the_promise_and_begins_the_next_at_that_instant() -> None:
    ledger = Ledger().start(at("09:00"), _update()).fulfil(at("10:00"), "reply")

    standing = ledger.standing(at("10:30"))

    assert _outcomes(standing) == [(1, Outcome.KEPT, at("11:00")), (2, Outcome.PENDING, at("12:00"))]
    assert standing.current.started_at == at("10:00")
    assert standing.current.reopened_at is None


def test_a_report_that_comes_late_leaves_its_breach_behind() -> None:
    ledger = Ledger().start(at("09:00"), _update()).fulfil(at("12:00"), "reply")

    standing = ledger.standing(at("12:30"))

    assert _outcomes(standing) == [(1, Outcome.BROKEN, at("11:00")), (2, Outcome.PENDING, at("14:00"))]
    assert standing.past[0].lateness == timedelta(hours=1)


def test_each_cycle_is_warned_of_and_broken_once() -> None:
    ledger = Ledger().start(at("09:00"), _update())
    heard: list[str] = []
    before: Standing | None = None
    for now in (at("09:00"), at("11:30"), at("11:40")):
        happened, before = step(ledger, before, now)
        heard += happened
    ledger.fulfil(at("12:00"), "reply")
    for now in (at("12:00"), at("14:30"), at("14:40")):
        happened, before = step(ledger, before, now)
        heard += happened

    assert heard == ["started", "broken", "due_changed", "fulfilled_late", "broken"]
    assert before is not None
    assert [(entry.cycle, entry.threshold.value) for entry in before.told] == [(1, "broken"), (2, "broken")]


@pytest.mark.parametrize("end", ["resolved", "closed"])
def test_the_end_of_the_request_ends_the_duty(end: str) -> None:
    ledger = Ledger().start(at("09:00"), _update()).fulfil(at("10:00"), end)

    current = ledger.standing(at("16:00")).current

    assert (current.cycle, current.clock, current.outcome) == (1, ClockState.STOPPED, Outcome.KEPT)


def test_a_reopened_request_is_reported_on_from_then_on() -> None:
    ledger = Ledger().start(at("09:00"), _update()).fulfil(at("10:00"), "resolved").reopen(at("13:00"))

    current = ledger.standing(at("13:30")).current

    assert (current.cycle, current.started_at, current.due_at) == (2, at("13:00"), at("15:00"))


def test_a_pause_that_lasts_over_a_report_goes_on() -> None:
    terms = replace(_update(), pausable_by=frozenset({REQUESTER}))
    ledger = Ledger().start(at("09:00"), terms).pause(at("09:30")).fulfil(at("10:00"), "reply")
    assert ledger.standing(at("11:00")).current.clock is ClockState.PAUSED

    ledger.resume(at("12:00"))

    assert ledger.due(at("12:30")) == at("14:00")


def test_a_report_told_late_moves_the_cycle_that_it_began() -> None:
    ledger = Ledger().start(at("09:00"), _update())
    _, before = step(ledger, None, at("11:30"))
    ledger.fulfil(at("10:30"), "reply", received_at=at("12:00"))

    happened = domain.happenings(before, ledger.standing(at("12:00")))

    assert told(happened) == ["kept", "due_changed", "corrected"]
    assert Flag.BACKDATED in ledger.standing(at("12:00")).flags


def _broken_in_its_second_cycle() -> tuple[Ledger, Standing]:
    """Reported on at 10:30, and not by 12:30: told at 12:45."""
    ledger = Ledger().start(at("09:00"), replace(_update(), warn_before=timedelta(minutes=30)))
    _, before = step(ledger, None, at("09:30"))
    for now in (at("10:30"), at("12:10"), at("12:45")):
        if now == at("10:30"):
            ledger.fulfil(now, "reply")
        _, before = step(ledger, before, now)
    return ledger, before


def test_a_report_told_late_takes_no_breach_back_of_a_cycle_that_it_only_renumbers() -> None:
    ledger, before = _broken_in_its_second_cycle()
    ledger.fulfil(at("09:50"), "reply", received_at=at("13:00"))

    happened, after = step(ledger, before, at("13:00"))

    assert happened == ["kept"]
    assert [(cycle.cycle, cycle.outcome) for cycle in after.cycles] == [
        (1, Outcome.KEPT),
        (2, Outcome.KEPT),
        (3, Outcome.BROKEN),
    ]
    assert [(entry.cycle, entry.threshold.value) for entry in after.told] == [(3, "warned"), (3, "broken")]


def test_an_announcement_stays_with_its_cycle_when_a_report_told_late_renumbers_it() -> None:
    ledger = Ledger().start(at("09:00"), _update()).fulfil(at("10:30"), "reply")
    ledger.announce(at("11:00"), 2, since=at("10:30"))
    ledger.fulfil(at("09:50"), "reply", received_at=at("13:00"))

    standing = ledger.standing(at("13:00"))

    assert [(cycle.announced_at, cycle.is_silent) for cycle in standing.cycles] == [
        (None, False),
        (None, False),
        (at("11:00"), False),
    ]


def test_a_correction_hides_no_breach_of_the_cycle_that_gets_its_number() -> None:
    ledger, before = _broken_in_its_second_cycle()
    ledger.told(at("13:00"), Threshold.CORRECTED, 2, by="member:ann", since=at("10:30"))
    _, before = step(ledger, before, at("13:00"))
    ledger.fulfil(at("16:00"), "reply")
    _, before = step(ledger, before, at("16:00"))
    ledger.fulfil(at("10:00"), "reply", received_at=at("16:30"))

    happened, after = step(ledger, before, at("16:30"))

    assert happened == ["kept"]
    assert [(one.cycle, one.is_silent, one.corrected is not None) for one in after.cycles] == [
        (1, False, False),
        (2, False, False),
        (3, False, True),
        (4, False, False),
    ]


def test_a_breach_of_a_cycle_that_never_was_is_taken_back_once() -> None:
    """It was reopened earlier than was known, so that no cycle began when the breach was counted from."""
    terms = replace(_update(), on_reopen=domain.OnReopen.NEW_CYCLE)
    ledger = Ledger().start(at("09:00"), terms).fulfil(at("09:30"), "resolved").reopen(at("11:00"))
    _, before = step(ledger, None, at("13:30"))
    ledger.reopen(at("10:45")).fulfil(at("11:30"), "reply", received_at=at("14:00"))

    happened, after = step(ledger, before, at("14:00"))
    again, _ = step(ledger, after, at("14:00"))

    assert "corrected" in happened
    assert again == []


def test_new_terms_hold_for_the_next_cycle_too() -> None:
    ledger = Ledger().start(at("09:00"), _update(4)).reterm(at("09:30"), _update(1))
    ledger.fulfil(at("10:00"), "reply")

    standing = ledger.standing(at("10:30"))

    assert [cycle.due_at for cycle in standing.cycles] == [at("10:00"), at("11:00")]


@patient
@given(
    reports=st.lists(st.integers(1, 1_000), unique=True, max_size=8).map(sorted),
    minutes=st.integers(1, 300),
    now=st.integers(0, 1_200),
)
def test_cycles_follow_on_one_another_and_each_is_judged_by_its_own_report(
    reports: list[int], minutes: int, now: int
) -> None:
    ledger = Ledger().start(MONDAY, _update(minutes / 60, ALWAYS))
    for report in reports:
        ledger.fulfil(MONDAY + timedelta(minutes=report), "reply")

    cycles = ledger.standing(MONDAY + timedelta(minutes=now)).cycles

    starts = [0, *(report for report in reports if report <= now)]
    ends = [*starts[1:], now]
    assert [cycle.started_at for cycle in cycles] == [MONDAY + timedelta(minutes=start) for start in starts]
    assert [cycle.outcome is Outcome.BROKEN for cycle in cycles] == [
        end - start > minutes for start, end in zip(starts, ends, strict=True)
    ]
