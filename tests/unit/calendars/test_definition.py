"""The JSON form of a calendar: every fault has its place and remedy; what is written can be read again."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.calendars.domain import (
    CalendarDefinition,
    CalendarInvalid,
    DaySpan,
    UnknownCountry,
    parse_definition,
)
from service.calendars.domain.definition import canonical_json, expanded_json
from service.calendars.domain.parse import (
    CLOSURES_MAX,
    FAULTS_MAX,
    HOLIDAYS_MAX,
    INTERVALS_PER_DAY_MAX,
    from_expanded,
)
from service.errors import Fault
from tests.unit.calendars.scenarios import minute_scenario

WORKWEEK = {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}
UTOPIA_DAYS = frozenset({date(2026, 1, 2), date(2027, 1, 2)})


def _utopia(code: str) -> frozenset[date]:
    if code != "UT":
        raise UnknownCountry(f"no holidays are known for {code!r}.")
    return UTOPIA_DAYS


def _faults(raw: object) -> list[tuple[str, str]]:
    with pytest.raises(CalendarInvalid) as refusal:
        parse_definition(raw, country_dates=_utopia)
    return [(fault.pointer, fault.detail) for fault in refusal.value.faults]


FAULTY: list[tuple[object, str, str]] = [
    ([], "", "is an object"),
    (None, "", "is an object"),
    ({"weekly": {}}, "/tz", "is missing; name an IANA time zone"),
    (WORKWEEK | {"tz": "Europe/Berln"}, "/tz", "did you mean 'Europe/Berlin'?"),
    (WORKWEEK | {"tz": 1}, "/tz", "must be the name of an IANA time zone"),
    (WORKWEEK | {"tz": "Nowhere/Never"}, "/tz", "use an IANA name"),
    (WORKWEEK | {"holliday": []}, "/holliday", "did you mean 'holidays'?"),
    (WORKWEEK | {"a/b~c": []}, "/a~1b~0c", "known are tz"),
    (WORKWEEK | {"always_open": 1}, "/always_open", "must be true or false"),
    ({"always_open": True, "weekly": {}}, "/weekly", "leave this out"),
    ({"tz": "UTC", "weekly": []}, "/weekly", "must be an object"),
    ({"tz": "UTC", "weekly": {"monday": []}}, "/weekly/monday", "did you mean 'mon'?"),
    ({"tz": "UTC", "weekly": {"mon": {}}}, "/weekly/mon", "must be a list"),
    ({"tz": "UTC", "weekly": {"mon": ["09:00"]}}, "/weekly/mon/0", "a start and an end"),
    ({"tz": "UTC", "weekly": {"mon": [["9:00", "17:00"]]}}, "/weekly/mon/0/0", "such as '09:00'"),
    ({"tz": "UTC", "weekly": {"mon": [["09:00", 17]]}}, "/weekly/mon/0/1", "such as '09:00'"),
    ({"tz": "UTC", "weekly": {"mon": [["09:60", "17:00"]]}}, "/weekly/mon/0/0", "such as '09:00'"),
    ({"tz": "UTC", "weekly": {"mon": [["09:00", "49:00"]]}}, "/weekly/mon/0/1", "split the interval"),
    (
        {"tz": "UTC", "weekly": {"mon": [["24:00", "30:00"]]}},
        "/weekly/mon/0/0",
        "move it to that weekday",
    ),
    ({"tz": "UTC", "weekly": {"mon": [["22:00", "06:00"]]}}, "/weekly/mon/0/1", "write '30:00'"),
    ({"tz": "UTC", "weekly": {"mon": [["09:00", "09:00"]]}}, "/weekly/mon/0/1", "not after the start"),
    (
        {"tz": "UTC", "weekly": {"mon": [["\u0660\u0669:\u0660\u0660", "17:00"]]}},
        "/weekly/mon/0/0",
        "such as '09:00'",
    ),
    (
        {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]] * (INTERVALS_PER_DAY_MAX + 1)}},
        "/weekly/mon",
        f"at most {INTERVALS_PER_DAY_MAX}",
    ),
    (WORKWEEK | {"holidays": "2026-01-01"}, "/holidays", "must be a list"),
    (WORKWEEK | {"holidays": ["2026-02-29"]}, "/holidays/0", "not a day of the calendar"),
    (WORKWEEK | {"holidays": ["2026-01-01", "1.2.2026"]}, "/holidays/1", "such as '2026-12-25'"),
    (WORKWEEK | {"holidays": ["20260101"]}, "/holidays/0", "such as '2026-12-25'"),
    (WORKWEEK | {"holidays": ["1815-06-18"]}, "/holidays/0", "outside the years 1900 to 2199"),
    (
        WORKWEEK | {"holidays": ["2026-01-01"] * (HOLIDAYS_MAX + 1)},
        "/holidays",
        f"at most {HOLIDAYS_MAX}",
    ),
    (WORKWEEK | {"recurring_holidays": ["02-30"]}, "/recurring_holidays/0", "not a day of any year"),
    (WORKWEEK | {"recurring_holidays": ["2-3"]}, "/recurring_holidays/0", "such as '12-25'"),
    (
        WORKWEEK | {"closures": [["2026-01-05T12:00Z", "2026-01-05T13:00"]]},
        "/closures/0/0",
        "without offset",
    ),
    (
        WORKWEEK | {"closures": [["2026-01-05T13:00", "2026-01-05T12:00"]]},
        "/closures/0/1",
        "not after the start",
    ),
    (
        WORKWEEK | {"closures": [["2026-01-05T13:00", "2026-01-05T25:00"]]},
        "/closures/0/1",
        "name the next date",
    ),
    (WORKWEEK | {"closures": [["2026-01-05T13:00", None]] * (CLOSURES_MAX + 1)}, "/closures", "at most"),
    (WORKWEEK | {"openings": [["2026-01-32T13:00", "2026-02-01T00:00"]]}, "/openings/0/0", "not a day"),
    (WORKWEEK | {"openings": ["2026-01-05T13:00"]}, "/openings/0", "a start and an end"),
    (WORKWEEK | {"country_holidays": "XX"}, "/country_holidays", "no holidays are known for 'XX'"),
    (WORKWEEK | {"country_holidays": ["UT"]}, "/country_holidays", "a code such as 'CN'"),
]


@pytest.mark.parametrize(("raw", "pointer", "remedy"), FAULTY)
def test_a_fault_has_its_place_and_remedy(raw: object, pointer: str, remedy: str) -> None:
    faults = _faults(raw)

    assert [place for place, _ in faults] == [pointer]
    assert remedy in faults[0][1]


def test_all_faults_are_found_at_once() -> None:
    raw = {"tz": "Berlin", "weekly": {"mon": [["17:00", "09:00"]], "tue": 3}, "holidays": ["x"], "foo": 1}

    assert [pointer for pointer, _ in _faults(raw)] == [
        "/foo",
        "/tz",
        "/weekly/mon/0/1",
        "/weekly/tue",
        "/holidays/0",
    ]


def test_a_flood_of_faults_is_cut() -> None:
    assert len(_faults(WORKWEEK | {"holidays": ["x"] * 1_000})) == FAULTS_MAX


def test_a_huge_value_is_not_repeated_in_the_message() -> None:
    raw = WORKWEEK | {"holidays": ["9" * 100_000, 10**5_000]}

    assert all(len(detail) < 200 for _, detail in _faults(raw))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"always_open": True}, CalendarDefinition(always_open=True)),
        (
            {"always_open": True, "tz": "Asia/Shanghai"},
            CalendarDefinition(always_open=True, tz="Asia/Shanghai"),
        ),
        ({"tz": "UTC", "always_open": False}, CalendarDefinition()),
        ({"tz": "UTC", "weekly": {"mon": []}, "country_holidays": None}, CalendarDefinition()),
        (
            {"tz": "UTC", "weekly": {"mon": [["22:00", "30:00"], ["00:00:01", "24:00"]]}},
            CalendarDefinition(weekly=((DaySpan(1, 86_400), DaySpan(79_200, 108_000)), *((),) * 6)),
        ),
        (
            {"tz": "UTC", "weekly": {}, "country_holidays": "UT"},
            CalendarDefinition(country_holidays="UT", country_dates=UTOPIA_DAYS),
        ),
    ],
)
def test_what_a_calendar_says(raw: object, expected: CalendarDefinition) -> None:
    assert parse_definition(raw, country_dates=_utopia) == expected


@pytest.mark.parametrize(
    ("day", "is_holiday"),
    [
        (date(2026, 12, 25), True),
        (date(2026, 12, 24), False),
        (date(2024, 2, 29), True),
        (date(2025, 2, 28), False),
        (date(2025, 3, 1), False),
        (date(2026, 5, 4), True),
        (date(2027, 5, 4), False),
        (date(2027, 1, 2), True),
    ],
)
def test_holidays(day: date, *, is_holiday: bool) -> None:
    raw = WORKWEEK | {
        "holidays": ["2026-05-04"],
        "recurring_holidays": ["12-25", "02-29"],
        "country_holidays": "UT",
    }

    assert parse_definition(raw, country_dates=_utopia).is_holiday(day) is is_holiday


@settings(deadline=None)  # the first look at a zone's fortnight takes long
@given(number=st.integers(0, 10_000), country=st.booleans())
def test_what_is_written_reads_as_the_same(number: int, *, country: bool) -> None:
    raw = minute_scenario(number).raw | ({"country_holidays": "UT"} if country else {})
    definition = parse_definition(raw, country_dates=_utopia)

    assert parse_definition(canonical_json(definition), country_dates=_utopia) == definition
    assert from_expanded(expanded_json(definition)) == definition


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {"tz": st.sampled_from(["UTC", "Europe/Berlin"]) | JSON},
    optional={
        "weekly": st.dictionaries(
            st.sampled_from(["mon", "sun", "noday"]),
            st.lists(st.lists(st.sampled_from(["09:00", "24:00", "7"]))),
        )
        | JSON,
        "holidays": st.lists(st.dates().map(str) | JSON) | JSON,
        "recurring_holidays": JSON,
        "closures": st.lists(st.lists(st.datetimes().map(lambda at: at.isoformat()[:16]))) | JSON,
        "always_open": JSON,
        "country_holidays": JSON,
    },
)


@settings(deadline=None)
@given(raw=JSON | NEARLY)
def test_whatever_comes_is_read_or_refused_with_places(raw: object) -> None:
    definition, faults = _read(raw)

    if definition is None:
        assert faults
        assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in faults)
    else:
        assert from_expanded(expanded_json(definition)) == definition


def _read(raw: object) -> tuple[CalendarDefinition | None, Sequence[Fault]]:
    try:
        return parse_definition(raw, country_dates=_utopia), ()
    except CalendarInvalid as refusal:
        return None, refusal.faults
