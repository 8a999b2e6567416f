"""One segment's terms applied to the time that passed: when they are due, when to warn, how much was used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from service.calendars.domain import CalendarDefinition, WorkingTime, compile_calendar
from service.commitments.domain import pauses
from service.commitments.domain.ledger import Assigned
from service.commitments.domain.pauses import Closed, Pause, Span, Stops
from service.commitments.domain.replay import Cycle, History, Segment
from service.commitments.domain.terms import (
    BusinessDaysTarget,
    CalendarKey,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    InstantTarget,
    Level,
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
        stops: when its clock does not run while it counts.
        stops_in_cycle: when it would not have run from the start of the cycle on.
    """

    segment: Segment
    rule: Rule
    meter: WorkingTime
    counted_from: datetime
    carried: timedelta
    stops: Stops
    stops_in_cycle: Stops

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
        if span is not None:
            return self.reached(span - before)
        reached = self._days_less(before)
        return None if reached is None else max(reached, self.segment.at)

    def reached(self, used: timedelta) -> datetime | None:
        """When that much time is used, not before the terms held; None if a pause is in the way."""
        reached = self._unless_stopped(self._after(used, self.stops.closed))
        return None if reached is None else max(reached, self.segment.at)

    def used_up(self, share: float) -> datetime | None:
        """When that share of the target is used, not before the terms held; None if a pause is in the way."""
        if share != 1:
            return self.reached(self._whole() * share)
        return None if self.due_at is None else max(self.due_at, self.segment.at)

    def moved(self, at: datetime, span: timedelta) -> datetime | None:
        """The instant that lies `span` of this clock's time after `at`, or before it if that is negative.

        None when a pause is in the way that has not ended.
        """
        if span < ZERO:
            return self._earlier(at, -span)
        later = self.meter.due(at, span, pauses=self.stops_in_cycle.closed) if span else at
        since = self.stops_in_cycle.open_since
        return None if since is not None and since < later else later

    def _whole(self) -> timedelta:
        """The target as a span of this clock's time, without pauses."""
        span = _span(self.terms.target)
        return self.meter.elapsed(self.counted_from, self._due(())) if span is None else span

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
                return self._pushed(at.astimezone(UTC), closed)

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

    def _days_less(self, before: timedelta) -> datetime | None:
        """So much unpaused working time before a due in days."""
        return None if self.due_at is None else self._earlier(self.due_at, before)

    def _earlier(self, end: datetime, span: timedelta) -> datetime:
        reached, previous = self.meter.before(end, span), end
        while reached != previous:
            previous = reached
            paused = self.meter.elapsed_paused(
                [
                    (max(start, reached), until)
                    for start, until in self.stops_in_cycle.by(end)
                    if until > reached
                ]
            )
            reached = self.meter.before(end, span + paused)
        return reached

    def _unless_stopped(self, at: datetime) -> datetime | None:
        since = self.stops.open_since
        return None if since is not None and since < at else at


def measures(cycle: Cycle, history: History, calendars: Calendars) -> list[Measure]:
    """Each segment of a cycle, measured. Raises KeyError for a calendar that was not given."""
    measured: list[Measure] = []
    for segment in cycle.segments:
        measured.append(_measure(cycle, segment, measured[-1] if measured else None, history, calendars))
    return measured


def pauses_of(
    terms: Terms, ledger_pauses: Sequence[Pause], turns: Sequence[Assigned], *, since: datetime
) -> list[Pause]:
    """What stops a clock of these terms from `since` on, as far as they let it.

    Whose clock it is decides: it runs only while the request is with the group that holds it; that of a
    supplier also while one waits for the supplier.
    """
    counted = [pause for pause in ledger_pauses if pause.stops(terms.pausable_by)]
    if terms.held_by is None:
        return counted
    ends = [*(turn.at for turn in turns[1:]), None]
    held: list[Span] = [
        (turn.at, end) for turn, end in zip(turns, ends, strict=False) if turn.group == terms.held_by
    ]
    if terms.level is Level.UC:
        held += [(pause.start, pause.end) for pause in ledger_pauses if pause.party == terms.held_by]
    return [*counted, *pauses.elsewhere(held, since=since)]


def _measure(
    cycle: Cycle,
    segment: Segment,
    previous: Measure | None,
    history: History,
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
    counted = pauses_of(segment.terms, history.pauses, history.turns, since=cycle.started_at)
    in_cycle = pauses.stops(counted, segment.terms.pausable_by, since=cycle.started_at, until=cycle.ended_at)
    return Measure(
        segment=segment,
        rule=rule,
        meter=_meter(segment.terms, calendars),
        counted_from=counted_from,
        carried=carried,
        stops=in_cycle.since(counted_from),
        stops_in_cycle=in_cycle,
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
