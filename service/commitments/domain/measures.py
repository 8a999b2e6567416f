"""One segment's terms applied to the time that passed: when they are due, when to warn, how much was used."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from service.calendars.domain import CalendarDefinition, WorkingTime, compile_calendar
from service.commitments.domain import pauses
from service.commitments.domain.pauses import Closed, Pause, Stops
from service.commitments.domain.replay import Cycle, Segment
from service.commitments.domain.terms import (
    BusinessDaysTarget,
    CalendarKey,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    InstantTarget,
    OnChange,
    Target,
    Terms,
    TimeOfBusinessDayTarget,
    WorkingTarget,
)

Calendars = Mapping[CalendarKey, WorkingTime]

WALL_CLOCK = compile_calendar(CalendarDefinition(always_open=True))
"""What an elapsed target counts by."""

ZERO = timedelta(0)


class Rule(StrEnum):
    """How a segment counts the time before it."""

    STARTED = "started"
    CARRY = "carry"
    FROM_ORIGIN = "from_origin"
    RESTART = "restart"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A segment with what is needed to compute its due as if its terms held for ever after.

    Attributes:
        counted_from: where its own counting begins.
        carried: time used before that which counts against the target.
        stops: when its clock does not run.
    """

    segment: Segment
    rule: Rule
    meter: WorkingTime
    counted_from: datetime
    carried: timedelta
    stops: Stops

    @property
    def terms(self) -> Terms:
        return self.segment.terms

    @cached_property
    def due_at(self) -> datetime | None:
        """The due as things stand; None when a pause began before it and has not ended."""
        return self._unless_stopped(self._due(self.stops.closed))

    def due_if_resumed(self, now: datetime) -> datetime:
        """The due, were every open pause to end at `now`."""
        return self.due_at or self._due(self.stops.by(now))

    def used(self, until: datetime) -> timedelta:
        """Time that counts against the target, up to `until`."""
        stopped = self.meter.elapsed_paused(self.stops.by(until))
        return self.carried + self.meter.elapsed(self.counted_from, until) - stopped

    def warn_at(self) -> datetime | None:
        """The instant at which `warn_before` is left; not before the terms held."""
        before = self.terms.warn_before
        if before is None:
            return None
        span = _span(self.terms.target)
        reached = self._days_less(before) if span is None else self._reached(span - before)
        return None if reached is None else max(reached, self.segment.at)

    def _due(self, closed: tuple[Closed, ...]) -> datetime:
        match self.terms.target:
            case WorkingTarget(span=span) | ElapsedTarget(span=span):
                return self._after(span, closed)
            case BusinessDaysTarget(days):
                return self._pushed(self.meter.business_days(self.counted_from, days), closed)
            case EndOfBusinessDayTarget(days):
                return self._pushed(self.meter.end_of_business_day(self.counted_from, days), closed)
            case TimeOfBusinessDayTarget(days, local):
                return self._pushed(self.meter.time_of_business_day(self.counted_from, days, local), closed)
            case InstantTarget(at):
                return self._pushed(at, closed)

    def _after(self, span: timedelta, closed: tuple[Closed, ...]) -> datetime:
        """When `span` is used up; what is used up already is due where the terms begin."""
        left = span - self.carried
        return self.meter.due(self.counted_from, left, pauses=closed) if left > ZERO else self.counted_from

    def _pushed(self, due: datetime, closed: tuple[Closed, ...]) -> datetime:
        """A due in days, later by the working time that was paused before it."""
        paused, pushed = ZERO, due
        for start, end in closed:
            if start >= pushed:
                break
            paused += self.meter.elapsed(start, end)
            pushed = due if paused == ZERO else self.meter.due(due, paused)
        return pushed

    def _reached(self, span: timedelta) -> datetime | None:
        return self._unless_stopped(self._after(span, self.stops.closed))

    def _days_less(self, before: timedelta) -> datetime | None:
        """So much unpaused working time before a due in days."""
        due = self.due_at
        if due is None:
            return None
        reached, previous = self.meter.before(due, before), due
        while reached != previous and reached > self.counted_from:
            previous = reached
            paused = self.meter.elapsed_paused(
                [(max(start, reached), end) for start, end in self.stops.by(due)]
            )
            reached = self.meter.before(due, before + paused)
        return reached

    def _unless_stopped(self, at: datetime) -> datetime | None:
        since = self.stops.open_since
        return None if since is not None and since < at else at


def measures(cycle: Cycle, ledger_pauses: Iterable[Pause], calendars: Calendars) -> list[Measure]:
    """Each segment of a cycle, measured. Raises KeyError for a calendar that was not given."""
    kept = tuple(ledger_pauses)
    measured: list[Measure] = []
    for segment in cycle.segments:
        measured.append(_measure(cycle, segment, measured[-1] if measured else None, kept, calendars))
    return measured


def _measure(
    cycle: Cycle,
    segment: Segment,
    previous: Measure | None,
    ledger_pauses: tuple[Pause, ...],
    calendars: Calendars,
) -> Measure:
    rule = _rule(segment, previous)
    counted_from, carried = segment.at, ZERO
    if previous is not None and rule is Rule.CARRY:
        carried = previous.used(segment.at)
    elif previous is not None and rule is Rule.KEEP:
        counted_from, carried = previous.counted_from, previous.carried
    elif rule is Rule.FROM_ORIGIN:
        counted_from = cycle.started_at
    stops = pauses.stops(ledger_pauses, segment.terms.pausable_by, since=counted_from, until=cycle.ended_at)
    return Measure(
        segment=segment,
        rule=rule,
        meter=_meter(segment.terms, calendars),
        counted_from=counted_from,
        carried=carried,
        stops=stops,
    )


def _rule(segment: Segment, previous: Measure | None) -> Rule:
    """What the new terms ask for, or from the origin where units cannot be carried."""
    if previous is None:
        return Rule.STARTED
    if segment.kept:
        return Rule.KEEP
    on_change = segment.terms.on_change
    if on_change is OnChange.CARRY and not _can_carry(previous.terms.target, segment.terms.target):
        return Rule.FROM_ORIGIN
    return Rule(on_change.value)


def _can_carry(old: Target, new: Target) -> bool:
    return _span(new) is not None and type(old) is type(new)


def _span(target: Target) -> timedelta | None:
    return target.span if isinstance(target, (WorkingTarget, ElapsedTarget)) else None


def _meter(terms: Terms, calendars: Calendars) -> WorkingTime:
    if terms.calendar is None or isinstance(terms.target, ElapsedTarget):
        return WALL_CLOCK
    return calendars[terms.calendar]
