"""The measurement of forecasts on a log: nothing is known in advance, the same log gives the same picture."""

from dataclasses import replace
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from bench import forecast as measuring
from bench.forecast import Incident, Log
from bench.pictures import forecasts as forecast_picture
from bench.pictures.forecasts import Panel
from tests import past

WEEK = timedelta(weeks=1)
PERIOD = timedelta(minutes=90)
SAID = [(0.1, False)] * 15 + [(0.8, True)] * 9 + [(0.8, False)] * 3


@pytest.fixture(scope="module")
def log() -> Log:
    """The sample, whose incidents were opened within days, as if they had come over two months."""
    read = measuring.read(past.SAMPLE)
    return replace(
        read, incidents=[_later(one, number * PERIOD) for number, one in enumerate(read.incidents)]
    )


def _later(one: Incident, span: timedelta) -> Incident:
    return Incident(
        one.opened_at + span,
        None if one.closed_at is None else one.closed_at + span,
        [(since + span, priority) for since, priority in one.priorities],
    )


def _without_what_came_after(log: Log, at: datetime) -> Log:
    """The log as if nothing had happened after an instant to what was opened before."""

    def cut(one: Incident) -> Incident:
        closed_at = one.closed_at if one.is_closed(at) else None
        priorities = [(since, priority) for since, priority in one.priorities if since <= at]
        return replace(one, closed_at=closed_at, priorities=priorities or one.priorities[:1])

    return replace(log, incidents=[cut(one) for one in log.incidents])


@pytest.mark.parametrize("days", [2, 9, 30])
def test_what_is_learnt_at_an_instant_knows_nothing_of_later(log: Log, days: int) -> None:
    at = log.split_at + timedelta(days=days)
    blind = _without_what_came_after(log, at)

    assert blind.incidents != log.incidents
    assert measuring.learnt(blind, at, WEEK) == measuring.learnt(log, at, WEEK)


def test_the_half_life_is_chosen_without_what_is_shown(log: Log) -> None:
    blind = _without_what_came_after(log, log.split_at)

    assert measuring.chosen_half_life(blind) == measuring.chosen_half_life(log)


def test_an_incident_that_was_closed_by_then_is_not_forecast(log: Log) -> None:
    shown = measuring.rest(log)
    known = measuring.once(log, WEEK)

    counts = [len(measuring.forecasts(log, shown, used, known)) for used in measuring.USED]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(shown) > counts[-1]


def test_the_same_forecasts_give_the_same_picture_and_one_that_can_be_read() -> None:
    panels = [Panel("learnt once", {0.0: SAID, 0.5: SAID[5:]}), Panel("learnt each midnight", {0.0: SAID})]

    drawn = forecast_picture.drawn(panels, bins=10)

    assert drawn == forecast_picture.drawn(panels, bins=10)
    root = ET.fromstring(drawn)  # noqa: S314 - made by us
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 6
    assert [title.text for title in circles[1]] == ["12 forecasts, said 80%, missed 75%"]
