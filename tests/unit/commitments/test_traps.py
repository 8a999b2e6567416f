"""The traps that clocks of promises are known to fall into: each test bears the trap's name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.calendars.domain import BeyondHorizon
from service.commitments import domain
from service.commitments.domain import (
    BusinessDaysTarget,
    CalendarKey,
    ClockState,
    EndOfBusinessDayTarget,
    Flag,
    OnChange,
    OnReopen,
    Outcome,
    Rule,
    WorkingTarget,
    usual_terms,
)
from tests.unit.commitments.ledgers import (
    CALENDARS,
    MICROSECOND,
    OFFICE,
    Ledger,
    at,
    calendar,
    hours,
    resolve,
    step,
    told,
    weekdays,
)

BERLIN = {OFFICE: calendar({
    "tz": "Europe/Berlin",
    "weekly": {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
})}  # fmt: skip
JUNE = datetime(2013, 6, 4, tzinfo=UTC)


def _june(clock: str) -> datetime:
    hour, minute = clock.split(":")
    return JUNE + timedelta(hours=int(hour), minutes=int(minute))


def test_dst_gap_and_overlap() -> None:
    sydney = {OFFICE: weekdays("09:00", "17:00", tz="Australia/Sydney")}
    friday = datetime(2026, 4, 3, 5, tzinfo=UTC)  # 16:00 there; clocks go back on Sunday
    ledger = Ledger(sydney).start(friday, resolve(hours(2))).pause(friday + timedelta(minutes=30))
    ledger.resume(datetime(2026, 4, 5, 23, 30, tzinfo=UTC))

    assert ledger.due(datetime(2026, 4, 6, tzinfo=UTC)) == datetime(2026, 4, 6, 1, 0, tzinfo=UTC)


def test_one_day_is_three_units_and_none_becomes_another() -> None:
    ledger = Ledger().start(at("16:00"), resolve(hours(8)))
    ledger.reterm(at("16:30"), resolve(BusinessDaysTarget(1), on_change=OnChange.CARRY, may_be_later=True))

    line = ledger.standing(at("16:30")).current.segments[-1]

    assert (line.rule, line.carried, line.due_at) == (Rule.FROM_ORIGIN, timedelta(0), at("16:00", day=1))
    assert Ledger().start(at("16:00"), resolve(EndOfBusinessDayTarget(1))).due(at("16:00")) == at(
        "17:00", day=1
    )
    assert Ledger().start(at("16:00"), resolve(domain.ElapsedTarget(86_400))).due(at("16:00")) == at(
        "16:00", day=1
    )


def test_due_exactly_at_close() -> None:
    """Vector zam-08: it stays at the close and does not move to the next opening."""
    ledger = Ledger(BERLIN).start(_june("9:00"), resolve(hours(2)))
    ledger.pause(_june("10:00")).resume(_june("15:00"))

    assert ledger.due(_june("15:00")) == _june("16:00")


def test_zero_target() -> None:
    with pytest.raises(ValueError, match="target must lie"):
        WorkingTarget(0)


def test_pause_outside_hours() -> None:
    ledger = Ledger().start(at("16:00"), resolve(hours(2)))
    ledger.pause(at("17:30")).resume(at("08:30", day=1))

    assert ledger.due(at("08:30", day=1)) == at("10:00", day=1)


def test_pause_whose_cause_is_called_as_the_time_after_an_end() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(2)))
    ledger.pause(at("09:30"), cause="ended")

    assert ledger.due(at("10:00")) == at("11:00")


def test_pause_of_response_clock() -> None:
    """Vector glpi-06: the solution's clock pauses; the answer's, of the same length, does not."""
    office = {OFFICE: calendar({
        "tz": "UTC",
        "weekly": {"mon": [["10:30", "19:00"]]}
        | {day: [["08:30", "19:00"]] for day in ("tue", "wed", "thu", "fri")},
    })}  # fmt: skip
    start = datetime(2034, 6, 9, 8, 46, 12, tzinfo=UTC)
    pauses = [("08:47:42", "10:05:54"), ("10:09:13", "10:34:38"), ("10:43:41", "11:29:17")]
    dues: dict[str, datetime | None] = {}

    for metric in ("respond", "resolve"):
        ledger = Ledger(office).start(start, usual_terms(metric, WorkingTarget(1800), calendar=OFFICE))
        for paused_at, resumed_at in pauses:
            ledger.pause(datetime.fromisoformat(f"2034-06-09T{paused_at}Z"))
            ledger.resume(datetime.fromisoformat(f"2034-06-09T{resumed_at}Z"))
        dues[metric] = ledger.due(start + timedelta(days=1))

    assert dues == {
        "respond": datetime(2034, 6, 9, 9, 16, 12, tzinfo=UTC),
        "resolve": datetime(2034, 6, 9, 11, 45, 25, tzinfo=UTC),
    }


def test_precision() -> None:
    instant = at("10:00") + timedelta(seconds=26, microseconds=123_457)
    ledger = Ledger().start(instant, resolve(WorkingTarget(3601)))
    ledger.pause(instant + timedelta(microseconds=7)).resume(instant + timedelta(microseconds=18))
    due_at = instant + timedelta(seconds=3601, microseconds=11)

    assert ledger.due(at("12:00")) == due_at
    assert ledger.fulfil(due_at).standing(at("12:00")).current.outcome is Outcome.KEPT


def test_priority_change() -> None:
    """Vector prio-01: at 11:00 three hours become two; the hour that was used counts."""
    ledger = Ledger().start(at("10:00"), resolve(hours(3))).reterm(at("11:00"), resolve(hours(2)))

    assert ledger.due(at("11:00")) == at("12:00")


def test_priority_change_from_the_origin_keeps_earlier_pauses() -> None:
    """Vector glpi-15: four hours become six, counted from the opening; the pause before it counts."""
    office = {OFFICE: weekdays("08:00", "19:00")}
    start = datetime(2034, 8, 16, 13, tzinfo=UTC)
    change = start + timedelta(minutes=10)
    ledger = Ledger(office).start(start, resolve(hours(4))).pause(start).resume(change)
    ledger.reterm(change, resolve(hours(6), on_change=OnChange.FROM_ORIGIN, may_be_later=True))

    assert ledger.due(change) == datetime(2034, 8, 17, 8, 10, tzinfo=UTC)


def test_priority_change_is_never_silently_later() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2))).reterm(at("11:00"), resolve(hours(6)))

    assert ledger.due(at("11:00")) == at("12:00")


def test_priority_change_does_not_erase_a_breach() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2)))
    ledger.reterm(at("13:00"), resolve(hours(6), may_be_later=True))

    current = ledger.standing(at("13:00")).current

    assert (current.outcome, current.due_at) == (Outcome.BROKEN, at("12:00"))
    assert current.segments[-1].verdict is domain.Verdict.ALREADY_MISSED


def test_already_breached_on_attach() -> None:
    terms = resolve(hours(2), warn_before=timedelta(hours=1))
    ledger = Ledger().start(at("10:00"), terms, received_at=at("16:00"))

    happened = domain.happenings(None, ledger.standing(at("16:00")))

    assert told(happened) == ["started", "broken"]
    assert happened[1].born_broken
    assert Flag.BORN_BROKEN in ledger.standing(at("16:00")).flags


def test_new_terms_that_were_missed_before_they_came() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(6)))
    before = step(ledger, None, at("10:00"))[1]
    ledger.reterm(at("14:00"), resolve(hours(2), on_change=OnChange.FROM_ORIGIN))

    happened = domain.happenings(before, ledger.standing(at("14:00")))

    assert told(happened) == ["broken", "due_changed"]
    assert happened[0].born_broken


def test_reopen() -> None:
    """Vector zam-07: the time in which it was closed counts as a pause."""
    ledger = Ledger(BERLIN).start(_june("9:00"), resolve(hours(2)))
    ledger.pause(_june("9:30")).resume(_june("9:45"))
    ledger.fulfil(_june("10:00")).reopen(_june("10:30"))

    assert ledger.due(_june("10:30")) == _june("11:45")


def test_reopen_of_a_response_is_final() -> None:
    ledger = Ledger().start(at("10:00"), usual_terms("respond", hours(2), calendar=OFFICE))
    ledger.fulfil(at("11:00"), "reply").reopen(at("12:00"))

    assert ledger.standing(at("16:00")).current.fulfilled_at == at("11:00")


def test_a_miss_does_not_grow_after_it_was_resolved() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2))).fulfil(at("13:00"))

    assert ledger.standing(at("10:00", day=90)).current.lateness == timedelta(hours=1)


def test_calendar_edit_mid_flight() -> None:
    newer = CalendarKey("office, version 2")
    calendars = CALENDARS | {newer: weekdays("09:00", "12:00")}
    ledger = Ledger(calendars).start(at("10:00"), resolve(hours(4)))

    assert ledger.due(at("10:00")) == at("14:00")
    ledger.reterm(at("11:00"), resolve(hours(4), calendar=newer, may_be_later=True))
    assert ledger.due(at("11:00")) == at("11:00", day=1)


def test_late_holiday() -> None:
    newer = CalendarKey("office, with Tuesday off")
    weekly = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    calendars = CALENDARS | {newer: calendar({"tz": "UTC", "weekly": weekly, "holidays": ["2026-01-06"]})}
    ledger = Ledger(calendars).start(at("16:00"), resolve(hours(2)))

    assert ledger.due(at("16:00")) == at("10:00", day=1)
    ledger.reterm(at("16:30"), resolve(hours(2), calendar=newer, may_be_later=True))
    assert ledger.due(at("16:30")) == at("10:00", day=2)


def test_empty_calendar() -> None:
    never = {OFFICE: calendar({"tz": "UTC", "weekly": {}})}

    with pytest.raises(BeyondHorizon):
        Ledger(never).start(at("10:00"), resolve(hours(1))).standing(at("10:00"))


def test_clock_skew() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2))).fulfil(at("09:30"), received_at=at("10:00"))

    standing = ledger.standing(at("12:00"))

    assert (standing.current.outcome, standing.current.used) == (Outcome.KEPT, timedelta(0))
    assert standing.current.fulfilled_at == at("10:00")
    assert Flag.NEGATIVE_SPAN in standing.flags


def test_out_of_order_events() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))
    ledger.resume(at("12:00"), received_at=at("12:00"))
    ledger.pause(at("11:00"), received_at=at("12:30"))

    standing = ledger.standing(at("12:30"))

    assert standing.current.due_at == at("15:00")
    assert Flag.UNMATCHED_RESUME not in standing.flags


def test_created_paused() -> None:
    """Vector zam-11."""
    ledger = Ledger(BERLIN).start(_june("9:00"), resolve(hours(4)))
    ledger.pause(_june("9:00")).resume(_june("10:30")).pause(_june("11:00")).resume(_june("12:00"))

    assert ledger.standing(_june("9:00")).current.clock is ClockState.PAUSED
    assert ledger.due(_june("12:00")) == _june("15:30")


def test_created_closed() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(at("10:00"), "closed")

    assert ledger.standing(at("10:00")).current.outcome is Outcome.KEPT


def test_paused_then_resolved_directly() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2))).pause(at("11:00")).fulfil(at("11:00", day=150))

    settled = ledger.standing(at("12:00", day=150)).current

    assert (settled.outcome, settled.used) == (Outcome.KEPT, timedelta(hours=1))


def test_double_fire() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2), warn_before=timedelta(hours=1)))
    before = step(ledger, None, at("10:00"))[1]

    first, before = step(ledger, before, at("11:00"))
    second, _ = step(ledger, before, at("11:00"))

    assert (first, second) == (["warned"], [])


def test_lost_fire() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(2), warn_before=timedelta(hours=1)))
    standing = ledger.standing(at("10:00"))

    assert domain.next_wake_up(standing, at("10:00")) == at("11:00")
    assert domain.next_wake_up(standing, at("11:00")) == at("12:00") + MICROSECOND
    assert domain.next_wake_up(ledger.standing(at("13:00")), at("13:00")) is None


def test_threshold_moved_after_it_fired() -> None:
    terms = resolve(hours(2), warn_before=timedelta(hours=1))
    ledger = Ledger().start(at("10:00"), terms)
    before = step(ledger, step(ledger, None, at("10:00"))[1], at("11:00"))[1]
    ledger.reterm(at("11:30"), replace(terms, target=hours(6), may_be_later=True))

    moved, before = step(ledger, before, at("11:30"))
    again, _ = step(ledger, before, at("15:30"))

    assert (moved, again) == (["due_changed"], [])


def test_relative_due_outside_hours() -> None:
    ledger = Ledger().start(at("18:00"), resolve(EndOfBusinessDayTarget(0)))

    assert ledger.due(at("18:00")) == at("17:00", day=1)


def test_a_new_cycle_after_a_breach_starts_clean() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(1), on_reopen=OnReopen.NEW_CYCLE))
    before = step(ledger, step(ledger, None, at("10:00"))[1], at("12:00"))[1]
    ledger.fulfil(at("12:30")).reopen(at("13:00"))

    happened, after = step(ledger, before, at("13:00"))

    assert happened == ["fulfilled_late", "reopened"]
    assert [one.outcome for one in after.cycles] == [Outcome.BROKEN, Outcome.PENDING]


def test_pause_inside_hours() -> None:
    """Vector fh-09."""
    office = {OFFICE: weekdays("10:00", "18:00")}
    ledger = Ledger(office).start(at("12:00"), resolve(hours(4))).pause(at("12:30")).resume(at("13:00"))

    assert ledger.due(at("13:00")) == at("16:30")


def test_a_due_is_not_shifted_by_the_wall_length_of_a_pause() -> None:
    """Quirk q-alga-shift: of Friday 16:30 to Monday 09:30 one hour was working time."""
    ledger = Ledger().start(at("16:00", day=-3), resolve(hours(2)))
    assert ledger.due(at("16:00", day=-3)) == at("10:00")

    ledger.pause(at("16:30", day=-3)).resume(at("09:30"))

    assert ledger.due(at("09:30")) == at("11:00")


def test_a_hold_before_opening_time_adds_nothing() -> None:
    """Quirk q-erp-hold."""
    office = {OFFICE: weekdays("10:00", "18:00")}
    ledger = Ledger(office).start(at("04:00"), resolve(hours(6))).pause(at("04:15")).resume(at("05:00"))

    assert ledger.due(at("05:00")) == at("16:00")


def test_a_warning_across_a_day_boundary_does_not_land_at_midnight() -> None:
    """Quirk q-glpi-level."""
    office = {OFFICE: weekdays("08:00", "18:00")}
    ledger = Ledger(office).start(at("17:00"), resolve(hours(4), warn_before=timedelta(hours=1)))

    assert ledger.standing(at("17:00")).current.warn_at == at("10:00", day=1)


def test_the_seconds_of_a_pause_are_not_lost() -> None:
    """Quirk q-zam-minutes."""
    office = {OFFICE: weekdays("08:00", "20:00", tz="Europe/Berlin")}
    start = datetime(2016, 11, 7, 13, tzinfo=UTC)
    resumed_at = start.replace(minute=26, second=36)
    ledger = Ledger(office).start(start, resolve(hours(20))).pause(start).resume(resumed_at)

    assert ledger.due(resumed_at) == datetime(2016, 11, 9, 9, 26, 36, tzinfo=UTC)


def test_a_promise_is_not_broken_at_99_95_percent() -> None:
    """Quirk q-sn-round: instants are compared, never percentages."""
    ledger = Ledger().start(at("10:00"), resolve(WorkingTarget(10_000)))
    nearly = at("10:00") + timedelta(seconds=9_995.1)

    assert ledger.standing(nearly).current.outcome is Outcome.PENDING
