"""Which promises are compared with one another, and what a history of them says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain import BusinessDaysTarget, ElapsedTarget, InstantTarget, Target, WorkingTarget
from service.commitments.forecasting import domain as forecasting
from service.commitments.forecasting.domain import Cohort, Lived, Meter, cohorts
from tests.unit.commitments.ledgers import MONDAY, patient

HOUR = timedelta(hours=1)
P1, P2 = (Cohort("resolve", Meter.WORKING, f"incident/{priority}") for priority in ("P1", "P2"))
CHANGE = Cohort("resolve", Meter.WORKING, "change/P1")
INCIDENT, ALL = Cohort("resolve", Meter.WORKING, "incident"), Cohort("resolve", Meter.WORKING)


def _lived(cohort: Cohort, count: int, *, hours: int = 2, fulfilled: bool = True) -> list[Lived]:
    return [
        Lived(
            cohort=cohort,
            started_at=MONDAY + number * timedelta(minutes=1),
            used=hours * HOUR,
            fulfilled=fulfilled,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("target", "meter"),
    [
        (WorkingTarget(3600), Meter.WORKING),
        (BusinessDaysTarget(2), Meter.WORKING),
        (ElapsedTarget(3600), Meter.ELAPSED),
        (InstantTarget(MONDAY), None),
    ],
)
def test_promises_are_compared_by_their_clock(target: Target, meter: Meter | None) -> None:
    found = Cohort.of("resolve", target, "incident/P1")

    assert found == (None if meter is None else Cohort("resolve", meter, "incident/P1"))


@pytest.mark.parametrize(
    ("peers", "wider"),
    [
        ("incident/P1", ["incident", ""]),
        ("incident/2 / High", ["incident", ""]),
        ("incident", [""]),
        ("incident/", ["incident", ""]),
        ("", []),
    ],
)
def test_around_a_cohort_lie_its_kind_of_request_and_all_of_its_metric(peers: str, wider: list[str]) -> None:
    cohort = Cohort("resolve", Meter.WORKING, peers)

    assert [one.peers for one in cohort.wider()] == wider
    assert {(one.metric, one.meter) for one in cohort.wider()} <= {("resolve", Meter.WORKING)}


@pytest.mark.parametrize(
    ("lived", "known"),
    [
        ([], []),
        (_lived(P1, 29), []),
        (_lived(P1, 29) + _lived(P2, 50, fulfilled=False), []),
        (_lived(P1, 30), [ALL]),
        (_lived(P1, 30) + _lived(P2, 9), [ALL, P1]),
        (_lived(P1, 30) + _lived(P2, 10), [ALL, P1, P2]),
        (_lived(P1, 30) + _lived(CHANGE, 10), [ALL, INCIDENT, Cohort("resolve", Meter.WORKING, "change")]),
        (_lived(P1, 30) + _lived(P2, 10) + _lived(CHANGE, 5), [ALL, INCIDENT, P1, P2]),
        (_lived(P1, 30) + _lived(Cohort("respond", Meter.WORKING, "incident/P1"), 29), [ALL]),
        (_lived(P1, 29) + _lived(Cohort("resolve", Meter.ELAPSED, "incident/P1"), 29), []),
    ],
)
def test_enough_must_be_known_of_a_metric_and_of_a_cohort(lived: list[Lived], known: list[Cohort]) -> None:
    """A cohort that is all of the one around it has no curve of its own: it would count twice."""
    assert sorted(one.cohort for one in forecasting.known(lived)) == sorted(known)


def test_of_too_many_cohorts_the_largest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "COHORTS_MAX", 3)
    lived = _lived(P1, 40) + _lived(P2, 30) + _lived(CHANGE, 20)

    assert sorted(one.cohort for one in forecasting.known(lived)) == sorted([ALL, INCIDENT, P1])


def test_what_is_known_says_how_many_promises_and_how_far_back() -> None:
    [found] = forecasting.known(_lived(P1, 30) + _lived(P1, 5, fulfilled=False))

    assert (found.promises, found.fulfilled, found.since) == (35, 30, MONDAY)


def test_a_small_cohort_is_held_by_the_one_around_it() -> None:
    """Ten that took eight hours, among a hundred that took two: what is said of them lies in between."""
    lived = _lived(P1, 100) + _lived(P2, 10, hours=8)

    curves = {one.cohort: one.curve for one in forecasting.known(lived)}

    shares = [curves[cohort].at(4 * HOUR) for cohort in (ALL, P2)]
    assert shares[0] == pytest.approx(10 / 110, abs=0.01)
    # Of 30 open until the second hour, 20 by what is known of all: 20 * 100/110 of them ended there.
    assert shares[1] == pytest.approx(1 - (20 * 100 / 110) / 30, abs=0.01)


def _at_once(count: int, started_at: datetime, *, hours: int) -> list[Lived]:
    return [Lived(cohort=P1, started_at=started_at, used=hours * HOUR, fulfilled=True)] * count


@pytest.mark.parametrize(("newer", "share"), [(200, 1 / 17), (199, 100 / 299)])
def test_what_is_older_counts_less_unless_little_is_newer(newer: int, share: float) -> None:
    """As many of long ago as are new count a sixteenth; where few are new, one of long ago counts half."""
    older = _at_once(200, MONDAY - 4 * forecasting.HALF_LIFE, hours=9)

    [found] = forecasting.known([*older, *_at_once(newer, MONDAY, hours=1)])

    assert found.curve.at(4 * HOUR) == pytest.approx(share)


HISTORIES = st.lists(
    st.builds(
        Lived,
        cohort=st.sampled_from([P1, P2, CHANGE]),
        started_at=st.integers(0, 100).map(lambda days: MONDAY + timedelta(days=days)),
        used=st.integers(0, 5).map(lambda hours: hours * HOUR),
        fulfilled=st.booleans(),
    ),
    min_size=60,
    max_size=90,
)


@patient
@given(history=HISTORIES, seed=st.integers(0, 1000))
def test_the_same_history_in_any_order_says_the_same(history: Sequence[Lived], seed: int) -> None:
    shuffled = list(history)
    Random(seed).shuffle(shuffled)  # noqa: S311 - an order, not a secret

    assert forecasting.known(shuffled) == forecasting.known(history)
