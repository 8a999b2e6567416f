"""What is promised: the target, its unit, its clock, and what a change or a reopening does to it."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NewType

CalendarKey = NewType("CalendarKey", str)
"""Names one immutable version of a calendar. Opaque here; the shell looks it up."""

SPAN_MAX = timedelta(days=3_660)
DAYS_MAX = 3_660
"""Ten years: a longer promise is a mistake in its policy, and would leave the calendars' horizon."""

WAITING_REQUESTER = "waiting_requester"
RESPOND = "respond"
UPDATE = "update"
RESOLVE = "resolve"
DELIVER = "deliver"
VISIT = "visit"

REPLY = "reply"
RESOLVED = "resolved"
CLOSED = "closed"
DELIVERED = "delivered"
VISITED = "visited"
DONE = "done"
"""What a person says of one promise alone: it is done."""

USUAL_DEEDS = frozenset({REPLY, RESOLVED, CLOSED, DELIVERED, VISITED})
"""What usually fulfils a promise of a policy; an event `done` may name any other."""


class Level(StrEnum):
    """Between whom it is promised."""

    SLA = "sla"
    """To the client."""
    OLA = "ola"
    """By one group to another."""
    UC = "uc"
    """By a supplier: an underpinning contract."""


class Origin(StrEnum):
    """How a promise came about."""

    POLICY = "policy"
    PERSON = "person"
    RENEGOTIATION = "renegotiation"
    MAJOR_INCIDENT = "major_incident"
    GATE = "gate"
    """What a verdict requires is to be there, or decided, until then."""
    OBJECTION = "objection"
    """An objection is to be decided until then."""
    REVIEW = "review"
    """What was done is to be reviewed until then."""
    SPECIAL_METHOD = "special_method"
    """What was allowed for a while is to be undone until then."""


class OnChange(StrEnum):
    """What new terms do with the time that was used under the old ones."""

    CARRY = "carry"
    FROM_ORIGIN = "from_origin"
    RESTART = "restart"
    KEEP = "keep"


class OnReopen(StrEnum):
    RESUME = "resume"
    NEW_CYCLE = "new_cycle"
    FINAL = "final"


class Silence(StrEnum):
    """What it means when nobody answers a renegotiation in time."""

    UNDERSTOOD = "understood"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class WorkingTarget:
    """So many seconds of the calendar's open time."""

    seconds: int

    def __post_init__(self) -> None:
        _check_span(self.seconds)

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class ElapsedTarget:
    """So many seconds of wall time; no calendar."""

    seconds: int

    def __post_init__(self) -> None:
        _check_span(self.seconds)

    @property
    def span(self) -> timedelta:
        return timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class BusinessDaysTarget:
    """So many working days later at the same clock time, at the latest at that day's last close."""

    days: int

    def __post_init__(self) -> None:
        _check_days(self.days, least=1)


@dataclass(frozen=True, slots=True)
class EndOfBusinessDayTarget:
    """The last close of the day that lies so many working days later; 0 is today."""

    days: int

    def __post_init__(self) -> None:
        _check_days(self.days, least=0)


@dataclass(frozen=True, slots=True)
class TimeOfBusinessDayTarget:
    """That local time of the day that lies so many working days later; 0 is today.

    Not after that day's last close; where the clock has passed it already, the next working day's.
    """

    days: int
    time: time

    def __post_init__(self) -> None:
        _check_days(self.days, least=0)


@dataclass(frozen=True, slots=True)
class InstantTarget:
    """An instant that was named, such as by a person; pauses that count put it off."""

    at: datetime


