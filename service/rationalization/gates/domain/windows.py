"""When work is planned, when it may not be, and when it could be instead. Pure.

All of it is about instants: local time is the calendar's affair. Windows are half open, so that work which
ends at the instant at which a freeze begins does not touch it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from service import instants
from service.rules.language.times import timestamp_from_text

START = "planned_start"
END = "planned_end"
"""Facts of `request.custom.*`: RFC 3339."""

PLANNED_MAX = timedelta(days=366)
"""What is planned for longer says nothing of when the work is done."""

Span: TypeAlias = tuple[datetime, datetime]
"""From the first instant until before the second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS_PER_MICROSECOND = 1_000


@dataclass(frozen=True, slots=True)
class Planned:
    """When the work is to be done.

    Attributes:
        end: None where only the start is said; then the start alone is known of it.
    """

    start: datetime
    end: datetime | None

    @property
    def span(self) -> Span:
        """All instants of it: one at least."""
        return self.start, max(self.end or self.start, self.start + datetime.resolution)

    def lasting(self, span: timedelta) -> "Planned":
        """The same, taken to last so long where it does not say until when."""
        return self if self.end is not None else Planned(self.start, self.start + span)

    @property
    def length(self) -> timedelta:
        start, end = self.span
        return end - start


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why it cannot be said when the work is to be done, and what to do about it."""

    missing: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """When work may be done by one rule.

    Attributes:
        spans: in order, disjoint, and never end to end.
        inside: whether work has to lie in one of them; otherwise outside of them all.
    """

    spans: tuple[Span, ...]
    inside: bool

    def earliest(self, at: datetime, length: timedelta) -> datetime | None:
        """The first instant from `at` on at which work of this length could begin; None if there is none."""
        place = max(bisect_right(self.spans, at, key=lambda span: span[0]) - 1, 0)
        later = self.spans[place:]
        if self.inside:
            begins = (max(at, start) for start, end in later if end - max(at, start) >= length)
            return next(begins, None)
        for start, end in later:
            if at + length <= start:
                break
            at = max(at, end)
        return at


def planned(facts: Mapping[str, Any]) -> Planned | Unclear:
    """When the facts of a request say that the work is to be done."""
    custom: Mapping[str, Any] = facts.get("custom") or {}
    start, end = custom.get(START), custom.get(END)
    if start is None:
        return Unclear(f"Say when it is planned: give request.custom.{START}, and request.custom.{END}.")
    begins, ends = _instant(start), None if end is None else _instant(end)
    if begins is None or (end is not None and ends is None):
        name = START if begins is None else END
        return Unclear(f"request.custom.{name} is no instant such as 2026-01-05T22:00:00Z; write it so.")
    return _checked(begins, ends)


def with_end(when: Planned | Unclear) -> Planned | Unclear:
    """The same for who compares all of the work with something: until when it lasts has to be said."""
    if isinstance(when, Planned) and when.end is None:
        return Unclear(f"Say until when it lasts: give request.custom.{END}.")
    return when


def _checked(start: datetime, end: datetime | None) -> Planned | Unclear:
    if end is not None and end < start:
        return Unclear(f"request.custom.{END} lies before request.custom.{START}; say until when it lasts.")
    if end is not None and end - start > PLANNED_MAX:
        return Unclear(
            f"It is planned for more than {PLANNED_MAX.days} days; say when the work itself is done."
        )
    return Planned(start, end)


def _instant(said: object) -> datetime | None:
    timestamp = timestamp_from_text(said) if isinstance(said, str) else None
    if timestamp is None:
        return None
    at = _EPOCH + timedelta(microseconds=timestamp.nanoseconds // _NANOSECONDS_PER_MICROSECOND)
    return at if instants.is_usable(at) else None


def touching(spans: Sequence[Span], work: Span) -> list[Span]:
    """Those of the spans that have an instant in common with the work."""
    start, end = work
    return [span for span in spans if span[0] < end and start < span[1]]


def is_inside(spans: Sequence[Span], work: Span) -> bool:
    """Whether all of the work lies in one of the spans."""
    return any(start <= work[0] and work[1] <= end for start, end in spans)


def widened(span: Span, margin: timedelta) -> Span:
    return span[0] - margin, span[1] + margin


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same instants in as few spans as possible, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def next_fit(
    bounds: Sequence[Bounds], earliest: datetime, length: timedelta, *, until: datetime
) -> Span | None:
    """The first window of this length that all bounds allow; None if none ends by `until`."""
    at = earliest
    while at + length <= until:
        found = [each.earliest(at, length) for each in bounds]
        reached = [each for each in found if each is not None]
        if len(reached) < len(found):
            return None
        moved = max(reached, default=at)
        if moved == at:
            return at, at + length
        at = moved
    return None
