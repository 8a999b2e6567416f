"""A flood becomes a count: what is told one by one is bounded, and nothing is lost of how often."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.audit import tally
from service.audit.tally import WINDOW, Repeated, Tally
from tests.factories import NOON

SECOND = timedelta(seconds=1)


def test_the_first_of_a_minute_are_told_and_the_others_counted() -> None:
    counts: Tally[str, int] = Tally()

    told = [counts.note("a", number, each_max=3, now=NOON)[0] for number in range(5)]

    assert told == [True, True, True, False, False]
    assert counts.settle(NOON + WINDOW - SECOND) == []
    assert counts.settle(NOON + WINDOW) == [Repeated(4, 2)]
    assert counts.settle(NOON + WINDOW) == []


def test_a_new_minute_begins_with_what_the_last_one_only_counted() -> None:
    counts: Tally[str, int] = Tally()
    for number in range(3):
        counts.note("a", number, each_max=1, now=NOON)

    assert counts.note("a", 3, each_max=1, now=NOON + WINDOW) == (True, [Repeated(2, 2)])


def test_kinds_are_counted_apart() -> None:
    counts: Tally[str, int] = Tally()
    assert counts.note("a", 1, each_max=1, now=NOON) == (True, [])
    assert counts.note("b", 2, each_max=1, now=NOON) == (True, [])
    assert counts.note("a", 3, each_max=1, now=NOON) == (False, [])


def test_the_quietest_kind_makes_room_and_its_count_is_told() -> None:
    counts: Tally[int, int] = Tally()
    for number in range(2):
        counts.note(-1, number, each_max=1, now=NOON)
    for kind in range(tally.KINDS_KEPT - 1):
        assert counts.note(kind, 0, each_max=1, now=NOON) == (True, [])

    assert counts.note(tally.KINDS_KEPT, 0, each_max=1, now=NOON) == (True, [Repeated(1, 1)])


@given(
    steps=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.booleans()), max_size=60),
    each_max=st.integers(0, 3),
)
def test_whatever_happens_is_told_by_itself_or_counted_and_never_both(
    steps: list[tuple[str, int, bool]], each_max: int
) -> None:
    counts: Tally[str, str] = Tally()
    now, told = NOON, dict.fromkeys("abc", 0)
    for kind, seconds, settles in steps:
        now += seconds * SECOND
        tell, due = counts.note(kind, kind, each_max=each_max, now=now)
        told[kind] += tell
        for repeated in [*due, *(counts.settle(now) if settles else [])]:
            told[repeated.last] += repeated.times
    for repeated in counts.settle():
        told[repeated.last] += repeated.times

    assert told == {kind: sum(each == kind for each, _, _ in steps) for kind in "abc"}


@given(offsets=st.lists(st.integers(0, 300), max_size=200), each_max=st.integers(0, 5))
def test_in_no_minute_more_than_so_many_windows_worth_is_told(offsets: list[int], each_max: int) -> None:
    counts: Tally[str, None] = Tally()
    told = [
        offset
        for offset in sorted(offsets)
        if counts.note("a", None, each_max=each_max, now=NOON + offset * SECOND)[0]
    ]

    for begin in range(300):
        assert sum(begin <= offset < begin + 60 for offset in told) <= 2 * each_max
