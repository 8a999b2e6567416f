"""The arithmetic agrees with the slow reference on random calendars, to the tick."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from service.calendars.domain import UnknownCountry, WorkingTime, compile_calendar, parse_definition
from tests.unit.calendars.reference import SteppedCalendar
from tests.unit.calendars.scenarios import Scenario, minute_scenario, second_scenario

USUAL_MINUTE_SCENARIOS = 300
USUAL_SECOND_SCENARIOS = 3
PROVEN_MINUTE_SCENARIOS = 20_000
PROVEN_SECOND_SCENARIOS = 240

Question = Callable[[], datetime | timedelta | bool]


def _differences(scenario: Scenario) -> list[str]:
    """What the two answer differently, in words. The reference's None: the walk is too short to say."""
    reference = SteppedCalendar(scenario.raw, scenario.path)
    subject = compile_calendar(parse_definition(scenario.raw, country_dates=_no_country))
    expected = _by_walking(scenario, reference)
    asked = _by_arithmetic(scenario, subject)
    return [
        f"scenario {scenario.number}: {name} is {asked[name]()}, the reference says {wanted}; {scenario}"
        for name, wanted in expected.items()
        if wanted is not None and asked[name]() != wanted
    ]


def _by_walking(
    scenario: Scenario, reference: SteppedCalendar
) -> dict[str, datetime | timedelta | bool | None]:
    path, start, days = scenario.path, scenario.start, scenario.days
    ticks = {
        "due": reference.due(start, scenario.amount, scenario.pauses),
        "due_at_an_end": reference.due(start, reference.elapsed(start, scenario.end), []),
        "before": reference.before(start, scenario.amount),
        "next_open": reference.next_open(start),
        "business_days": reference.business_days(start, days),
        "end_of_business_day": reference.end_of_business_day(start, days),
        "next_business_days": reference.next_business_days(start, abs(days)),
    }
    return {name: None if tick is None else path.at(tick) for name, tick in ticks.items()} | {
        "elapsed": reference.elapsed(start, scenario.end) * path.tick,
        "elapsed_paused": reference.elapsed_paused(scenario.pauses) * path.tick,
        "intervals": reference.elapsed(start, scenario.end) * path.tick,
        "is_open": reference.open[start],
    }


def _by_arithmetic(scenario: Scenario, subject: WorkingTime) -> dict[str, Question]:
    path, days = scenario.path, scenario.days
    start, end, amount = path.at(scenario.start), path.at(scenario.end), scenario.amount * path.tick
    last = len(path.wall)
    pauses = [(path.at(begun), path.at(min(ended, last))) for begun, ended in scenario.pauses]
    return {
        "due": lambda: subject.due(start, amount, pauses=pauses),
        "due_at_an_end": lambda: subject.due(start, subject.elapsed(start, end)),
        "before": lambda: subject.before(start, amount),
        "next_open": lambda: subject.next_open(start),
        "business_days": lambda: subject.business_days(start, days),
        "end_of_business_day": lambda: subject.end_of_business_day(start, days),
        "next_business_days": lambda: subject.next_business_days(start, abs(days)),
        "elapsed": lambda: subject.elapsed(start, end),
        "elapsed_paused": lambda: subject.elapsed_paused(pauses),
        "intervals": lambda: sum((b - a for a, b in subject.intervals(start, end)), timedelta()),
        "is_open": lambda: subject.is_open(start),
    }


def _no_country(code: str) -> frozenset[date]:
    raise UnknownCountry(code)


def test_on_whole_minutes() -> None:
    found = [
        line for number in range(USUAL_MINUTE_SCENARIOS) for line in _differences(minute_scenario(number))
    ]
    assert found == []


def test_second_by_second() -> None:
    found = [
        line for number in range(USUAL_SECOND_SCENARIOS) for line in _differences(second_scenario(number))
    ]
    assert found == []


@pytest.mark.prove
def test_on_whole_minutes_proven() -> None:
    found = [
        line for number in range(PROVEN_MINUTE_SCENARIOS) for line in _differences(minute_scenario(number))
    ]
    assert found == []


@pytest.mark.prove
def test_second_by_second_proven() -> None:
    found = [
        line for number in range(PROVEN_SECOND_SCENARIOS) for line in _differences(second_scenario(number))
    ]
    assert found == []
