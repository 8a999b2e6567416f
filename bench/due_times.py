"""Due and elapsed times per second, beside `businesstimedelta` on the same questions in the same run.

    python -m bench.due_times

Both answer every question first, and the answers are compared; only then are they timed. The calendar is an
office in Berlin with a lunch break and public holidays; the questions are promises of 1 to 154 working hours
from any minute of a year. The library is asked fewer of them, for it takes long.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any

import businesstimedelta
import pytz

from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition

GOAL_RATIO = 500
TARGET_HOURS = (1, 4, 8, 24, 40, 154)
QUESTIONS = 2_000
LIBRARY_EVERY = 7
"""The library is asked one question in so many: no multiple of 2 or 3, so that every target occurs."""
ROUNDS = 7

CALENDAR = {
    "tz": "Europe/Berlin",
    "weekly": {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "country_holidays": "DE",
}

Question = tuple[dt.datetime, dt.timedelta]
Due = Callable[[dt.datetime, dt.timedelta], dt.datetime]


def questions() -> list[Question]:
    """Starts spread over 2026 by a step that has no common factor with a week, in turn with every target."""
    first = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    step = dt.timedelta(minutes=251)
    return [
        (first + number * step, dt.timedelta(hours=TARGET_HOURS[number % len(TARGET_HOURS)]))
        for number in range(QUESTIONS)
    ]


def library_due() -> Due:
    zone = pytz.timezone("Europe/Berlin")
    library: Any = businesstimedelta  # it has no types
    rules = library.Rules(
        [
            library.WorkDayRule(start_time=dt.time(9), end_time=dt.time(18), tz=zone),
            library.LunchTimeRule(start_time=dt.time(12), end_time=dt.time(13), tz=zone),
            library.HolidayRule(countries.dates("DE"), tz=zone),
        ]
    )

    def due(start: dt.datetime, span: dt.timedelta) -> dt.datetime:
        return start + library.BusinessTimeDelta(rules, timedelta=span)

    return due


def fastest_seconds(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Each work's fastest time, in seconds of the processor: what else the machine does is not counted."""
    rounds = [{name: _seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    return {name: min(times[name] for times in rounds) for name in works}


def _seconds(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return process_time() - begun


def compiled() -> WorkingTime:
    return compile_calendar(parse_definition(CALENDAR, country_dates=countries.dates))


def disagreements(asked: Sequence[Question]) -> int:
    """On how many questions the two differ."""
    working_time, due = compiled(), library_due()
    return sum(working_time.due(start, span) != due(start, span) for start, span in asked)


def by_target_ratio(working_time: WorkingTime, due: Due, asked: Sequence[Question], hours: int) -> float:
    """How many times as long the library takes for the questions about this target."""
    those = [question for question in asked if question[1] == dt.timedelta(hours=hours)][:: 2 * LIBRARY_EVERY]
    took = fastest_seconds(
        {
            "theirs": lambda: [due(*question) for question in those],
            "ours": lambda: [working_time.due(start, span) for _ in range(20) for start, span in those],
        }
    )
    return 20 * took["theirs"] / took["ours"]


def main() -> None:
    asked = questions()
    few = asked[::LIBRARY_EVERY]
    working_time, due = compiled(), library_due()
    ends = [working_time.due(start, span) for start, span in asked]
    pauses = [[(start + span / 4, start + span / 2)] for start, span in asked]
    took = fastest_seconds(
        {
            "theirs": lambda: [due(*question) for question in few],
            "few": lambda: [working_time.due(start, span) for start, span in few],
            "due": lambda: [working_time.due(start, span) for start, span in asked],
            "paused": lambda: [
                working_time.due(start, span, pauses=stops)
                for (start, span), stops in zip(asked, pauses, strict=True)
            ],
            "elapsed": lambda: [
                working_time.elapsed(start, end) for (start, _), end in zip(asked, ends, strict=True)
            ],
            "cold": lambda: compiled().due(*asked[0]),
        }
    )

    by_target = {hours: by_target_ratio(working_time, due, asked, hours) for hours in TARGET_HOURS}

    print(f"differences on {len(few)} shared questions  {disagreements(few):>12,}")
    print(f"due times/s                         {QUESTIONS / took['due']:>12,.0f}")
    print(f"due times/s with a pause            {QUESTIONS / took['paused']:>12,.0f}")
    print(f"elapsed/s                           {QUESTIONS / took['elapsed']:>12,.0f}")
    print(f"read, compile and first due, ms     {1_000 * took['cold']:>12.2f}")
    print(f"businesstimedelta due times/s       {len(few) / took['theirs']:>12,.0f}")
    print(f"ratio on the shared questions       {took['theirs'] / took['few']:>11,.0f}x (goal {GOAL_RATIO}x)")
    for hours, ratio in by_target.items():
        print(f"  of these, promises of {hours:>3} h        {ratio:>11,.0f}x")


if __name__ == "__main__":
    main()
