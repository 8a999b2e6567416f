"""How the time of one cycle was spent: counting, closed or paused. For people; nothing is decided by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.calendars.domain import WorkingTime
from service.commitments.domain.judging import Standing
from service.commitments.domain.measures import pauses_of
from service.commitments.domain.pauses import Pause
from service.commitments.domain.terms import CalendarKey, ElapsedTarget, Terms

INTERVALS_MAX = 2_000
"""A timeline of more is cut at its end: years of working days are nothing to look at."""


class Spent(StrEnum):
    COUNTING = "counting"
    CLOSED = "closed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time in which the clock did one thing; `cause` says why it was paused."""

    start: datetime
    end: datetime
    spent: Spent
    cause: str | None = None


def timeline(
    standing: Standing, calendars: Mapping[CalendarKey, WorkingTime], *, until: datetime
) -> list[Interval]:
    """The current cycle from its start to its end, or to `until` while it runs, without gaps or overlaps."""
    judgement = standing.current
    end = judgement.fulfilled_at or judgement.cancelled_at or until
    starts = [max(segment.at, judgement.started_at) for segment in judgement.segments]
    starts[:1] = [judgement.started_at]
    spans: list[Interval] = []
    for position, segment in enumerate(judgement.segments):
        last = starts[position + 1] if position + 1 < len(starts) else end
        start = starts[position]
        pauses = pauses_of(segment.terms, standing.pauses, standing.turns, since=start)
        for span in _of_segment(segment.terms, pauses, calendars, start, min(last, end)):
            if len(spans) == INTERVALS_MAX:
                return spans
            _append(spans, span)
    return spans


def _of_segment(
    terms: Terms,
    pauses: Sequence[Pause],
    calendars: Mapping[CalendarKey, WorkingTime],
    start: datetime,
    end: datetime,
) -> Iterator[Interval]:
    """The stretch in which `terms` held: its pauses first, then what the calendar says of the rest."""
    at = start
    for pause in sorted(pauses, key=lambda pause: pause.start):
        since, until = max(pause.start, at), end if pause.end is None else min(pause.end, end)
        if since >= until:
            continue
        yield from _unpaused(terms, calendars, at, since)
        yield Interval(since, until, Spent.PAUSED, pause.cause)
        at = until
    yield from _unpaused(terms, calendars, at, end)


def _unpaused(
    terms: Terms, calendars: Mapping[CalendarKey, WorkingTime], start: datetime, end: datetime
) -> Iterator[Interval]:
    if start >= end:
        return
    if terms.calendar is None or isinstance(terms.target, ElapsedTarget):
        yield Interval(start, end, Spent.COUNTING)
        return
    at = start
    for opens, closes in calendars[terms.calendar].intervals(start, end):
        if at < opens:
            yield Interval(at, opens, Spent.CLOSED)
        yield Interval(opens, closes, Spent.COUNTING)
        at = closes
    if at < end:
        yield Interval(at, end, Spent.CLOSED)


def _append(spans: list[Interval], span: Interval) -> None:
    """Add a span, as a longer last one where it goes on with the same."""
    last = spans[-1] if spans else None
    if last is not None and (last.end, last.spent, last.cause) == (span.start, span.spent, span.cause):
        spans[-1] = replace(last, end=span.end)
    else:
        spans.append(span)
