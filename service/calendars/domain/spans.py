"""Sets of instants as sorted, disjoint, half-open spans of integers. The unit does not matter here."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """The same instants in as few spans as possible, sorted. Empty and reversed spans hold none."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def without(spans: Sequence[Span], cuts: Sequence[Span]) -> list[Span]:
    """What is in `spans` and not in `cuts`; both must be unions."""
    kept: list[Span] = []
    first = 0
    for start, end in spans:
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        cursor, place = start, first
        while place < len(cuts) and cuts[place][0] < end:
            if cuts[place][0] > cursor:
                kept.append((cursor, cuts[place][0]))
            cursor, place = cuts[place][1], place + 1
        if cursor < end:
            kept.append((cursor, end))
    return kept


def clip(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """The part of a union that lies in [start, end); nothing when that is empty."""
    if start >= end:
        return []
    first = max(bisect_left(spans, (start,)) - 1, 0)
    last = bisect_left(spans, (end,))
    return [(max(a, start), min(b, end)) for a, b in spans[first:last] if b > start]
