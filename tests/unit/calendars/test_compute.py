"""Many computations in one go: one bad item spoils no other, and every refusal names its place."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.calendars import compute
from service.calendars.errors import ComputeFileInvalid

MONDAYS: dict[str, Any] = {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}}
DUE = {"start": "2026-01-05T09:00:00", "seconds": 3_600}
GOOD = {"calendar": MONDAYS, "op": "due", "input": DUE}


def _answer(op: object, given_input: object, calendar: object = MONDAYS) -> dict[str, object]:
    return compute.compute([{"calendar": calendar, "op": op, "input": given_input}])[0]


RESULTS: list[tuple[str, dict[str, Any], object]] = [
    ("due", DUE, "2026-01-05T10:00:00"),
    ("due", DUE | {"start": "2026-01-05T08:00:00Z"}, "2026-01-05T09:00:00Z"),
    ("due", DUE | {"start": "2026-01-05T16:00:00+08:00"}, "2026-01-05T09:00:00Z"),
    ("due", DUE | {"start": "2026-01-05T09:00"}, "2026-01-05T10:00:00"),
    ("due", DUE | {"seconds": 0.000001}, "2026-01-05T09:00:00.000001"),
    ("due", DUE | {"seconds": 3_600.0}, "2026-01-05T10:00:00"),
    (
        "due",
        DUE | {"pauses": [["2026-01-05T09:00:00", "2026-01-05T08:30:00Z"]]},
        "2026-01-05T10:30:00",
    ),
    ("due", DUE | {"pauses": [["2026-01-05T12:00:00", None]]}, "2026-01-05T10:00:00"),
    ("before", {"end": "2026-01-05T10:00:00", "seconds": 1_800}, "2026-01-05T09:30:00"),
    ("elapsed", {"start": "2026-01-05T09:00:00", "end": "2026-01-05T10:00:00"}, 3_600),
    ("elapsed", {"start": "2026-01-05T09:00:00", "end": "2026-01-05T09:00:00.5"}, 0.5),
    ("elapsed_paused", {"pauses": []}, 0),
    ("biz_days", {"start": "2026-01-05T20:00:00", "days": 0}, "2026-01-12T09:00:00"),
    ("biz_days", {"start": "2026-01-05T08:00:00", "days": 1}, "2026-01-12T09:00:00"),
    ("glpi_days", {"start": "2026-01-05T10:00:00", "days": 1, "end_of_day": False}, "2026-01-12T10:00:00"),
    (
        "glpi_days_then_due",
        {"start": "2026-01-05T10:00:00", "days": 1, "then_seconds": 0},
        "2026-01-12T10:00:00",
    ),
    (
        "glpi_days_then_due",
        {"start": "2026-01-05T10:00:00", "days": 1, "end_of_day": True, "then_seconds": 60},
        "2026-01-19T09:01:00",
    ),
    ("local_to_utc", {"local": "2026-10-25T02:30:00"}, "2026-10-25T00:30:00Z"),
]


@pytest.mark.parametrize(("op", "given_input", "expected"), RESULTS)
def test_a_result(op: str, given_input: dict[str, Any], expected: object) -> None:
    assert _answer(op, given_input) == {"result": expected}


ERRORS: list[tuple[object, object, str]] = [
    ("deu", DUE, "/op: unknown operation 'deu'; known are due, before"),
    (["due"], DUE, "/op: unknown operation ['due']"),
    ("due", None, "/input: must be an object, not None."),
    ("due", {"start": "2026-01-05T09:00:00"}, "/input/seconds: is missing."),
    ("due", DUE | {"secondes": 1}, "/input/secondes: unknown key 'secondes'; did you mean 'seconds'?"),
    ("due", DUE | {"start": 5}, "/input/start: must be a time such as"),
    ("due", DUE | {"start": "5 Jan 2026"}, "/input/start: must be a time such as"),
    ("due", DUE | {"start": "2026-01-05"}, "/input/start: must be a time such as"),
    ("due", DUE | {"start": "2026-01-05T24:30:00Z"}, "is not a time of the calendar"),
    ("due", DUE | {"start": "2026-02-29T09:00:00"}, "/input/start: '2026-02-29T09:00:00' is not a time"),
    ("due", DUE | {"start": "2026-01-05T09:00:60Z"}, "is not a time of the calendar"),
    ("due", DUE | {"start": "0001-01-01T00:00:00+14:00"}, "outside the years that exist"),
    ("due", DUE | {"start": "1850-01-01T00:00:00Z"}, "years 1900 to 2199"),
    ("due", DUE | {"seconds": "3600"}, "/input/seconds: must be a number of seconds, not '3600'."),
    ("due", DUE | {"seconds": True}, "/input/seconds: must be a number of seconds"),
    ("due", DUE | {"seconds": -1}, "/input/seconds: must be 0 or more"),
    ("due", DUE | {"seconds": float("nan")}, "/input/seconds: must be 0 or more"),
    ("due", DUE | {"seconds": float("inf")}, "pass the horizon of 100 years"),
    ("due", DUE | {"seconds": 10**18}, "pass the horizon of 100 years"),
    ("due", DUE | {"seconds": 10**5_000}, "a huge number seconds pass the horizon"),
    ("due", DUE | {"seconds": 10**9}, "not open for long enough within 100 years"),
    ("due", DUE | {"pauses": "none"}, "/input/pauses: must be a list"),
    ("due", DUE | {"pauses": [["2026-01-05T09:00:00"]]}, "/input/pauses/0: must be a start and an end"),
    ("due", DUE | {"pauses": [[None, None]]}, "/input/pauses/0/0: must be a time"),
    ("due", DUE | {"pauses": [["2026-01-05T09:00:00", None]]}, "has no end"),
    ("due", DUE | {"pauses": [[]] * 1_001}, "at most 1000"),
    (
        "elapsed_paused",
        {"pauses": [["2026-01-05T09:00:00", None]]},
        "/input/pauses/0/1: a pause without an end has no length",
    ),
    ("biz_days", {"start": "2026-01-05T09:00:00", "days": -1}, "/input/days: must lie between 0 and"),
    ("glpi_days", {"start": "2026-01-05T09:00:00", "days": 1.5}, "/input/days: must be a whole number"),
    ("glpi_days", {"start": "2026-01-05T09:00:00", "days": 10**18}, "/input/days: must lie between"),
    (
        "glpi_days",
        {"start": "2026-01-05T09:00:00", "days": 1, "end_of_day": 1},
        "/input/end_of_day: must be true or false",
    ),
    ("local_to_utc", {"local": "2026-10-25T02:30:00Z"}, "/input/local: '2026-10-25T02:30:00Z' has an offset"),
]


@pytest.mark.parametrize(("op", "given_input", "message"), ERRORS)
def test_an_error_names_its_place(op: object, given_input: object, message: str) -> None:
    answer = _answer(op, given_input)

    assert answer.keys() == {"error"}
    assert message in str(answer["error"])
    assert len(str(answer["error"])) < 300


@pytest.mark.parametrize("odd", [10**30, "\ud800", "\0", 1e300])
def test_what_json_can_hold_and_no_calendar_means_is_refused(odd: object) -> None:
    answer = _answer("due", DUE, {"tz": odd, "weekly": {}})

    assert str(answer["error"]).startswith("/calendar/tz: ")


def test_a_calendars_faults_are_told_all_at_once() -> None:
    answer = _answer("due", DUE, {"tz": "Europe/Berln", "weekly": {"mon": [["22:00", "06:00"]]}})

    assert answer == {
        "error": "/calendar/tz: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'? "
        "/calendar/weekly/mon/0/1: is not after the start; for that time on the next date write '30:00'."
    }


def test_always_open_needs_no_zone() -> None:
    assert _answer("due", DUE, {"always_open": True}) == {"result": "2026-01-05T10:00:00"}


def test_a_countrys_holidays_are_expanded() -> None:
    calendar = MONDAYS | {"country_holidays": "DE"}
    easter_monday = {"start": "2026-04-06T09:00:00", "seconds": 60}

    assert _answer("due", easter_monday, calendar) == {"result": "2026-04-13T09:01:00"}


def test_one_bad_item_spoils_no_other() -> None:
    answers = compute.compute([GOOD | {"id": "a"}, 7, {"id": "c"}, GOOD | {"id": 4}, GOOD | {"id": [1]}])

    assert answers == [
        {"id": "a", "result": "2026-01-05T10:00:00"},
        {"error": 'An item is an object {"calendar", "op", "input"}.'},
        {"id": "c", "error": "/calendar: is missing."},
        {"id": 4, "result": "2026-01-05T10:00:00"},
        {"result": "2026-01-05T10:00:00"},
    ]


def test_work_without_end_is_cut_off_but_what_was_done_stays() -> None:
    far = {"start": "2026-01-05T09:00:00Z", "seconds": 10**9}
    greedy = [
        {"calendar": MONDAYS | {"holidays": [f"2026-01-{day:02}"]}, "op": "due", "input": far}
        for day in range(1, 9)
    ]

    answers = compute.compute([GOOD, *greedy, GOOD], days_walked_max=3 * 101 * 366)

    assert answers[0] == {"result": "2026-01-05T10:00:00"}
    assert ["within 100 years" in str(answer["error"]) for answer in answers[1:-1]].count(True) < len(greedy)
    assert "used up its share of work" in str(answers[-1]["error"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"null", "holds no computations"),
        (b'{"items": []}', "holds no computations"),
        (b'{"vectors": {}}', "holds no computations"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(content: bytes, message: str) -> None:
    with pytest.raises(ComputeFileInvalid, match=message):
        compute.compute_file(content)


def test_a_file_may_be_a_bare_list() -> None:
    assert compute.compute_file(msgspec.json.encode([GOOD])) == [{"result": "2026-01-05T10:00:00"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
TIMES = (
    st.datetimes().map(lambda at: at.isoformat()) | st.datetimes().map(lambda at: f"{at.isoformat()}Z") | JSON
)
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "start": TIMES,
        "end": TIMES,
        "local": TIMES,
        "seconds": st.integers() | st.floats() | JSON,
        "then_seconds": st.integers() | JSON,
        "days": st.integers(-50, 50) | JSON,
        "pauses": st.lists(st.lists(TIMES, max_size=3), max_size=3) | JSON,
        "end_of_day": JSON,
    },
)
OPS = st.sampled_from(["due", "before", "elapsed", "elapsed_paused", "biz_days", "glpi_days", "local_to_utc"])
CALENDARS = st.sampled_from([MONDAYS, {"always_open": True}, {"tz": "Pacific/Apia"}]) | JSON


@settings(deadline=None)
@given(
    items=st.lists(
        st.fixed_dictionaries({"calendar": CALENDARS, "op": OPS | JSON, "input": INPUTS | JSON}) | JSON,
        max_size=4,
    )
)
def test_whatever_comes_every_item_gets_one_answer(items: list[object]) -> None:
    answers = compute.compute(items)

    assert len(answers) == len(items)
    assert all(len(answer.keys() & {"result", "error"}) == 1 for answer in answers)
    msgspec.json.encode(answers)
