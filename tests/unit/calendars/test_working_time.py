"""Working time: a table of what is awkward, and what must hold for every calendar."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.calendars.domain import (
    BeyondHorizon,
    NeverDue,
    UnknownCountry,
    WorkingTime,
    compile_calendar,
    parse_definition,
)
from tests.unit.calendars.scenarios import minute_scenario

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")


def _no_country(code: str) -> frozenset[date]:
    raise UnknownCountry(code)


def _calendar(tz: str = "UTC", weekly: dict[str, Any] | None = None, **more: object) -> WorkingTime:
    raw = {"tz": tz, "weekly": weekly or {}} | more
    return compile_calendar(parse_definition(raw, country_dates=_no_country))


def _daily(opens: str, closes: str) -> dict[str, Any]:
    return {day: [[opens, closes]] for day in WORKDAYS}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = _calendar(weekly=_daily("09:00", "17:00"))
NIGHT = _calendar(weekly={"mon": [["22:00", "30:00"]]}, holidays=["2026-01-12"])
ALWAYS = compile_calendar(parse_definition({"always_open": True}, country_dates=_no_country))
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("calendar", "start", "end", "hours"),
    [
        pytest.param(OFFICE, "2026-01-05T16:00", "2026-01-06T10:00", 2, id="over night"),
        pytest.param(OFFICE, "2026-01-06T10:00", "2026-01-05T16:00", 0, id="the end comes first"),
        pytest.param(NIGHT, "2026-01-05T00:00", "2026-01-07T00:00", 8, id="a night shift passes midnight"),
        pytest.param(
            NIGHT, "2026-01-12T00:00", "2026-01-14T00:00", 0, id="its start date's holiday cuts all"
        ),
        pytest.param(
            _calendar(weekly={"mon": [["22:00", "30:00"]]}, holidays=["2026-01-06"]),
            "2026-01-05T00:00",
            "2026-01-07T00:00",
            8,
            id="the next date's holiday cuts nothing of it",
        ),
        pytest.param(
            _calendar(weekly=_daily("09:00", "17:00"), closures=[["2026-01-05T12:00", "2026-01-05T24:00"]]),
            "2026-01-05T00:00",
            "2026-01-06T00:00",
            3,
            id="a closure cuts part of a day",
        ),
        pytest.param(
            _calendar(
                weekly=_daily("09:00", "17:00"),
                holidays=["2026-01-05"],
                closures=[["2026-01-05T00:00", "2026-01-06T00:00"]],
                openings=[["2026-01-05T10:00", "2026-01-05T12:00"]],
            ),
            "2026-01-05T00:00",
            "2026-01-06T00:00",
            2,
            id="an opening beats holiday and closure",
        ),
        pytest.param(
            _calendar(weekly={"mon": [["09:00", "12:00"], ["11:00", "13:00"], ["13:00", "14:00"]]}),
            "2026-01-05T00:00",
            "2026-01-06T00:00",
            5,
            id="overlapping and touching intervals are a union",
        ),
        pytest.param(
            _calendar(weekly={"thu": [["00:00", "24:00"]]}, recurring_holidays=["02-29"]),
            "2024-02-29T00:00",
            "2024-03-08T00:00",
            24,
            id="29 February is a holiday in a leap year",
        ),
        pytest.param(
            _calendar(BERLIN, {"sun": [["02:15", "02:45"]]}),
            "2026-03-29T00:00",
            "2026-03-29T12:00",
            0.5,
            id="an interval inside the gap moves later whole",
        ),
        pytest.param(
            _calendar(BERLIN, {"sun": [["02:30", "03:30"]]}),
            "2026-03-29T00:00",
            "2026-03-29T12:00",
            0,
            id="an interval that the gap empties is dropped",
        ),
        pytest.param(
            _calendar(BERLIN, {"sun": [["01:00", "02:30"]]}),
            "2026-10-25T00:00",
            "2026-10-25T12:00",
            0.5,
            id="an overlap counts to the first occurrence of the end",
        ),
        pytest.param(
            _calendar(BERLIN, {"sun": [["01:00", "03:00"]]}),
            "2026-10-24T22:00",
            "2026-10-25T12:00",
            3,
            id="an interval around an overlap holds it twice",
        ),
        pytest.param(
            _calendar("Australia/Lord_Howe", {"sun": [["00:00", "24:00"]]}),
            "2026-10-03T00:00",
            "2026-10-05T00:00",
            23.5,
            id="Lord Howe changes by half an hour",
        ),
        pytest.param(
            _calendar("Pacific/Apia", {"fri": [["09:00", "17:00"]]}),
            "2011-12-29T00:00",
            "2012-01-01T00:00",
            8,
            id="the hours of a date that never was move a day later",
        ),
    ],
)
def test_elapsed(calendar: WorkingTime, start: str, end: str, hours: float) -> None:
    assert calendar.elapsed(_at(start), _at(end)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("start", "span", "pauses", "due"),
    [
        pytest.param("2026-01-05T09:00", 8 * HOUR, [], "2026-01-05T17:00", id="ends at closing time"),
        pytest.param(
            "2026-01-05T17:00", MICROSECOND, [], "2026-01-06T09:00:00.000001", id="finer than seconds"
        ),
        pytest.param("2026-01-05T17:00", 0 * HOUR, [], "2026-01-06T09:00", id="nothing, at closing time"),
        pytest.param("2026-01-05T12:00", 0 * HOUR, [], "2026-01-05T12:00", id="nothing, while open"),
        pytest.param(
            "2026-01-05T12:00", 0 * HOUR, [("11:00", "13:00")], "2026-01-05T13:00", id="nothing, while paused"
        ),
        pytest.param(
            "2026-01-05T12:00",
            0 * HOUR,
            [("11:00", "17:00")],
            "2026-01-06T09:00",
            id="nothing, paused until closing time",
        ),
        pytest.param(
            "2026-01-05T09:00",
            HOUR,
            [("10:00", None)],
            "2026-01-05T10:00",
            id="reached as an endless pause begins",
        ),
        pytest.param(
            "2026-01-05T09:00",
            2 * HOUR,
            [("11:30", "12:00"), ("10:00", "10:30"), ("10:15", "10:45")],
            "2026-01-05T12:15",
            id="pauses in any order, overlapping",
        ),
        pytest.param(
            "2026-01-05T09:00",
            2 * HOUR,
            [("08:00", "09:30")],
            "2026-01-05T11:30",
            id="a pause from before the start",
        ),
        pytest.param(
            "2026-01-05T09:00",
            2 * HOUR,
            [("10:30", "10:00")],
            "2026-01-05T11:00",
            id="a reversed pause is none",
        ),
    ],
)
def test_due(start: str, span: timedelta, pauses: list[tuple[str, str | None]], due: str) -> None:
    on_the_day = [
        (_at(f"2026-01-05T{begun}"), None if ended is None else _at(f"2026-01-05T{ended}"))
        for begun, ended in pauses
    ]

    assert OFFICE.due(_at(start), span, pauses=on_the_day) == _at(due)


@pytest.mark.parametrize(
    ("end", "span", "start"),
    [
        ("2026-01-06T10:00", 2 * HOUR, "2026-01-05T16:00"),
        ("2026-01-06T09:00", 8 * HOUR, "2026-01-05T09:00"),
        ("2026-01-06T09:00", HOUR, "2026-01-05T16:00"),
        ("2026-01-06T08:00", 0 * HOUR, "2026-01-05T17:00"),
        ("2026-01-06T17:00", 0 * HOUR, "2026-01-06T17:00"),
        ("2026-01-06T12:00", 0 * HOUR, "2026-01-06T12:00"),
    ],
)
def test_before(end: str, span: timedelta, start: str) -> None:
    assert OFFICE.before(_at(end), span) == _at(start)


FRIDAY_NIGHT = _calendar(weekly=_daily("09:00", "17:00") | {"fri": [["20:00", "28:00"]]})


@pytest.mark.parametrize(
    ("calendar", "start", "days", "due", "end_of_day"),
    [
        (OFFICE, "2026-01-09T12:00", 1, "2026-01-12T12:00", "2026-01-12T17:00"),
        (OFFICE, "2026-01-09T20:00", 1, "2026-01-12T17:00", "2026-01-12T17:00"),
        (OFFICE, "2026-01-10T12:00", 1, "2026-01-12T12:00", "2026-01-12T17:00"),
        (OFFICE, "2026-01-12T12:00", -1, "2026-01-09T12:00", "2026-01-09T17:00"),
        (OFFICE, "2026-01-09T12:00", 0, "2026-01-09T12:00", "2026-01-09T17:00"),
        (OFFICE, "2026-01-09T17:00", 0, "2026-01-09T17:00", "2026-01-09T17:00"),
        (OFFICE, "2026-01-09T20:00", 0, "2026-01-12T17:00", "2026-01-12T17:00"),
        (OFFICE, "2026-01-10T12:00", 0, "2026-01-12T12:00", "2026-01-12T17:00"),
        (FRIDAY_NIGHT, "2026-01-08T12:00", 1, "2026-01-09T12:00", "2026-01-10T04:00"),
        (FRIDAY_NIGHT, "2026-01-09T12:00", 1, "2026-01-12T12:00", "2026-01-12T17:00"),
        (ALWAYS, "2026-01-09T12:00", 2, "2026-01-11T12:00", "2026-01-12T00:00"),
    ],
)
def test_business_days(calendar: WorkingTime, start: str, days: int, due: str, end_of_day: str) -> None:
    assert calendar.business_days(_at(start), days) == _at(due)
    assert calendar.end_of_business_day(_at(start), days) == _at(end_of_day)


def test_business_days_keep_the_local_clock_time_over_a_change_of_the_clocks() -> None:
    berlin = _calendar(BERLIN, _daily("08:00", "18:00"))

    assert berlin.business_days(_at("2026-03-27T09:00"), 1) == _at("2026-03-30T08:00")


def test_a_whole_day_opening_makes_each_of_its_dates_a_business_day() -> None:
    calendar = _calendar(openings=[["2026-01-10T08:00", "2026-01-12T12:00"]])

    assert [calendar.is_business_day(date(2026, 1, day)) for day in (9, 10, 11, 12, 13)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert calendar.end_of_business_day(_at("2026-01-10T09:00"), 1) == _at("2026-01-12T00:00")


def test_a_date_that_never_was_is_no_business_day_even_inside_an_opening() -> None:
    apia = _calendar("Pacific/Apia", openings=[["2011-12-28T00:00", "2012-01-02T00:00"]])

    assert [apia.is_business_day(date(2011, 12, day)) for day in (29, 30, 31)] == [True, False, True]


def test_a_closed_day_is_no_business_day() -> None:
    calendar = _calendar(weekly=_daily("09:00", "17:00"), closures=[["2026-01-06T08:00", "2026-01-06T18:00"]])

    assert calendar.business_days(_at("2026-01-05T12:00"), 1) == _at("2026-01-07T12:00")


def test_intervals_are_cut_at_both_ends() -> None:
    assert OFFICE.intervals(_at("2026-01-05T12:00"), _at("2026-01-07T10:00")) == [
        (_at("2026-01-05T12:00"), _at("2026-01-05T17:00")),
        (_at("2026-01-06T09:00"), _at("2026-01-06T17:00")),
        (_at("2026-01-07T09:00"), _at("2026-01-07T10:00")),
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-05T17:00", "2026-01-06T09:00"),
        ("2026-01-05T12:00", "2026-01-05T12:00"),
        ("2026-01-05T13:00", "2026-01-05T12:00"),
    ],
)
def test_there_are_no_intervals_where_nothing_is_open(start: str, end: str) -> None:
    assert OFFICE.intervals(_at(start), _at(end)) == []


@pytest.mark.parametrize(
    ("at", "is_open"), [("08:59", False), ("09:00", True), ("16:59", True), ("17:00", False)]
)
def test_it_is_open_from_opening_and_closed_at_closing_time(at: str, *, is_open: bool) -> None:
    assert OFFICE.is_open(_at(f"2026-01-05T{at}")) is is_open


@pytest.mark.parametrize(
    ("tz", "weekly", "at"),
    [
        pytest.param(
            "America/New_York", {"wed": [["20:00", "28:00"]]}, "2026-01-01T02:00", id="yesterday's date"
        ),
        pytest.param(
            "Pacific/Kiritimati", {"thu": [["00:00", "06:00"]]}, "2025-12-31T12:00", id="tomorrow's date"
        ),
        pytest.param(
            "America/New_York",
            {"tue": [["22:00", "48:00"]]},
            "2026-01-01T04:59",
            id="the date before yesterday",
        ),
    ],
)
def test_a_year_begins_and_ends_with_hours_of_dates_beside_it(
    tz: str, weekly: dict[str, Any], at: str
) -> None:
    assert _calendar(tz, weekly).is_open(_at(at))


def test_an_endless_pause_before_the_end_is_never_due() -> None:
    with pytest.raises(NeverDue, match="2026-01-05T10:00:00Z on has no end"):
        OFFICE.due(_at("2026-01-05T09:00"), 2 * HOUR, pauses=[(_at("2026-01-05T10:00"), None)])


EMPTY = _calendar()
SUNK = _calendar(weekly=_daily("09:00", "17:00"), closures=[["1900-01-01T00:00", "2199-12-31T24:00"]])
ONCE = _calendar(openings=[["2026-01-05T09:00", "2026-01-05T10:00"]])
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda: EMPTY.due(NOON, HOUR), id="due on an empty calendar"),
        pytest.param(lambda: EMPTY.due(NOON, timedelta()), id="next opening of an empty calendar"),
        pytest.param(lambda: EMPTY.before(NOON, HOUR), id="before on an empty calendar"),
        pytest.param(lambda: EMPTY.next_open(NOON), id="next open"),
        pytest.param(lambda: EMPTY.business_days(NOON, 1), id="business days of an empty calendar"),
        pytest.param(lambda: EMPTY.business_days(NOON, -1), id="business days back"),
        pytest.param(lambda: EMPTY.next_business_days(NOON, 0), id="next business days"),
        pytest.param(lambda: SUNK.due(NOON, HOUR), id="all of it closed by hand"),
        pytest.param(lambda: ONCE.due(NOON, HOUR), id="nothing opens again"),
        pytest.param(lambda: ONCE.before(NOON, 2 * HOUR), id="never open for so long"),
        pytest.param(lambda: OFFICE.due(NOON, timedelta(days=36_600)), id="more than the horizon holds"),
        pytest.param(lambda: OFFICE.due(NOON, timedelta(days=36_601)), id="more than the horizon"),
        pytest.param(lambda: ALWAYS.due(NOON, timedelta(days=36_601)), id="always open, beyond the horizon"),
        pytest.param(
            lambda: ALWAYS.due(NOON.replace(year=2199), timedelta(days=400)), id="after the last year"
        ),
        pytest.param(lambda: OFFICE.due(NOON.replace(year=2199), timedelta(days=90)), id="no years left"),
        pytest.param(
            lambda: OFFICE.elapsed(NOON.replace(year=1900), NOON.replace(year=2100)), id="two centuries"
        ),
        pytest.param(lambda: OFFICE.is_open(NOON.replace(year=1899)), id="before the first year"),
        pytest.param(lambda: OFFICE.business_days(NOON, 10**9), id="too many days"),
    ],
)
def test_what_lies_too_far_is_refused_by_name(ask: Callable[[], object]) -> None:
    with pytest.raises(BeyondHorizon, match=r"100 years|1900 to 2199"):
        ask()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: OFFICE.due(NOON, -HOUR),
        lambda: OFFICE.before(NOON, -HOUR),
        lambda: OFFICE.next_business_days(NOON, -1),
    ],
)
def test_a_negative_amount_is_the_callers_mistake(ask: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="negative"):
        ask()


def test_an_answer_decades_away_is_exact_and_later_answers_are_too() -> None:
    calendar = _calendar(weekly={"mon": [["09:00", "10:00"]]})

    assert calendar.due(_at("2026-01-05T09:00"), 3_000 * HOUR) == _at("2026-01-05T09:00") + timedelta(
        weeks=2_999, hours=1
    )
    assert calendar.due(_at("2026-01-05T09:00"), HOUR) == _at("2026-01-05T10:00")


def test_always_open_is_plain_time() -> None:
    later = NOON + timedelta(days=3_000, microseconds=1)

    assert ALWAYS.due(NOON, later - NOON) == later
    assert ALWAYS.before(later, later - NOON) == NOON
    assert ALWAYS.elapsed(NOON, later) == later - NOON
    assert ALWAYS.next_open(NOON) == NOON
    assert ALWAYS.is_open(NOON)
    assert ALWAYS.intervals(NOON, later) == [(NOON, later)]


AMOUNTS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3))
patient = settings(deadline=None, max_examples=60)


def _asked(number: int) -> tuple[WorkingTime, datetime, list[tuple[datetime, datetime]]]:
    scenario = minute_scenario(number)
    assume(scenario.raw["weekly"])
    calendar = compile_calendar(parse_definition(scenario.raw, country_dates=_no_country))
    path = scenario.path
    return calendar, path.at(scenario.start), [(path.at(a), path.at(b)) for a, b in scenario.pauses]


NUMBERS = st.integers(0, 100_000)


@patient
@given(number=NUMBERS, span=AMOUNTS)
def test_the_time_until_due_is_the_span(number: int, span: timedelta) -> None:
    calendar, start, pauses = _asked(number)
    due = calendar.due(start, span, pauses=pauses)
    cut = [(max(a, start), min(b, due)) for a, b in pauses]

    assert calendar.elapsed(start, due) - calendar.elapsed_paused(cut) == span


@patient
@given(number=NUMBERS, spans=st.tuples(AMOUNTS, AMOUNTS))
def test_more_time_is_never_due_earlier(number: int, spans: tuple[timedelta, timedelta]) -> None:
    calendar, start, pauses = _asked(number)
    less, more = sorted(spans)
    assume(less)

    assert calendar.due(start, less, pauses=pauses) <= calendar.due(start, more, pauses=pauses)


@patient
@given(number=NUMBERS, span=AMOUNTS)
def test_a_pause_more_is_never_due_earlier(number: int, span: timedelta) -> None:
    calendar, start, pauses = _asked(number)

    assert calendar.due(start, span, pauses=pauses) >= calendar.due(start, span, pauses=pauses[1:])


@patient
@given(number=NUMBERS, span=AMOUNTS, share=st.floats(0, 1))
def test_splitting_a_pause_changes_nothing(number: int, span: timedelta, share: float) -> None:
    calendar, start, pauses = _asked(number)
    assume(pauses)
    (begun, ended), *others = pauses
    middle = begun + (ended - begun) * share

    split = [*others, (middle, ended), (begun, middle)]

    assert calendar.due(start, span, pauses=split) == calendar.due(start, span, pauses=pauses)


@patient
@given(number=NUMBERS, span=AMOUNTS)
def test_before_takes_due_back(number: int, span: timedelta) -> None:
    calendar, start, _ = _asked(number)
    assume(span)
    due = calendar.due(start, span)

    back = calendar.before(due, span)

    assert calendar.elapsed(min(start, back), max(start, back)) == timedelta()
    assert calendar.due(back, span) == due


@patient
@given(number=NUMBERS, parts=st.tuples(AMOUNTS, AMOUNTS))
def test_two_spans_one_after_the_other_are_one(number: int, parts: tuple[timedelta, timedelta]) -> None:
    calendar, start, _ = _asked(number)
    first, second = parts
    assume(second)

    assert calendar.due(calendar.due(start, first), second) == calendar.due(start, first + second)


@settings(deadline=None, max_examples=15)
@given(number=NUMBERS, span=AMOUNTS, order=st.permutations([2013, 2019, 2026, 2031, 2060, 1999]))
def test_what_was_asked_before_changes_no_answer(number: int, span: timedelta, order: list[int]) -> None:
    calendar, start, _ = _asked(number)
    fresh = compile_calendar(calendar.definition)

    for year in order:
        calendar.due(start.replace(year=year, day=1), span)

    assert calendar.due(start, span) == fresh.due(start, span)
    assert calendar.intervals(start, start + timedelta(days=9)) == fresh.intervals(
        start, start + timedelta(days=9)
    )


@patient
@given(number=NUMBERS, days=st.integers(1, 20), more=st.integers(0, 20))
def test_more_business_days_are_never_due_earlier(number: int, days: int, more: int) -> None:
    calendar, start, _ = _asked(number)

    sooner, later = calendar.business_days(start, days), calendar.business_days(start, days + more)

    assert sooner <= later or more == 0
    assert sooner <= calendar.end_of_business_day(start, days)


@patient
@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
    span=AMOUNTS,
    weeks=st.integers(-200, 200),
)
def test_whole_weeks_later_the_answer_is_whole_weeks_later(
    start: datetime, span: timedelta, weeks: int
) -> None:
    at, shift = start.replace(tzinfo=UTC), timedelta(weeks=weeks)

    assert OFFICE.due(at + shift, span) == OFFICE.due(at, span) + shift
