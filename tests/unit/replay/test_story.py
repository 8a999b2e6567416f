import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.replay import picture, story
from service.replay.picture import CELLS, LABEL_WIDTH, Interval, Mark
from service.replay.story import Rule, Story
from tests.unit.replay import factories


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00Z")


FRIDAY, SATURDAY, MONDAY, TUESDAY = (_at(f"2016-03-{day}T00:00") for day in ("04", "05", "07", "08"))
OPENED, DUE, CLOSED = _at("2016-03-04T12:00"), _at("2016-03-07T06:00"), _at("2016-03-07T18:10")

INTERVALS = [
    Interval(OPENED, SATURDAY, "counting"),
    Interval(SATURDAY, MONDAY, "closed"),
    Interval(MONDAY, CLOSED, "counting"),
]

BROKEN = Story(
    case="INC1",
    group="3 - Moderate",
    metric="resolve",
    started_at=OPENED,
    due_at=DUE,
    broken_at=DUE + timedelta(microseconds=1),
    fulfilled_at=CLOSED,
    intervals=INTERVALS,
    rules=[
        Rule("p1", "request.priority == '1'", "It burns.", counts=False, result=False),
        Rule("p3", "request.priority == '3'", "It is usual.", counts=True, result=True),
    ],
)


def test_each_day_is_a_line_and_each_half_hour_a_sign() -> None:
    marks = [Mark(OPENED, "opened"), Mark(DUE, "due"), Mark(CLOSED, "closed")]

    assert picture.drawn(INTERVALS, marks, due_at=DUE) == [
        "            00:00       06:00       12:00       18:00       24:00",
        "Fri 04 Mar                          ########################  opened 12:00",
        "Sat 05 Mar  ................................................",
        "Sun 06 Mar  ................................................",
        "Mon 07 Mar  ############!!!!!!!!!!!!!!!!!!!!!!!!!             due 06:00",
        " " * 62 + "closed 18:10",
    ]


def test_days_that_are_alike_are_drawn_once() -> None:
    intervals = [Interval(FRIDAY, FRIDAY + timedelta(days=9), "paused", "waiting")]

    lines = picture.drawn(intervals, [Mark(FRIDAY, "opened")], due_at=None)

    assert lines[2:4] == ["Sat 05 Mar  " + "=" * 48, "            … and so on until Sat 12 Mar"]


def test_a_promise_without_any_time_has_no_picture() -> None:
    assert picture.drawn([], [], due_at=None) == []


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(days=1, seconds=1), "1 day"),
        (timedelta(seconds=553_140), "6 days 9 h 39 min"),
    ],
)
def test_a_span_in_words(span: timedelta, words: str) -> None:
    assert picture.in_words(span) == words


def test_a_broken_promise_is_told_in_full_in_eighty_columns() -> None:
    lines = story.told(BROKEN)

    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "INC1, 3 - Moderate: the promise to resolve was broken." in lines
    assert "Decided by rule p3: request.priority == '3'" in lines
    assert "because: It is usual." in lines
    assert "  not by rule p1: request.priority == '1' is false" in lines
    assert "It stood still once, 2 days in all, outside working time." in lines
    assert "It was due Monday 7 March 2016 at 06:00 UTC,\nafter 18 h of working time." in text
    assert lines[-2:] == [
        "It was fulfilled Monday 7 March 2016 at 18:10 UTC:",
        "12 h 10 min too late, all of it working time.",
    ]


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"broken_at": None}, "was kept."),
        ({"broken_at": None, "fulfilled_at": None}, "was not due yet."),
        ({"fulfilled_at": None}, "was broken, and is open still."),
        ({"due_at": None, "broken_at": None, "fulfilled_at": None}, "was not due yet."),
    ],
)
def test_the_first_line_says_how_it_ended(changes: dict[str, Any], ending: str) -> None:
    told = story.told(dataclasses.replace(BROKEN, **changes))

    assert told[0].endswith(ending)


LENGTHS = st.lists(
    st.tuples(st.integers(0, 5_000), st.sampled_from(["counting", "closed", "paused"])), max_size=12
)


@given(lengths=LENGTHS, due_minutes=st.integers(-100, 60_000))
def test_every_day_has_its_line_or_is_folded(lengths: list[tuple[int, str]], due_minutes: int) -> None:
    intervals: list[Interval] = []
    at = factories.NOON
    for minutes, kind in lengths:
        intervals.append(Interval(at, at + timedelta(minutes=minutes), kind))
        at += timedelta(minutes=minutes)

    lines = picture.drawn(intervals, [], due_at=factories.NOON + timedelta(minutes=due_minutes))

    assert all(len(line) <= LABEL_WIDTH + 2 + CELLS for line in lines[1:] if "…" not in line)
    assert not lines or lines[1].startswith(f"{factories.NOON:%a %d %b}")
    assert picture.counted_after(intervals, factories.NOON) == sum(
        (timedelta(minutes=minutes) for minutes, kind in lengths if kind == "counting"), timedelta(0)
    )
