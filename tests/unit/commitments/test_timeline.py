"""How the time of a promise was spent: counting, closed, paused, without gaps or overlaps."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given

from service.commitments.domain import ElapsedTarget
from service.commitments.domain.timeline import Spent, timeline
from tests.unit.commitments.ledgers import CALENDARS, SUPPLIER, Ledger, at, hours, patient, resolve
from tests.unit.commitments.test_properties import ANY, Case, cases


def _spent(case: Case) -> list[tuple[Spent, timedelta]]:
    standing = case.standing()
    until = max(case.now, standing.current.started_at)
    intervals = timeline(standing, CALENDARS, until=until)
    return [(interval.spent, interval.end - interval.start) for interval in intervals]


def test_a_night_and_a_pause_are_told_apart_from_what_counts() -> None:
    ledger = Ledger().start(at("15:00"), resolve(hours(8)))
    ledger.pause(at("16:00")).resume(at("10:00", day=1)).pause(at("11:00", day=1), SUPPLIER)

    standing = ledger.standing(at("12:00", day=1))
    found = timeline(standing, CALENDARS, until=at("12:00", day=1))

    assert [(one.start, one.end, one.spent, one.cause) for one in found] == [
        (at("15:00"), at("16:00"), Spent.COUNTING, None),
        (at("16:00"), at("10:00", day=1), Spent.PAUSED, "waiting_requester"),
        (at("10:00", day=1), at("12:00", day=1), Spent.COUNTING, None),
    ]


def test_what_was_fulfilled_and_reopened_at_once_did_not_stand_still() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(8)))
    ledger.fulfil(at("11:00")).reopen(at("11:00"))

    standing = ledger.standing(at("12:00"))
    found = timeline(standing, CALENDARS, until=at("12:00"))

    assert [(one.start, one.end) for one in found] == [(at("10:00"), at("12:00"))]


def test_elapsed_time_counts_through_the_night_whatever_calendar_is_named() -> None:
    ledger = Ledger().start(at("15:00"), resolve(ElapsedTarget(86_400)))

    found = timeline(ledger.standing(at("20:00")), CALENDARS, until=at("20:00"))

    assert [one.spent for one in found] == [Spent.COUNTING]


@patient
@given(case=cases(ANY))
def test_a_timeline_has_neither_gaps_nor_overlaps(case: Case) -> None:
    standing = case.standing()
    current = standing.current
    until = max(case.now, current.started_at)
    end = current.fulfilled_at or current.cancelled_at or until

    found = timeline(standing, CALENDARS, until=until)

    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(one.start < one.end for one in found)
    if current.started_at < end:
        assert (found[0].start, found[-1].end) == (current.started_at, end)
    else:
        assert found == []


@patient
@given(case=cases(ANY))
def test_what_counts_adds_up_to_the_time_used(case: Case) -> None:
    current = case.standing().current
    counting = sum((span for spent, span in _spent(case) if spent is Spent.COUNTING), timedelta(0))

    if len(current.segments) == 1:
        assert counting == current.used
