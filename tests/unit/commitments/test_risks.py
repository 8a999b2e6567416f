"""When a promise is at risk, by the clock that it has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.commitments import domain, risks, steps
from service.commitments.domain import (
    BusinessDaysTarget,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    InstantTarget,
    LedgerEntry,
    OnReopen,
    Terms,
    Threshold,
)
from service.commitments.forecasting.domain import Cohort, Curve, Known, Meter
from service.commitments.forecasting.models import Curves
from service.commitments.offers import Offer
from service.commitments.risks import Risk
from service.commitments.steps import Look, Step
from service.ids import CurveId, DecisionId, RequestId
from tests.unit.commitments.ledgers import (
    CALENDARS,
    MONDAY,
    REQUESTER,
    Ledger,
    at,
    hours,
    patient,
    resolve,
)

HOUR = timedelta(hours=1)
MADE_AT = MONDAY - timedelta(days=1)
PEERS = "incident/P1"


def _curves(metric: str = "resolve", *, made_at: datetime = MADE_AT) -> dict[Cohort, Curves]:
    """An eighth of the promises is fulfilled at the end of each of the first eight hours."""
    curve = Curve([hour * HOUR for hour in range(1, 9)], [(8 - hour) / 8 for hour in range(1, 9)])
    return {
        cohort: Curves(
            id=CurveId(UUID(int=1)),
            made_at=made_at,
            known=Known(cohort=cohort, promises=80, fulfilled=80, since=MADE_AT, curve=curve),
        )
        for cohort in (Cohort(metric, meter, PEERS) for meter in Meter)
    }


CURVES = _curves()
FOUR_HOURS = resolve(hours(4), renegotiate_above=0.6)
"""A miss is likely by 1/2 at first, then by 4/7, 2/3 and 4/5 after one, two and three hours."""


def _risk(ledger: Ledger, now: datetime, *, curves: Mapping[Cohort, Curves] = CURVES) -> Risk:
    return risks.risk(ledger.entries, ledger.standing(now), ledger.calendars, curves, peers=PEERS)


@pytest.mark.parametrize(
    ("terms", "started_at", "begins_at"),
    [
        (FOUR_HOURS, at("10:00"), at("12:00")),
        (FOUR_HOURS, at("15:00"), at("17:00")),  # at closing time, not when it opens again
        (FOUR_HOURS, at("16:00", day=4), at("10:00", day=7)),
        (replace(FOUR_HOURS, target=ElapsedTarget(4 * 3600)), at("16:00"), at("18:00")),
        (replace(FOUR_HOURS, target=EndOfBusinessDayTarget(0)), at("13:00"), at("15:00")),
        # Nine hours are longer than any promise took: a miss is out of the question.
        (replace(FOUR_HOURS, target=BusinessDaysTarget(1)), at("10:00"), None),
        (replace(FOUR_HOURS, renegotiate_above=0.49), at("10:00"), at("10:00")),
        (replace(FOUR_HOURS, renegotiate_above=0.8), at("10:00"), None),
        (replace(FOUR_HOURS, renegotiate_above=None), at("10:00"), None),
    ],
)
def test_a_promise_is_at_risk_when_so_much_of_its_own_clock_is_used(
    terms: Terms, started_at: datetime, begins_at: datetime | None
) -> None:
    ledger = Ledger().start(started_at, terms)

    assert _risk(ledger, started_at).at == begins_at


@pytest.mark.parametrize(
    "terms",
    [
        replace(FOUR_HOURS, target=InstantTarget(at("14:00"))),
        replace(FOUR_HOURS, restarts_by=FOUR_HOURS.fulfilled_by),
        replace(FOUR_HOURS, metric="deliver"),
    ],
    ids=["an appointment", "a duty to report", "a metric without a history"],
)
def test_of_some_promises_nothing_is_forecast(terms: Terms) -> None:
    found = _risk(Ledger().start(at("10:00"), terms), at("11:00"))

    assert (found.chance, found.curves, found.at) == (None, None, None)


def test_the_chance_is_that_of_promises_that_lasted_as_long() -> None:
    ledger = Ledger().start(at("10:00"), FOUR_HOURS)

    found = [_risk(ledger, at("10:00") + passed * HOUR).chance for passed in (0, 1, 2.5, 3)]

    assert found == [0.5, pytest.approx(4 / 7), pytest.approx(2 / 3), 0.8]


def test_a_pause_stops_the_risk_and_puts_it_off_by_its_working_time() -> None:
    ledger = Ledger().start(at("10:00"), FOUR_HOURS).pause(at("11:00"), REQUESTER)

    paused = _risk(ledger, at("09:00", day=1))
    resumed = _risk(ledger.resume(at("10:00", day=1)), at("10:00", day=1))

    assert (paused.chance, paused.at) == (pytest.approx(4 / 7), None)
    assert (resumed.chance, resumed.at) == (pytest.approx(4 / 7), at("11:00", day=1))


def test_shorter_terms_put_a_promise_at_risk_when_they_begin_to_hold() -> None:
    ledger = Ledger().start(at("10:00"), resolve(hours(8), renegotiate_above=0.6))
    ledger.reterm(at("13:30"), FOUR_HOURS)

    assert _risk(ledger, at("13:30")).at == at("13:30")


def test_a_newer_curve_puts_a_promise_at_risk_no_sooner_than_it_was_made() -> None:
    ledger = Ledger().start(at("10:00"), FOUR_HOURS)

    found = _risk(ledger, at("13:00"), curves=_curves(made_at=at("12:30")))

    assert found.at == at("12:30")


def test_what_has_ended_is_not_forecast() -> None:
    kept = Ledger().start(at("10:00"), FOUR_HOURS).fulfil(at("11:00"))
    broken = Ledger().start(at("10:00"), FOUR_HOURS)

    assert _risk(kept, at("12:00")) == risks.NONE
    assert _risk(broken, at("16:00")) == risks.NONE


@patient
@given(
    started=st.integers(0, 14 * 24 * 60),
    minutes=st.integers(30, 10 * 60),
    level=st.floats(0, 1, exclude_max=True),
    looks=st.lists(st.integers(0, 4 * 24 * 60), max_size=4),
)
def test_whenever_it_is_looked_at_the_risk_begins_at_the_same_instant(
    started: int, minutes: int, level: float, looks: list[int]
) -> None:
    """Before it the chance does not lie above the level, from then on it does."""
    started_at = MONDAY + timedelta(minutes=started)
    ledger = Ledger().start(started_at, resolve(hours(minutes / 60), renegotiate_above=level))
    begins_at = _risk(ledger, started_at).at

    for passed in looks:
        now = started_at + timedelta(minutes=passed)
        found = _risk(ledger, now)
        if found.chance is not None and found.chance < 1:
            assert found.at == begins_at
            assert (found.chance > level) == (begins_at is not None and now >= begins_at)


def _look(now: datetime, curves: Mapping[Cohort, Curves] | None = CURVES) -> Look:
    numbers = iter(range(1, 100))
    new_id: Callable[[], UUID] = lambda: uuid5(UUID(int=0), f"{now}{next(numbers)}")  # noqa: E731
    return Look(CALENDARS, now, new_id, curves)


def _made(terms: Terms = FOUR_HOURS, *, now: datetime | None = None) -> Step:
    offer = Offer(
        request_id=RequestId(ids.new_id()),
        client_id=None,
        terms=(terms,),
        decision_id=DecisionId(ids.new_id()),
        at=at("10:00"),
        source_sequence=0,
        received_at=at("10:00"),
        entry_id=domain.EntryId(str(UUID(int=0))),
        peers=PEERS,
    )
    return steps.made(offer, terms, _look(now or at("10:00")))


def _next(made: Sequence[Step], now: datetime, *added: LedgerEntry) -> Step:
    ledger = [entry for step in made for entry in step.entries]
    return steps.next_step(made[-1].commitment, ledger, added, None, _look(now))


def _told(step: Step) -> list[str]:
    return [event.type.removeprefix("commitment.") for event in step.events]


def _woken_at(step: Step) -> datetime | None:
    return None if step.wake_up is None else step.wake_up.fire_at


def test_a_promise_at_risk_is_told_of_once_at_the_instant_that_its_wake_up_was_set_for() -> None:
    made = _made()
    risky = _next([made], at("12:00"))
    later = _next([made, risky], at("13:30"))

    assert _woken_at(made) == at("12:00")
    assert [_told(step) for step in (made, risky, later)] == [["made"], ["at_risk"], []]
    assert (risky.commitment.at_risk_at, risky.commitment.miss_chance) == (at("12:00"), pytest.approx(2 / 3))
    [told] = [entry for entry in risky.entries if isinstance(entry, domain.Told)]
    assert told.threshold is Threshold.AT_RISK
    assert told.because.startswith("a miss is 67% likely, more than 60%: of 80 promises like it")
    [event] = risky.events
    assert event.payload["curve_id"] == CURVES[Cohort("resolve", Meter.WORKING, PEERS)].id
    assert (event.occurred_at, event.payload["late"]) == (at("12:00"), False)


def test_nothing_is_told_one_moment_before_the_risk() -> None:
    assert _told(_next([_made()], at("12:00") - domain.RESOLUTION)) == []


def test_a_risk_that_is_found_late_is_dated_to_when_it_began_and_marked_late() -> None:
    [event] = _next([_made()], at("13:00")).events

    assert (event.type, event.occurred_at) == ("commitment.at_risk", at("12:00"))
    assert event.payload["late"] is True


def _entry(moment: datetime, number: int) -> dict[str, Any]:
    return {"at": moment, "received_at": moment, "id": domain.EntryId(str(UUID(int=number)))}


def test_a_promise_that_waits_is_not_called_at_risk_before_it_runs_on() -> None:
    """It was at risk from noon on, and nobody had looked when it began to wait."""
    made = _made()
    pause = domain.Paused(**_entry(at("12:30"), 8), cause=REQUESTER, party="requester")
    resume = domain.Resumed(**_entry(at("14:00"), 9), cause=REQUESTER)
    waiting = _next([made], at("13:00"), pause)
    running = _next([made, waiting], at("14:00"), resume)

    assert [_told(step) for step in (waiting, running)] == [["paused"], ["at_risk", "resumed"]]


def test_what_is_broken_before_anybody_looked_is_not_called_at_risk() -> None:
    assert _told(_next([_made()], at("16:00"))) == ["broken"]


def test_what_was_announced_is_not_called_at_risk() -> None:
    made = _made()
    announced = domain.Announced(**_entry(at("11:00"), 9), cycle=1, renegotiation="r")

    risky = _next([made, _next([made], at("11:00"), announced)], at("12:30"))

    assert _told(risky) == []


def test_a_new_cycle_is_at_risk_anew() -> None:
    terms = replace(FOUR_HOURS, on_reopen=OnReopen.NEW_CYCLE)
    ledger = Ledger().start(at("10:00"), terms).told(at("12:00"), Threshold.AT_RISK).fulfil(at("12:30"))
    ledger.reopen(at("09:00", day=1))
    now = at("11:00", day=1)

    found = _risk(ledger, now)

    assert found.at == now
    assert risks.is_to_be_told(found, ledger.standing(now))


def test_a_promise_is_looked_at_again_halfway_to_its_due_since_its_history_grows() -> None:
    calm = replace(FOUR_HOURS, renegotiate_above=0.9)
    made = _made(calm)
    halfway = _next([made], at("12:00"))

    assert (_woken_at(made), _woken_at(halfway)) == (at("12:00"), at("13:00"))
    assert _woken_at(_next([made, halfway], at("13:00"))) == at("14:00") + domain.RESOLUTION


def test_without_a_level_a_promise_sleeps_until_its_due() -> None:
    assert _woken_at(_made(replace(FOUR_HOURS, renegotiate_above=None))) == at("14:00") + domain.RESOLUTION