Target = (
    WorkingTarget
    | ElapsedTarget
    | BusinessDaysTarget
    | EndOfBusinessDayTarget
    | TimeOfBusinessDayTarget
    | InstantTarget
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms that hold for a promise from some instant on.

    Attributes:
        metric: what is measured: "respond", "resolve", or a name of the tenant's.
        calendar: whose open time counts; None only for an elapsed target.
        pausable_by: causes that stop this clock; any other pause is recorded and does not count.
        on_change: what these terms, coming after others, do with the time already used.
        may_be_later: whether these terms, coming after others, may move the due later than it was.
        warn_before: how long before the due to warn, in this target's own clock; None is never.
        fulfilled_by: names of the happenings that fulfil the promise ("reply", "resolved", "closed").
        on_reopen: what a reopening after the fulfilment does; what was cancelled unfulfilled is never final.
        level: between whom.
        held_by: the group, or the supplier, whose time alone counts; None where everybody's does.
        restarts_by: fulfilments after which the next cycle begins at once, as of the duty to report.
        renegotiate_above: the chance of a miss, from 0 to 1, above which it is to be renegotiated; None never
            asks for that.
        answer_within: how long, in wall time, the user may take to answer a renegotiation; None is as usual.
        silence: what it means if nobody answers.
    """

    metric: str
    target: Target
    calendar: CalendarKey | None
    pausable_by: frozenset[str] = frozenset()
    on_change: OnChange = OnChange.CARRY
    may_be_later: bool = False
    warn_before: timedelta | None = None
    fulfilled_by: frozenset[str]
    on_reopen: OnReopen = OnReopen.RESUME
    level: Level = Level.SLA
    held_by: str | None = None
    restarts_by: frozenset[str] = frozenset()
    renegotiate_above: float | None = None
    answer_within: timedelta | None = None
    silence: Silence = Silence.DECLINED

    def __post_init__(self) -> None:
        if self.calendar is None and not isinstance(self.target, ElapsedTarget | InstantTarget):
            raise ValueError(f"{self.metric}: a target in working time needs a calendar")
        if self.warn_before is not None and not timedelta(0) < self.warn_before <= SPAN_MAX:
            raise ValueError(f"{self.metric}: warn_before must lie between 0 and {SPAN_MAX}")
        if not self.fulfilled_by:
            raise ValueError(f"{self.metric}: nothing fulfils this promise")
        if not self.restarts_by <= self.fulfilled_by:
            raise ValueError(f"{self.metric}: what begins the next cycle must fulfil the one before")
        if self.renegotiate_above is not None and not 0 <= self.renegotiate_above < 1:
            raise ValueError(f"{self.metric}: renegotiate_above must lie from 0 to below 1")
        if self.answer_within is not None and not timedelta(0) < self.answer_within <= SPAN_MAX:
            raise ValueError(f"{self.metric}: answer_within must lie between 0 and {SPAN_MAX}")


def usual_terms(metric: str, target: Target, *, calendar: CalendarKey | None) -> Terms:
    """The terms of `metric` where a policy says nothing else; change them with `dataclasses.replace`."""
    return Terms(
        metric=metric,
        target=target,
        calendar=calendar,
        pausable_by=frozenset({WAITING_REQUESTER}) if metric == RESOLVE else frozenset(),
        fulfilled_by=_FULFILLED_BY.get(metric, frozenset({RESOLVED, CLOSED})),
        on_reopen=_ON_REOPEN.get(metric, OnReopen.RESUME),
        restarts_by=frozenset({REPLY}) if metric == UPDATE else frozenset(),
    )


_FULFILLED_BY = {
    RESPOND: frozenset({REPLY, RESOLVED, CLOSED}),
    UPDATE: frozenset({REPLY, RESOLVED, CLOSED}),
    DELIVER: frozenset({DELIVERED}),
    VISIT: frozenset({VISITED}),
}
_ON_REOPEN = {RESPOND: OnReopen.FINAL, UPDATE: OnReopen.NEW_CYCLE}


def _check_span(seconds: int) -> None:
    if not 0 < seconds <= SPAN_MAX.total_seconds():
        raise ValueError(f"a target must lie between 1 s and {SPAN_MAX.days} days, not {seconds} s")


def _check_days(days: int, *, least: int) -> None:
    if not least <= days <= DAYS_MAX:
        raise ValueError(f"a target must lie between {least} and {DAYS_MAX} working days, not {days}")
