"""Where a promise stands: tables of targets, pauses, changes of terms and reopenings."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.commitments import domain
from service.commitments.domain import (
    BusinessDaysTarget,
    ClockState,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    OnChange,
    OnReopen,
    Outcome,
    Rule,
    Target,
    Verdict,
)
from tests.unit.commitments.ledgers import (
    ALWAYS,
    MICROSECOND,
    REQUESTER,
    SUPPLIER,
    Ledger,
    at,
    hours,
    resolve,
)


@pytest.mark.parametrize(
    ("target", "due_at"),
    [
        (hours(4), at("14:00")),
        (hours(7), at("17:00")),
        (hours(8), at("10:00", day=1)),
        (hours(40), at("10:00", day=7)),
        (ElapsedTarget(8 * 3600), at("18:00")),
        (BusinessDaysTarget(1), at("10:00", day=1)),
        (BusinessDaysTarget(5), at("10:00", day=7)),
        (EndOfBusinessDayTarget(0), at("17:00")),
        (EndOfBusinessDayTarget(1), at("17:00", day=1)),
    ],
)
def test_each_unit_is_due_by_its_own_clock(target: Target, due_at: datetime) -> None:
    ledger = Ledger().start(at("10:00"), resolve(target))

    assert ledger.due(at("10:00")) == due_at


@pytest.mark.parametrize(
    ("name", "target", "pauses", "due_at"),
    [
        ("inside hours", hours(4), [(at("11:00"), at("12:00"), REQUESTER)], at("15:00")),
        ("a cause not allowed", hours(4), [(at("11:00"), at("12:00"), "lunch")], at("14:00")),
        ("the night", hours(8), [(at("16:30"), at("09:30", day=1), REQUESTER)], at("11:00", day=1)),
        ("closed hours", hours(8), [(at("17:00"), at("09:00", day=1), REQUESTER)], at("10:00", day=1)),
        ("after the due", hours(4), [(at("14:30"), at("15:00"), REQUESTER)], at("14:00")),
        ("at the due", hours(4), [(at("14:00"), at("15:00"), REQUESTER)], at("14:00")),
        ("at the due, and lasting", hours(4), [(at("14:00"), None, REQUESTER)], at("14:00")),
        (
            "overlapping causes",
            hours(4),
            [(at("11:00"), at("12:00"), REQUESTER), (at("11:30"), at("12:30"), SUPPLIER)],
            at("15:30"),
        ),
        (
            "one cause within another",
            hours(4),
            [(at("11:00"), at("13:00"), REQUESTER), (at("11:30"), at("12:00"), SUPPLIER)],
            at("16:00"),
        ),
        (
            "the same cause told twice",
            hours(4),
            [(at("11:00"), None, REQUESTER), (at("11:30"), at("12:00"), REQUESTER)],
            at("15:00"),
        ),
        ("elapsed", ElapsedTarget(3600), [(at("10:30"), at("11:00", day=1), REQUESTER)], at("11:30", day=1)),
        ("days", BusinessDaysTarget(1), [(at("11:00"), at("13:00"), REQUESTER)], at("12:00", day=1)),
        (
            "days, overlapping causes",
            BusinessDaysTarget(1),
            [(at("11:00"), at("13:00"), REQUESTER), (at("12:00"), at("14:00"), SUPPLIER)],
            at("13:00", day=1),
        ),
        (
            "days, over the close",
            BusinessDaysTarget(1),
            [(at("09:30", day=1), at("17:00", day=1), REQUESTER)],
            at("09:30", day=2),
        ),
        (
            "days, after the due",
            BusinessDaysTarget(1),
            [(at("10:30", day=1), at("11:00", day=1), REQUESTER)],
            at("10:00", day=1),
        ),
        (
            "end of day",
            EndOfBusinessDayTarget(0),
            [(at("16:00"), at("09:30", day=1), REQUESTER)],
            at("10:30", day=1),
        ),
    ],
)
def test_only_the_working_part_of_a_pause_counts(
    name: str, target: Target, pauses: list[tuple[datetime, datetime | None, str]], due_at: datetime
) -> None:
    ledger = Ledger().start(at("10:00"), resolve(target, pausable_by=frozenset({REQUESTER, SUPPLIER})))
    for paused_at, resumed_at, cause in pauses:
        ledger.pause(paused_at, cause)
        if resumed_at is not None:
            ledger.resume(resumed_at, cause)

    assert ledger.due(at("17:00", day=4)) == due_at, name


def test_a_resumption_without_a_cause_ends_every_pause() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4), pausable_by=frozenset({REQUESTER, SUPPLIER})))
    ledger.pause(at("11:00")).pause(at("11:30"), SUPPLIER).resume(at("12:00"), None)

    assert ledger.due(at("12:00")) == at("15:00")


def test_a_pause_that_lasts_joins_the_one_it_overlaps() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4), pausable_by=frozenset({REQUESTER, SUPPLIER})))
    ledger.pause(at("11:00")).pause(at("11:30"), SUPPLIER).resume(at("12:00"))

    assert ledger.standing(at("12:30")).current.paused_since == at("11:00")


def test_what_is_resumed_after_the_fulfilment_was_paused_up_to_it() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))
    ledger.pause(at("11:00")).fulfil(at("12:00")).resume(at("15:00"))

    assert ledger.due(at("16:00")) == at("15:00")


def test_what_happened_at_the_same_instant_counts_in_the_order_of_its_source() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))
    ledger.pause(at("11:00"), received_at=at("11:05")).resume(at("11:00"), received_at=at("11:01"))
    ledger.entries[1] = replace(ledger.entries[1], source_sequence=1)
    ledger.entries[2] = replace(ledger.entries[2], source_sequence=2)

    assert ledger.standing(at("12:00")).current.clock is ClockState.RUNNING


def test_new_terms_and_a_fulfilment_of_the_same_event_count_in_that_order() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(1)))
    ledger.fulfil(at("12:00"))
    ledger.reterm(at("12:00"), resolve(hours(4), on_change=OnChange.FROM_ORIGIN, may_be_later=True))
    ledger.entries[2] = replace(ledger.entries[2], id=ledger.entries[1].id)

    assert ledger.standing(at("12:00")).current.outcome is Outcome.KEPT


def test_a_promise_that_starts_later_is_shown_as_at_its_start() -> None:
    ledger = Ledger().start(at("10:05"), resolve(hours(4)), received_at=at("10:00")).pause(at("10:01"))

    assert ledger.standing(at("10:00")).current.clock is ClockState.PAUSED


def test_while_paused_nothing_is_due_and_the_due_if_resumed_now_is_shown() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).pause(at("11:00"))

    now = ledger.standing(at("13:00")).current

    assert (now.clock, now.outcome) == (ClockState.PAUSED, Outcome.PENDING)
    assert (now.due_at, now.due_if_resumed_now) == (None, at("16:00"))
    assert now.paused_since == at("11:00")
    assert now.used == timedelta(hours=1)


def test_a_paused_promise_is_never_broken_by_time() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).pause(at("11:00"))

    assert ledger.standing(at("10:00", day=300)).current.outcome is Outcome.PENDING


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        (at("14:00"), Outcome.PENDING),
        (at("14:00") + MICROSECOND, Outcome.BROKEN),
    ],
)
def test_a_promise_is_broken_one_step_after_its_due(now: datetime, outcome: Outcome) -> None:
    assert Ledger().start(at("10:00"), resolve(hours(4))).standing(now).current.outcome is outcome


@pytest.mark.parametrize(
    ("fulfilled_at", "outcome", "lateness"),
    [
        (at("14:00"), Outcome.KEPT, timedelta(0)),
        (at("14:00") + MICROSECOND, Outcome.BROKEN, MICROSECOND),
        (at("16:00"), Outcome.BROKEN, timedelta(hours=2)),
    ],
)
def test_kept_if_and_only_if_fulfilled_by_the_due(
    fulfilled_at: datetime, outcome: Outcome, lateness: timedelta
) -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(fulfilled_at)

    settled = ledger.standing(at("12:00", day=3)).current

    assert (settled.clock, settled.outcome, settled.lateness) == (ClockState.STOPPED, outcome, lateness)


def test_a_broken_promise_runs_on_until_it_is_fulfilled() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))

    late = ledger.standing(at("16:00")).current

    assert (late.clock, late.outcome) == (ClockState.RUNNING, Outcome.BROKEN)
    assert (late.broken_at, late.lateness) == (at("14:00") + MICROSECOND, timedelta(hours=2))


def test_a_cancelled_promise_stops_without_an_outcome() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).cancel(at("11:00")).fulfil(at("12:00"))

    standing = ledger.standing(at("12:30"))

    cancelled = standing.current
    assert (cancelled.clock, cancelled.outcome) == (ClockState.STOPPED, Outcome.PENDING)
    assert (cancelled.cancelled_at, cancelled.fulfilled_at) == (at("11:00"), None)
    assert domain.next_wake_up(standing, at("12:30")) is None


def test_what_was_fulfilled_cannot_be_cancelled() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(at("11:00")).cancel(at("12:00"))

    current = ledger.standing(at("13:00")).current

    assert (current.outcome, current.cancelled_at) == (Outcome.KEPT, None)


def test_only_what_the_terms_name_fulfils() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4), fulfilled_by=frozenset({"closed"})))
    ledger.fulfil(at("11:00"), "reply").fulfil(at("12:00"), "resolved").fulfil(at("13:00"), "closed")

    assert ledger.standing(at("16:00")).current.fulfilled_at == at("13:00")


@pytest.mark.parametrize(
    ("on_change", "may_be_later", "target", "due_at", "rule", "verdict"),
    [
        (OnChange.CARRY, False, hours(2), at("12:00"), Rule.CARRY, Verdict.STANDS),
        (OnChange.CARRY, False, hours(8), at("14:00"), Rule.CARRY, Verdict.LATER_THAN_PROMISED),
        (OnChange.CARRY, True, hours(6), at("16:00"), Rule.CARRY, Verdict.STANDS),
        (OnChange.FROM_ORIGIN, True, hours(6), at("16:00"), Rule.FROM_ORIGIN, Verdict.STANDS),
        (OnChange.FROM_ORIGIN, False, hours(3), at("13:00"), Rule.FROM_ORIGIN, Verdict.STANDS),
        (OnChange.RESTART, True, hours(5), at("16:00"), Rule.RESTART, Verdict.STANDS),
        (OnChange.RESTART, False, hours(5), at("14:00"), Rule.RESTART, Verdict.LATER_THAN_PROMISED),
        (OnChange.RESTART, False, hours(2), at("13:00"), Rule.RESTART, Verdict.STANDS),
        (OnChange.KEEP, True, hours(1), at("14:00"), Rule.KEEP, Verdict.KEPT),
        (OnChange.CARRY, True, BusinessDaysTarget(2), at("10:00", day=2), Rule.FROM_ORIGIN, Verdict.STANDS),
        (OnChange.CARRY, True, ElapsedTarget(9 * 3600), at("19:00"), Rule.FROM_ORIGIN, Verdict.STANDS),
    ],
)
def test_new_terms_count_the_time_used_as_they_say(
    on_change: OnChange,
    may_be_later: bool,  # noqa: FBT001 - one row of the table
    target: Target,
    due_at: datetime,
    rule: Rule,
    verdict: Verdict,
) -> None:
    new = resolve(target, on_change=on_change, may_be_later=may_be_later)
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).reterm(at("11:00"), new)

    current = ledger.standing(at("11:00")).current

    assert current.due_at == due_at
    assert (current.segments[-1].rule, current.segments[-1].verdict) == (rule, verdict)


def test_time_used_is_carried_from_one_calendar_to_another() -> None:
    new = resolve(hours(10), calendar=ALWAYS, may_be_later=True)
    ledger = Ledger().start(at("10:00"), resolve(hours(8))).reterm(at("12:00"), new)

    assert ledger.due(at("12:00")) == at("20:00")


def test_what_is_used_up_already_is_due_where_the_new_terms_begin() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(8))).reterm(at("15:00"), resolve(hours(2)))

    assert ledger.due(at("15:00")) == at("15:00")


def test_the_earliest_due_over_the_segments_stands_each_with_all_pauses() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))
    ledger.reterm(at("11:00"), resolve(hours(7))).reterm(at("12:00"), resolve(hours(6)))
    ledger.pause(at("13:00")).resume(at("14:00"))

    current = ledger.standing(at("14:00")).current

    assert current.due_at == at("15:00")
    assert [line.verdict for line in current.segments] == [
        Verdict.STANDS,
        Verdict.LATER_THAN_PROMISED,
        Verdict.LATER_THAN_PROMISED,
    ]


def test_an_older_promise_that_a_cause_does_not_pause_still_binds() -> None:
    strict = resolve(hours(4), pausable_by=frozenset[str]())
    ledger = Ledger().start(at("10:00"), strict).reterm(at("11:00"), resolve(hours(6))).pause(at("12:00"))

    current = ledger.standing(at("13:00")).current

    assert (current.clock, current.due_at) == (ClockState.RUNNING, at("14:00"))
    assert ledger.standing(at("15:00")).current.outcome is Outcome.BROKEN


def test_terms_offered_while_fulfilled_come_to_life_at_the_reopening() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(at("11:00"))
    ledger.reterm(at("11:30"), resolve(hours(2)))

    assert ledger.due(at("11:45")) == at("14:00")
    ledger.reopen(at("12:00"))
    assert ledger.due(at("12:00")) == at("13:00")


@pytest.mark.parametrize(
    ("on_reopen", "cycle", "outcome", "due_at"),
    [
        (OnReopen.RESUME, 1, Outcome.PENDING, at("16:00")),
        (OnReopen.NEW_CYCLE, 2, Outcome.PENDING, at("17:00")),
        (OnReopen.FINAL, 1, Outcome.KEPT, at("14:00")),
    ],
)
def test_a_reopening_does_what_the_terms_say(
    on_reopen: OnReopen, cycle: int, outcome: Outcome, due_at: datetime
) -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4), on_reopen=on_reopen))
    ledger.fulfil(at("11:00")).reopen(at("13:00"))

    current = ledger.standing(at("13:00")).current

    assert (current.cycle, current.outcome, current.due_at) == (cycle, outcome, due_at)


@pytest.mark.parametrize("on_reopen", [OnReopen.RESUME, OnReopen.FINAL])
def test_what_was_cancelled_unfulfilled_goes_on_after_a_reopening(on_reopen: OnReopen) -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4), on_reopen=on_reopen))
    ledger.cancel(at("11:00")).reopen(at("13:00"))

    current = ledger.standing(at("13:00")).current

    assert (current.clock, current.due_at, current.cancelled_at) == (ClockState.RUNNING, at("16:00"), None)


def test_a_request_that_was_open_all_along_reopens_no_promise_that_was_kept() -> None:
    terms = resolve(hours(4), fulfilled_by=frozenset({"delivered"}))
    ledger = Ledger().start(at("09:00"), terms).fulfil(at("10:00"), "delivered").reopen(at("11:00"))

    assert ledger.standing(at("16:00")).current.fulfilled_at == at("10:00")


def test_a_promise_that_was_kept_before_its_request_was_over_goes_on_with_the_request() -> None:
    terms = resolve(hours(4), fulfilled_by=frozenset({"delivered"}))
    ledger = Ledger().start(at("09:00"), terms).fulfil(at("10:00"), "delivered")
    ledger.fulfil(at("10:30"), "resolved").reopen(at("11:00"))

    assert ledger.due(at("11:00")) == at("14:00")


def test_what_was_taken_back_does_not_come_back_with_its_request() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(4))).cancel(at("10:00"), "not needed any more")
    ledger.reopen(at("10:30")).fulfil(at("11:00")).reopen(at("12:00"))

    current = ledger.standing(at("16:00", day=1)).current
    assert (current.cancelled_at, current.clock) == (at("10:00"), ClockState.STOPPED)


def test_what_was_taken_back_after_its_request_was_cancelled_does_not_come_back_with_it() -> None:
    ledger = Ledger().start(at("09:00"), resolve(hours(4))).cancel(at("10:00"))
    ledger.cancel(at("10:30"), "not needed any more").reopen(at("12:00"))

    assert ledger.standing(at("16:00", day=1)).current.cancelled_at == at("10:00")


def test_the_figures_of_every_cycle_are_kept() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(1), on_reopen=OnReopen.NEW_CYCLE))
    ledger.fulfil(at("12:00")).reopen(at("13:00")).fulfil(at("13:30"))

    standing = ledger.standing(at("16:00"))

    assert [(one.cycle, one.outcome, one.fulfilled_at) for one in standing.cycles] == [
        (1, Outcome.BROKEN, at("12:00")),
        (2, Outcome.KEPT, at("13:30")),
    ]


def test_a_warning_comes_when_so_much_of_the_clock_is_left() -> None:
    terms = resolve(hours(8), warn_before=timedelta(hours=2))

    plain = Ledger().start(at("10:00"), terms)
    paused = Ledger().start(at("10:00"), terms).pause(at("12:00")).resume(at("13:00"))

    assert plain.standing(at("10:00")).current.warn_at == at("16:00")
    assert paused.standing(at("13:00")).current.warn_at == at("17:00")


def test_a_warning_never_lies_before_the_terms_that_ask_for_it() -> None:
    warned = resolve(hours(3), warn_before=timedelta(hours=2), on_change=OnChange.FROM_ORIGIN)
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).reterm(at("12:00"), warned)

    assert ledger.standing(at("12:00")).current.warn_at == at("12:00")


def test_a_due_that_is_reached_but_not_passed_is_not_missed() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4)))
    ledger.reterm(at("14:00"), resolve(hours(6), may_be_later=True))

    assert ledger.due(at("14:00")) == at("16:00")


def test_a_warning_before_a_due_in_days_counts_working_time_and_no_pause() -> None:
    terms = resolve(BusinessDaysTarget(1), warn_before=timedelta(hours=2))

    plain = Ledger().start(at("10:00"), terms)
    paused = Ledger().start(at("10:00"), terms).pause(at("09:30", day=1)).resume(at("10:30", day=1))

    assert plain.standing(at("10:00")).current.warn_at == at("16:00")
    assert paused.standing(at("10:30", day=1)).current.warn_at == at("16:00")


def test_what_is_dated_in_the_future_does_not_count_yet_and_wakes_us() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(4))).fulfil(at("10:05"), received_at=at("10:01"))

    standing = ledger.standing(at("10:01"))

    assert standing.current.clock is ClockState.RUNNING
    assert domain.next_wake_up(standing, at("10:01")) == at("10:05")
    assert ledger.standing(at("10:05")).current.outcome is Outcome.KEPT


def test_a_ledger_starts_once() -> None:
    with pytest.raises(ValueError, match="starts once"):
        Ledger().pause(at("10:00")).standing(at("10:00"))


@pytest.mark.parametrize("seconds", [0, -1, 3_660 * 86_400 + 1])
def test_a_target_without_measure_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="target must lie"):
        domain.WorkingTarget(seconds)


def test_terms_that_cannot_be_counted_are_refused() -> None:
    terms = resolve(hours(4))

    with pytest.raises(ValueError, match="needs a calendar"):
        replace(terms, calendar=None)
    with pytest.raises(ValueError, match="nothing fulfils"):
        replace(terms, fulfilled_by=frozenset())
    with pytest.raises(ValueError, match="warn_before"):
        replace(terms, warn_before=timedelta(0))
