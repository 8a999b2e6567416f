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
    Level,
    OnChange,
    OnReopen,
    Outcome,
    WorkingTarget,
    usual_terms,
)
from service.rules.domain import Doubt, HitPolicy, Rule, choose
from service.rules.language.parse import parse
from service.rules.matching import Matches
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
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = {day: [["09:00", "17:00"]] for day in DAYS[:5]}
JUNE = datetime(2013, 6, 4, tzinfo=UTC)


def _june(clock: str) -> datetime:
    hour, minute = clock.split(":")
    return JUNE + timedelta(hours=int(hour), minutes=int(minute))


def test_dst_gap() -> None:
    """Clocks go from 02:00 to 03:00: 02:30 is 03:30, and what would close before it opens is dropped."""
    nights = {OFFICE: calendar({"tz": "Europe/Berlin", "weekly": {"sun": [["02:30", "04:00"]]}})}
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert Ledger(nights).start(saturday, resolve(hours(0.5))).due(saturday) == datetime(
        2026, 3, 29, 2, tzinfo=UTC
    )
    dropped = {OFFICE: calendar({"tz": "Europe/Berlin", "weekly": {"sun": [["02:30", "03:15"]]}})}
    assert Ledger(dropped).start(saturday, resolve(hours(0.5))).due(saturday) == datetime(
        2026, 4, 5, 1, tzinfo=UTC
    )


def test_dst_overlap() -> None:
    """Clocks go from 03:00 back to 02:00: 02:30 is its first occurrence."""
    nights = {OFFICE: calendar({"tz": "Europe/Berlin", "weekly": {"sun": [["02:30", "05:00"]]}})}
    saturday = datetime(2026, 10, 24, 12, tzinfo=UTC)

    assert Ledger(nights).start(saturday, resolve(hours(1))).due(saturday) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )


def test_dst_overlap_in_a_pause() -> None:
    sydney = {OFFICE: weekdays("09:00", "17:00", tz="Australia/Sydney")}
    friday = datetime(2026, 4, 3, 5, tzinfo=UTC)  # 16:00 there; clocks go back on Sunday
    ledger = Ledger(sydney).start(friday, resolve(hours(2))).pause(friday + timedelta(minutes=30))
    ledger.resume(datetime(2026, 4, 5, 23, 30, tzinfo=UTC))

    assert ledger.due(datetime(2026, 4, 6, tzinfo=UTC)) == datetime(2026, 4, 6, 1, 0, tzinfo=UTC)


def test_one_day_is_three_units_and_none_becomes_another() -> None:
    ledger = Ledger().start(at("16:00"), resolve(hours(8)))
    ledger.reterm(at("16:30"), resolve(BusinessDaysTarget(1), on_change=OnChange.CARRY, may_be_later=True))

    line = ledger.standing(at("16:30")).current.segments[-1]

    assert (line.rule, line.carried, line.due_at) == (
        domain.Rule.FROM_ORIGIN,
        timedelta(0),
        at("16:00", day=1),
    )
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


def test_pause_in_the_time_that_another_pause_added() -> None:
    """Due in days: 12:00 becomes 14:00 by the first pause, and the second begins before that."""
    ledger = Ledger().start(at("12:00"), resolve(BusinessDaysTarget(1)))
    ledger.pause(at("09:00", day=1)).resume(at("11:00", day=1))
    ledger.pause(at("13:00", day=1)).resume(at("13:30", day=1))

    assert ledger.due(at("13:30", day=1)) == at("14:30", day=1)


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


def test_several_matches() -> None:
    """The place in the policy counts, or the rank; all that match are known, and a tie is told of."""
    rules = [
        Rule(id=name, when="true", condition=parse("true"), outcome=None, because="So.", rank=rank)
        for name, rank in (("general", 2), ("special", 1), ("same", 1))
    ]
    matches = Matches((0, 1), (), "reference")
    tied = Matches((0, 1, 2), (), "reference")

    assert choose(HitPolicy.FIRST, rules, tied).winners == (0,)
    assert choose(HitPolicy.UNIQUE, rules, matches).winners == (1,)
    assert choose(HitPolicy.COLLECT, rules, tied).winners == (0, 1, 2)
    assert choose(HitPolicy.UNIQUE, rules, tied).doubts == (Doubt.SEVERAL_MATCHED,)


def test_holiday_range_over_new_year() -> None:
    days = [f"2026-12-{day}" for day in range(24, 32)] + ["2027-01-01"]
    closed = {OFFICE: calendar({"tz": "UTC", "weekly": WEEK, "holidays": days})}
    eve = datetime(2026, 12, 23, 16, tzinfo=UTC)

    assert Ledger(closed).start(eve, resolve(hours(2))).due(eve) == datetime(2027, 1, 4, 10, tzinfo=UTC)


