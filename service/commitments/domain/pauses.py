"""The pause ledger as intervals: several causes may overlap, and together they stop a clock once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Closed = tuple[datetime, datetime]

ENDED_CAUSE = "ended"
"""What is shown of the time between a fulfilment, or a cancellation, and the reopening after it. Others may
use the word for causes of their own; what stops every clock is `Pause.is_after_end`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One cause from its start to its end; `end` is None while it lasts.

    Attributes:
        is_after_end: whether it is the time between an end and a reopening, which stops every clock.
    """

    start: datetime
    end: datetime | None
    cause: str
    party: str
    is_after_end: bool = False

    def stops(self, causes: frozenset[str]) -> bool:
        """Does it stop a clock that `causes` may stop?"""
        return self.is_after_end or self.cause in causes


@dataclass(frozen=True, slots=True)
class Stops:
    """When one clock does not run: disjoint intervals in order, then perhaps one that has not ended."""

    closed: tuple[Closed, ...] = ()
    open_since: datetime | None = None

    def by(self, at: datetime) -> tuple[Closed, ...]:
        """The intervals up to `at`, the open one taken to have ended there."""
        spans = [*self.closed] if self.open_since is None else [*self.closed, (self.open_since, at)]
        return tuple((start, min(end, at)) for start, end in spans if start < at)


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


def _cut(pause: Pause, since: datetime, until: datetime | None) -> tuple[datetime, datetime | None] | None:
    start = max(pause.start, since)
    end = pause.end
    if until is not None:
        end = until if end is None else min(end, until)
    return None if end is not None and end <= start else (start, end)


def _union(spans: Sequence[tuple[datetime, datetime | None]]) -> Stops:
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
