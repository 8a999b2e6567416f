"""The facts of history, counted in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.requests import tally as tallies
from service.requests.tally import COUNT_MAX, KEPT_MAX, Case, Tally
from service.rules.vocabulary import HISTORY, read_by
from tests import histories
from tests.factories import NOON
from tests.histories import CLIENTS, PASTS, Past

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def _case(number: int = 1, **overrides: object) -> Case:
    case = Case(id=str(number), received_at=NOON, client="harbour", service="mail")
    return replace(case, **overrides)  # pyright: ignore[reportArgumentType] - fields by their names


@given(pasts=PASTS, asking=st.integers(0, 8))
def test_what_is_tallied_is_what_the_definitions_say(pasts: tuple[Past, ...], asking: int) -> None:
    request = pasts[asking].request if asking < len(pasts) else histories.requested(99, client=CLIENTS[0])

    told = histories.tallied(pasts).at(histories.case_of(request), NOON)

    assert told == histories.counted(pasts, request, NOON)


@pytest.mark.parametrize(
    ("age", "counts"), [(HOUR, 0), (HOUR - SECOND, 1), (timedelta(0), 1), (-SECOND, 0)], ids=str
)
def test_a_window_ends_at_the_decision_and_leaves_its_beginning_out(age: timedelta, counts: int) -> None:
    tally = Tally()
    tally.opened(_case(1, received_at=NOON - age))

    told = tally.at(_case(2), NOON, ["history.same_service_1h"])

    assert told == {"history.same_service_1h": counts}


def test_a_request_does_not_count_itself_nor_its_promises() -> None:
    tally, case = Tally(), _case()
    tally.opened(case)
    tally.breached(case, NOON)
    tally.kept(case, NOON)

    assert set(tally.at(case, NOON).values()) == {0}
    assert tally.at(_case(2), NOON, ["client.open_requests", "client.breaches_30d"]) == {
        "client.open_requests": 1,
        "client.breaches_30d": 1,
    }


def test_a_request_is_open_once_however_often_that_is_said() -> None:
    tally, case = Tally(), _case()
    tally.opened(case)
    tally.reopened(case)
    assert tally.at(_case(2), NOON, ["service.open_requests"]) == {"service.open_requests": 1}

    tally.closed(case)
    tally.closed(case)
    assert tally.at(_case(2), NOON, ["service.open_requests"]) == {"service.open_requests": 0}


def test_no_count_goes_beyond_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "COUNT_MAX", 3)
    tally = Tally()
    for number in range(5):
        tally.opened(_case(number))
        tally.breached(_case(number), NOON)

    told = tally.at(_case(9), NOON)

    assert {name: value for name, value in told.items() if value} == {
        "history.same_service_1h": 3,
        "history.same_service_24h": 3,
        "history.same_client_24h": 3,
        "client.requests_30d": 3,
        "client.open_requests": 3,
        "service.open_requests": 3,
        "client.breaches_30d": 3,
        "service.breaches_30d": 3,
    }


def test_the_share_is_of_the_newest_promises_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tallies, "COUNT_MAX", 3)
    tally = Tally()
    for number in range(3):
        tally.breached(_case(number), NOON - 2 * HOUR)
        tally.kept(_case(number), NOON - HOUR)
    tally.breached(_case(5), NOON)

    assert tally.at(_case(9), NOON, ["client.kept_share_30d"]) == {"client.kept_share_30d": 2 / 3}


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "KEPT_MAX", 10)
    monkeypatch.setattr(tallies, "SWEPT_EVERY", 50)
    tally = Tally()
    for number in range(1_000):
        case = _case(
            number, received_at=NOON + number * HOUR, client=f"client-{number % 7}", category=str(number)
        )
        tally.opened(case)
        tally.breached(case, case.received_at)
        tally.closed(case)

    assert tally.size < 1_200
    assert COUNT_MAX < KEPT_MAX


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ({"history.same_service_1h"}, {"history.same_service_1h"}),
        ({"client"}, {name for name in HISTORY if name.startswith("client.")}),
        ({"client.tier", "request.priority"}, set[str]()),
        ({"client.open_requests.x"}, {"client.open_requests"}),
        ({"hist", "history_x.y"}, set[str]()),
    ],
    ids=range(5),
)
def test_a_fact_is_read_by_its_name_its_group_or_a_part_of_it(reads: set[str], found: set[str]) -> None:
    assert read_by(HISTORY, reads) == found