def test_overlapping_holidays_and_duplicates() -> None:
    """The same day twice is closed once, and a special opening goes before a holiday."""
    twice = {OFFICE: calendar({"tz": "UTC", "weekly": WEEK, "holidays": ["2026-01-06", "2026-01-06"]})}
    opened = {
        OFFICE: calendar({
            "tz": "UTC",
            "weekly": WEEK,
            "holidays": ["2026-01-06"],
            "openings": [["2026-01-06T12:00", "2026-01-06T13:00"]],
        })
    }  # fmt: skip

    assert Ledger(twice).start(at("16:00"), resolve(hours(2))).due(at("16:00")) == at("10:00", day=2)
    assert Ledger(opened).start(at("16:00"), resolve(hours(2))).due(at("16:00")) == at("13:00", day=1)


def test_night_shift() -> None:
    """From 22:00 to 06:00 is one interval; a holiday closes the whole night that begins on it."""
    nights = {day: [["22:00", "30:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    shift = {OFFICE: calendar({"tz": "UTC", "weekly": nights})}
    holiday = {OFFICE: calendar({"tz": "UTC", "weekly": nights, "holidays": ["2026-01-06"]})}

    assert Ledger(shift).start(at("23:00"), resolve(hours(8))).due(at("23:00")) == at("23:00", day=1)
    assert Ledger(holiday).start(at("23:00"), resolve(hours(8))).due(at("23:00")) == at("23:00", day=2)


def test_24x7() -> None:
    """No minute is lost at midnight."""
    always = {OFFICE: calendar({"always_open": True})}
    whole_days = {OFFICE: calendar({"tz": "UTC", "weekly": {day: [["00:00", "24:00"]] for day in DAYS}})}

    for calendars in (always, whole_days):
        assert Ledger(calendars).start(at("10:00"), resolve(hours(72))).due(at("10:00")) == at("10:00", day=3)


def test_a_week_of_one_working_day() -> None:
    """A calendar that knows neither Monday nor Thursday."""
    tuesdays = {OFFICE: calendar({"tz": "UTC", "weekly": {"tue": [["09:00", "17:00"]]}})}

    assert Ledger(tuesdays).start(at("10:00"), resolve(hours(10))).due(at("10:00")) == at("11:00", day=8)


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


def test_closed_time_is_missing_after_a_reopening() -> None:
    """It is shown as a pause, and neither used nor late."""
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(at("11:00")).reopen(at("15:00"))

    standing = ledger.standing(at("16:00"))

    assert (standing.current.used, standing.current.outcome) == (timedelta(hours=2), Outcome.PENDING)
    assert [(pause.cause, pause.start, pause.end) for pause in standing.pauses] == [
        (domain.ENDED_CAUSE, at("11:00"), at("15:00"))
    ]


def test_a_reply_that_reopens_goes_by_the_ledger() -> None:
    """Pauses from before it stay, and it is told."""
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).pause(at("10:30")).resume(at("11:00"))
    ledger.fulfil(at("11:30"))
    before = step(ledger, step(ledger, None, at("10:00"))[1], at("11:30"))[1]
    ledger.reopen(at("12:00"))

    happened, after = step(ledger, before, at("12:00"))

    assert happened == ["reopened"]
    assert after.current.due_at == at("15:00")


def test_one_group_used_the_time_and_another_is_blamed() -> None:
    terms = resolve(hours(2), level=Level.OLA, held_by="second line")
    ledger = Ledger().start(at("09:00"), terms)
    for moment, group in (("09:00", "first line"), ("15:00", "second line")):
        ledger.assign(at(moment), group)

    assert ledger.due(at("15:00")) == at("17:00")


def test_the_duty_to_report_does_not_override_the_first_answer() -> None:
    """A report begins the next cycle of the one, and fulfils the other for good."""
    update, respond = (
        Ledger()
        .start(at("10:00"), usual_terms(metric, hours(1), calendar=OFFICE))
        .fulfil(at("10:30"), "reply")
        for metric in ("update", "respond")
    )

    assert [one.outcome for one in update.standing(at("11:00")).cycles] == [Outcome.KEPT, Outcome.PENDING]
    assert update.due(at("11:00")) == at("11:30")
    assert respond.standing(at("16:00")).current.outcome is Outcome.KEPT


def test_breach_while_paused() -> None:
    """While it stands still nothing is due, nothing is warned of, and nobody need look."""
    ledger = Ledger().start(at("10:00"), resolve(hours(2), warn_before=timedelta(hours=1)))
    ledger.pause(at("10:30"))
    before = step(ledger, None, at("10:30"))[1]

    happened, after = step(ledger, before, at("10:00", day=30))

    assert (happened, after.current.due_at, after.current.outcome) == ([], None, Outcome.PENDING)
    assert domain.next_wake_up(after, at("10:00", day=30)) is None


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
