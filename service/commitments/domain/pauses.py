"""The pause ledger as intervals: several causes may overlap, and together they stop a clock once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Closed = tuple[datetime, datetime]
Span = tuple[datetime, datetime | None]

ENDED_CAUSE = "ended"
"""What is shown of the time between a fulfilment, or a cancellation, and the reopening after it. Others may
use the word for causes of their own; what stops every clock is `Pause.is_after_end`."""


ELSEWHERE_CAUSE = "elsewhere"
"""What is shown of the time in which the request was not with the one whose clock it is."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One cause from its start to its end; `end` is None while it lasts.

    Attributes:
        is_after_end: whether it is the time between an end and a reopening, which stops every clock.
        is_elsewhere: whether the request was not with the one whose clock it is, which stops that clock.
    """

    start: datetime
    end: datetime | None
    cause: str
    party: str
    is_after_end: bool = False
    is_elsewhere: bool = False

    def stops(self, causes: frozenset[str]) -> bool:
        """Does it stop a clock that `causes` may stop?"""
        return self.is_after_end or self.is_elsewhere or self.cause in causes


@dataclass(frozen=True, slots=True)
class Stops:
    """When one clock does not run: disjoint intervals in order, then perhaps one that has not ended."""

    closed: tuple[Closed, ...] = ()
    open_since: datetime | None = None

    def since(self, at: datetime) -> "Stops":
        """The same without what lies before `at`."""
        closed = tuple((max(start, at), end) for start, end in self.closed if end > at)
        return Stops(closed, None if self.open_since is None else max(self.open_since, at))

    def by(self, at: datetime) -> tuple[Closed, ...]:
        """The intervals up to `at`, the open one taken to have ended there."""
        spans = [*self.closed] if self.open_since is None else [*self.closed, (self.open_since, at)]
        return tuple((start, min(end, at)) for start, end in spans if start < at)


def elsewhere(held: Iterable[Span], *, since: datetime) -> list[Pause]:
    """The time from `since` on outside of these stretches, in which the request was where it belongs."""
    cut = [(max(start, since), end) for start, end in held if end is None or end > since]
    union = _union(sorted(cut, key=lambda span: span[0]))
    gaps: list[Pause] = []
    at = since
    for start, end in union.closed:
        if at < start:
            gaps.append(_elsewhere(at, start))
        at = end
    if union.open_since is None:
        gaps.append(_elsewhere(at, None))
    elif at < union.open_since:
        gaps.append(_elsewhere(at, union.open_since))
    return gaps


def _elsewhere(start: datetime, end: datetime | None) -> Pause:
    return Pause(start, end, ELSEWHERE_CAUSE, "", is_elsewhere=True)


def stops(
    pauses: Iterable[Pause], causes: frozenset[str], *, since: datetime, until: datetime | None
) -> Stops:
    """The union of the pauses that `causes` allow, cut to what lies between `since` and `until`.

    Args:
        pauses: in any order.
        causes: what pauses this clock; the time before a reopening always does.
        since: when the clock began to count.
        until: when it stopped for good, or None: a pause without an end is then open.
    """
    spans = [
        span for pause in pauses if pause.stops(causes) if (span := _cut(pause, since, until)) is not None
    ]
    return _union(sorted(spans, key=lambda span: span[0]))


def _cut(pause: Pause, since: datetime, until: datetime | None) -> Span | None:
    start = max(pause.start, since)
    end = pause.end
    if until is not None:
        end = until if end is None else min(end, until)
    return None if end is not None and end <= start else (start, end)


def _union(spans: Sequence[Span]) -> Stops:
    closed: list[Closed] = []
    for start, end in spans:
        first, last = start, end
        if closed and start <= closed[-1][1]:
            first, reached = closed.pop()
            last = None if end is None else max(reached, end)
        if last is None:
            return Stops(tuple(closed), first)
        closed.append((first, last))
    return Stops(tuple(closed))
