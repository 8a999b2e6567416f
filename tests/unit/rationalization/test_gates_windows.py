"""When work is planned, when it may not be, and the next window that would fit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendars import countries
from service.calendars.domain import WorkingTime, compile_calendar, parse_definition
from service.rationalization.gates.domain import windows
from service.rationalization.gates.domain.windows import Bounds, Planned, Span, Unclear

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCANNED = timedelta(days=3)


def calendar(**written: Any) -> WorkingTime:
    return compile_calendar(parse_definition(written, country_dates=countries.dates))


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of January 2026; the 5th is a Monday."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def facts(start: object = None, end: object = None) -> dict[str, Any]:
    return {"custom": {"planned_start": start, "planned_end": end}}


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        pytest.param(
            "2026-01-05T22:00:00Z", "2026-01-06T02:00:00Z", (at(5, 22), at(6, 2)), id="start and end"
        ),
        pytest.param(
            "2026-01-05T23:00:00+01:00", "2026-01-05T23:00:00Z", (at(5, 22), at(5, 23)), id="two offsets"
        ),
        pytest.param(
            "2026-01-05T22:00:00Z", None, (at(5, 22), at(5, 22) + datetime.resolution), id="the start alone"
        ),
        pytest.param(
            "2026-01-05T22:00:00Z",
            "2026-01-05T22:00:00Z",
            (at(5, 22), at(5, 22) + datetime.resolution),
            id="no time at all",
        ),
    ],
)
def test_what_is_planned_is_read_from_the_facts(start: str, end: str | None, span: Span) -> None:
    found = windows.planned(facts(start, end))

    assert isinstance(found, Planned)
    assert found.span == span


def test_work_that_is_compared_as_a_whole_says_until_when() -> None:
    start = "2026-01-05T22:00:00Z"
    begins, lasts, unclear = (windows.planned(facts(*said)) for said in ((start,), (start, start), ()))

    asked = windows.with_end(begins)

    assert asked == Unclear("Say until when it lasts: give request.custom.planned_end.")
    assert (windows.with_end(lasts), windows.with_end(unclear)) == (lasts, unclear)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        pytest.param({}, "planned_start", id="nothing custom"),
        pytest.param({"custom": None}, "planned_start", id="custom is null"),
        pytest.param(facts(), "planned_start", id="no start"),
        pytest.param(facts(None, "2026-01-05T22:00:00Z"), "planned_start", id="an end alone"),
        pytest.param(facts("tonight"), "planned_start", id="no instant"),
        pytest.param(facts("2026-01-05T22:00:00"), "planned_start", id="no offset"),
        pytest.param(facts(1_767_650_400), "planned_start", id="a number"),
        pytest.param(facts("0001-01-01T00:00:00Z"), "planned_start", id="no usable year"),
        pytest.param(facts("2026-01-05T22:00:00Z", "soon"), "planned_end", id="no instant at the end"),
        pytest.param(facts("2026-01-05T22:00:00Z", "2026-01-05T21:00:00Z"), "planned_end", id="reversed"),
        pytest.param(facts("2026-01-05T22:00:00Z", "2028-01-05T21:00:00Z"), "366 days", id="two years"),
    ],
)
def test_what_is_unclear_is_said_with_the_remedy(said: dict[str, Any], named: str) -> None:
    found = windows.planned(said)

    assert isinstance(found, Unclear)
    assert named in found.missing


FREEZE = [(at(6, 8), at(6, 18))]


@pytest.mark.parametrize(
    ("work", "touches"),
    [
        pytest.param((at(6, 6), at(6, 8)), False, id="ends exactly when it begins"),
        pytest.param((at(6, 6), at(6, 8) + datetime.resolution), True, id="ends an instant later"),
        pytest.param((at(6, 18), at(6, 19)), False, id="begins exactly when it ends"),
        pytest.param((at(6, 18) - datetime.resolution, at(6, 19)), True, id="begins an instant before"),
        pytest.param((at(6, 9), at(6, 10)), True, id="lies within"),
        pytest.param((at(5), at(8)), True, id="lies around"),
    ],
)
def test_a_window_is_half_open(work: Span, *, touches: bool) -> None:
    assert bool(windows.touching(FREEZE, work)) is touches


@pytest.mark.parametrize(
    ("work", "inside"),
    [
        pytest.param((at(6, 8), at(6, 18)), True, id="fills it"),
        pytest.param((at(6, 7, 59), at(6, 9)), False, id="begins before"),
        pytest.param((at(6, 17), at(6, 18) + datetime.resolution), False, id="ends after"),
        pytest.param((at(7), at(7, 1)), False, id="lies elsewhere"),
    ],
)
def test_work_in_a_maintenance_window_lies_wholly_in_it(work: Span, *, inside: bool) -> None:
    assert windows.is_inside(FREEZE, work) is inside


def test_two_windows_end_to_end_are_one() -> None:
    nights = calendar(tz="UTC", weekly={"mon": [["20:00", "24:00"]], "tue": [["00:00", "04:00"]]})
    spans = nights.intervals(at(1), at(31))

    assert windows.is_inside(spans, (at(5, 22), at(6, 2)))


def fits(working_time: WorkingTime, *, inside: bool, start: datetime, length: timedelta) -> Span | None:
    until = start + DAY * 366
    bounds = Bounds(tuple(working_time.intervals(start, until)), inside=inside)
    return windows.next_fit([bounds], start, length, until=until)


@pytest.mark.parametrize(
    ("written", "inside", "begins"),
    [
        pytest.param({"tz": "UTC", "always_open": True}, True, at(5, 12), id="maintenance at any time"),
        pytest.param({"tz": "UTC", "always_open": True}, False, None, id="frozen for ever"),
        pytest.param(
            {"tz": "UTC", "openings": [["2026-01-20T00:00", "2026-01-20T04:00"]]},
            True,
            at(20),
            id="maintenance once",
        ),
        pytest.param(
            {"tz": "UTC", "openings": [["2026-01-20T00:00", "2026-01-20T01:59"]]},
            True,
            None,
            id="never for long enough",
        ),
        pytest.param(
            {"tz": "UTC", "openings": [["2026-01-05T14:00", "2026-01-05T17:00"]]},
            False,
            at(5, 12),
            id="before the freeze, since it ends as that begins",
        ),
        pytest.param(
            {"tz": "UTC", "openings": [["2026-01-05T13:00", "2026-01-05T17:00"]]},
            False,
            at(5, 17),
            id="after the freeze, since an hour before it is too short",
        ),
    ],
)
def test_the_next_window_that_fits_is_found(
    written: dict[str, Any], *, inside: bool, begins: datetime | None
) -> None:
    found = fits(calendar(**written), inside=inside, start=at(5, 12), length=2 * HOUR)

    assert found == (None if begins is None else (begins, begins + 2 * HOUR))


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        pytest.param(
            "Europe/Berlin", 29, datetime(2026, 3, 29, 1, tzinfo=UTC), id="the hour that is missing"
        ),
        pytest.param("Europe/Berlin", 28, datetime(2026, 3, 28, 1, tzinfo=UTC), id="the night before"),
    ],
)
def test_a_night_in_which_the_clock_jumps_is_as_long_as_it_is(zone: str, day: int, begins: datetime) -> None:
    nights = calendar(tz=zone, openings=[[f"2026-03-{day}T02:00", f"2026-03-{day}T04:00"]])
    start = datetime(2026, 3, 27, tzinfo=UTC)
    length = HOUR if day == 29 else 2 * HOUR

    assert fits(nights, inside=True, start=start, length=length) == (begins, begins + length)
    longer = fits(nights, inside=True, start=start, length=length + datetime.resolution)
    assert longer is None


def test_all_bounds_hold_at_once() -> None:
    nights = Bounds(((at(5, 20), at(6, 4)), (at(6, 20), at(7, 4))), inside=True)
    frozen = Bounds(((at(5), at(6, 3)),), inside=False)
    others = Bounds(((at(6, 21), at(6, 22)),), inside=False)

    found = windows.next_fit([nights, frozen, others], at(5), 2 * HOUR, until=at(20))

    assert found == (at(6, 22), at(7))


def test_without_bounds_it_fits_at_once() -> None:
    assert windows.next_fit([], at(5), HOUR, until=at(6)) == (at(5), at(5, 1))


MINUTES = st.integers(0, int(SCANNED / MINUTE))


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    bounds = draw(st.lists(MINUTES, max_size=12))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return windows.joined([(MONDAY + min(pair) * MINUTE, MONDAY + max(pair) * MINUTE) for pair in pairs])


BOUNDS = st.lists(st.builds(Bounds, spans(), st.booleans()), max_size=3)


def allowed(bounds: Sequence[Bounds], work: Span) -> bool:
    return all(
        windows.is_inside(each.spans, work) if each.inside else not windows.touching(each.spans, work)
        for each in bounds
    )


@given(bounds=BOUNDS, begins=MINUTES, length=st.integers(1, 600))
def test_the_next_fit_is_that_of_a_scan_minute_by_minute(
    bounds: list[Bounds], begins: int, length: int
) -> None:
    earliest, span, until = MONDAY + begins * MINUTE, length * MINUTE, MONDAY + SCANNED
    starts = (earliest + minute * MINUTE for minute in range(int((until - earliest) / MINUTE) + 1))
    scanned = next(
        (
            (start, start + span)
            for start in starts
            if start + span <= until and allowed(bounds, (start, start + span))
        ),
        None,
    )

    assert windows.next_fit(bounds, earliest, span, until=until) == scanned


HOURS = st.integers(0, 23)


@st.composite
def calendars(draw: st.DrawFn) -> WorkingTime:
    """Random opening hours, in a zone whose clock jumps."""
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]))
    days = draw(st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1))
    first, more = draw(HOURS), draw(st.integers(1, 23))
    closing = first + more
    span = [f"{first:02}:00", f"{closing % 24:02}:00"] if closing < 24 else [f"{first:02}:00", "24:00"]
    return calendar(tz=zone, weekly={day: [span] for day in days})


@given(
    open_time=calendars(),
    inside=st.booleans(),
    day=st.sampled_from([datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC), MONDAY]),
    hour=st.integers(0, 48),
    hours=st.integers(1, 30),
)
def test_what_is_offered_fits_the_calendar(
    open_time: WorkingTime, *, inside: bool, day: datetime, hour: int, hours: int
) -> None:
    start, length = day + hour * HOUR, hours * HOUR

    found = fits(open_time, inside=inside, start=start, length=length)

    if found is not None:
        assert found[0] >= start
        assert found[1] - found[0] == length
        assert open_time.elapsed(*found) == (length if inside else timedelta())
        assert windows.is_inside(open_time.intervals(found[0] - DAY, found[1] + DAY), found) is inside


@given(bounds=spans(), work=st.tuples(MINUTES, MINUTES), more=st.integers(0, 600))
def test_longer_work_touches_whatever_shorter_work_touched(
    bounds: tuple[Span, ...], work: tuple[int, int], more: int
) -> None:
    start, end = MONDAY + min(work) * MINUTE, MONDAY + max(work) * MINUTE + MINUTE
    longer = start - more * MINUTE, end + more * MINUTE

    assert set(windows.touching(bounds, (start, end))) <= set(windows.touching(bounds, longer))
    assert not windows.is_inside(bounds, longer) or windows.is_inside(bounds, (start, end))
