"""Sets of instants: what is in them is what is in the numbers that they stand for."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.calendars.domain import spans

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12)


def _numbers(of: list[tuple[int, int]]) -> set[int]:
    return {number for start, end in of for number in range(start, end)}


@given(raw=SPANS)
def test_a_union_holds_the_same_in_as_few_spans_as_possible(raw: list[tuple[int, int]]) -> None:
    joined = spans.union(raw)

    assert _numbers(joined) == _numbers(raw)
    assert all(start < end for start, end in joined)
    assert all(left[1] < right[0] for left, right in pairwise(joined))


@given(raw=SPANS, cuts=SPANS)
def test_without_leaves_what_is_in_the_one_and_not_in_the_other(
    raw: list[tuple[int, int]], cuts: list[tuple[int, int]]
) -> None:
    left = spans.without(spans.union(raw), spans.union(cuts))

    assert _numbers(left) == _numbers(raw) - _numbers(cuts)
    assert left == spans.union(left)


@given(raw=SPANS, start=st.integers(-5, 45), end=st.integers(-5, 45))
def test_clip_leaves_what_lies_between(raw: list[tuple[int, int]], start: int, end: int) -> None:
    between = spans.clip(spans.union(raw), start, end)

    assert _numbers(between) == _numbers(raw) & set(range(start, end))
    assert between == spans.union(between)
