"""Due and elapsed times per second, beside `businesstimedelta` on the same questions in the same run.

    python -m bench.due_times

Both answer every question first, and the answers are compared; only then are they timed. The calendar is an
office in Berlin with a lunch break and public holidays; the questions are promises of 1 to 154 working hours
from any minute of a year. The library is asked fewer of them, for it takes long.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import businesstimedelta
import pytz

from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition

GOAL_RATIO = 500
TARGET_HOURS = (1, 4, 8, 24, 40, 154)
QUESTIONS = 2_000
LIBRARY_QUESTIONS = 200
ROUNDS = 5

CALENDAR = {
    "tz": "Europe/Berlin",
    "weekly": {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "country_holidays": "DE",
}

Question = tuple[dt.datetime, dt.timedelta]


def questions() -> list[Question]:
    """Starts spread over 2026 by a step that has no common factor with a week, in turn with every target."""
    first = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    step = dt.timedelta(minutes=251)
    return [
        (first + number * step, dt.timedelta(hours=TARGET_HOURS[number % len(TARGET_HOURS)]))
        for number in range(QUESTIONS)
    ]


def library_due() -> Callable[[dt.datetime, dt.timedelta], dt.datetime]:
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


def per_second(work: Callable[[], object], count: int) -> float:
    """How many of `count` pieces of work a second does, by the fastest of some rounds."""
    fastest = min(_seconds(work) for _ in range(ROUNDS))
    return count / fastest


def _seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def compiled() -> WorkingTime:
    return compile_calendar(parse_definition(CALENDAR, country_dates=countries.dates))


def disagreements(asked: Sequence[Question]) -> int:
    """On how many questions the two differ."""
    working_time, due = compiled(), library_due()
    return sum(working_time.due(start, span) != due(start, span) for start, span in asked)


def main() -> None:
    asked = questions()
    few = asked[:: QUESTIONS // LIBRARY_QUESTIONS]
    working_time, due = compiled(), library_due()
    ends = [working_time.due(start, span) for start, span in asked]
    pauses = [(start + span / 4, start + span / 2) for start, span in asked]

    ours = per_second(lambda: [working_time.due(start, span) for start, span in asked], QUESTIONS)
    ours_few = per_second(lambda: [working_time.due(start, span) for start, span in few], len(few))
    theirs = per_second(lambda: [due(start, span) for start, span in few], len(few))
    paused = per_second(
        lambda: [
            working_time.due(start, span, pauses=[pause])
            for (start, span), pause in zip(asked, pauses, strict=True)
        ],
        QUESTIONS,
    )
    elapsed = per_second(
        lambda: [working_time.elapsed(start, end) for (start, _), end in zip(asked, ends, strict=True)],
        QUESTIONS,
    )
    business_days = per_second(lambda: [working_time.business_days(start, 5) for start, _ in few], len(few))
    cold = per_second(lambda: compiled().due(*asked[0]), 1)

    print(f"differences on {len(few)} shared questions  {disagreements(few):>12,}")
    print(f"due times/s                         {ours:>12,.0f}")
    print(f"due times/s with a pause            {paused:>12,.0f}")
    print(f"elapsed/s                           {elapsed:>12,.0f}")
    print(f"business days/s                     {business_days:>12,.0f}")
    print(f"read, compile and first due, ms     {1_000 / cold:>12.2f}")
    print(f"businesstimedelta due times/s       {theirs:>12,.0f}")
    print(f"ratio on the shared questions       {ours_few / theirs:>11,.0f}x (goal {GOAL_RATIO}x)")


if __name__ == "__main__":
    main()
