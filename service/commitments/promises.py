"""What a rule of a commitment policy promises: its JSON form, and the terms made of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from service import forms
from service.commitments.domain import terms
from service.commitments.domain.terms import (
    DAYS_MAX,
    SPAN_MAX,
    BusinessDaysTarget,
    CalendarKey,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    OnChange,
    OnReopen,
    Target,
    Terms,
    WorkingTarget,
)
from service.errors import Fault
from service.rules import domain as kinds
from service.rules.domain import Kind
from service.rules.errors import OutcomeInvalid

PROMISES_MAX = 20
NAMES_MAX = 20

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Names = Annotated[list[Name], msgspec.Meta(max_length=NAMES_MAX)]
Fulfilment = Literal["reply", "resolved", "closed"]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=int(SPAN_MAX.total_seconds()))]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a policy may write, and no more."""


class WorkingTime(_Form, frozen=True, tag_field="unit", tag="working_time"):
    """So many seconds of the calendar's open time."""

    seconds: Seconds


class ElapsedTime(_Form, frozen=True, tag_field="unit", tag="elapsed_time"):
    """So many seconds of wall time; no calendar."""

    seconds: Seconds


class BusinessDays(_Form, frozen=True, tag_field="unit", tag="business_days"):
    """So many working days later at the same clock time."""

    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]


class EndOfBusinessDay(_Form, frozen=True, tag_field="unit", tag="end_of_business_day"):
    """The last close of the day that lies so many working days later; 0 is today."""

    days: Annotated[int, msgspec.Meta(ge=0, le=DAYS_MAX)]


class Promise(_Form, frozen=True, kw_only=True):
    """One promise. What is left out is as usual for the metric (`terms.usual_terms`).

    With `client_calendar` it counts by the calendar that the client goes by, if there is one, and else by
    `calendar`.
    """

    metric: Name
    target: WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay
    calendar: str | None = None
    client_calendar: bool = False
    fulfilled_by: Annotated[list[Fulfilment], msgspec.Meta(min_length=1)] | None = None
    pausable_by: Names | None = None
    on_change: OnChange = OnChange.CARRY
    may_be_later: bool = False
    warn_before_seconds: Seconds | None = None
    on_reopen: OnReopen | None = None


class Promises(_Form, frozen=True):
    """The outcome of a rule of a commitment policy."""

    promises: Annotated[list[Promise], msgspec.Meta(min_length=1, max_length=PROMISES_MAX)]


DEFAULT = Promises(
    promises=[
        Promise(metric=terms.RESPOND, target=ElapsedTime(seconds=86_400)),
        Promise(metric=terms.RESOLVE, target=ElapsedTime(seconds=5 * 86_400), warn_before_seconds=86_400),
    ]
)
"""What is promised where no policy says anything: an answer within a day, a solution within five."""


def read(then: object) -> Promises:
    """Read a rule's `then`. Raises OutcomeInvalid."""
    try:
        outcome = msgspec.convert(then, Promises)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid([forms.fault_of(error)]) from error
    faults = [
        Fault(f"/promises/{index}/calendar", "A target in working time needs the name of a calendar.")
        for index, promise in enumerate(outcome.promises)
        if promise.calendar is None and not isinstance(promise.target, ElapsedTime)
    ]
    faults += [
        Fault(f"/promises/{index}/client_calendar", "A target in elapsed time counts by no calendar.")
        for index, promise in enumerate(outcome.promises)
        if promise.client_calendar and isinstance(promise.target, ElapsedTime)
    ]
    metrics = [promise.metric for promise in outcome.promises]
    faults += [
        Fault(f"/promises/{index}/metric", f"{metric!r} is promised twice by one rule.")
        for index, metric in enumerate(metrics)
        if metric in metrics[:index]
    ]
    if faults:
        raise OutcomeInvalid(faults)
    return outcome


def calendars_of(outcome: object) -> frozenset[str]:
    """The names of the calendars that the outcome counts by."""
    promises = _promises(outcome).promises
    return frozenset(promise.calendar for promise in promises if promise.calendar is not None)


def targets_of(outcome: object) -> list[kinds.Target]:
    """What the outcome counts by calendars, with its places."""
    return [
        kinds.Target(
            pointer=f"/promises/{index}/target",
            calendar=promise.calendar,
            seconds=promise.target.seconds if isinstance(promise.target, WorkingTime) else None,
            days=promise.target.days
            if isinstance(promise.target, (BusinessDays, EndOfBusinessDay))
            else None,
        )
        for index, promise in enumerate(_promises(outcome).promises)
        if promise.calendar is not None and not isinstance(promise.target, ElapsedTime)
    ]


def metrics_of(outcome: object) -> frozenset[str]:
    """What the outcome promises."""
    return frozenset(promise.metric for promise in _promises(outcome).promises)


def merged(outcomes: Sequence[object]) -> Promises:
    """What several outcomes promise together; of two promises of one metric the earlier one."""
    by_metric: dict[str, Promise] = {}
    for outcome in outcomes:
        for promise in _promises(outcome).promises:
            by_metric.setdefault(promise.metric, promise)
    return Promises(list(by_metric.values()))


def _promises(outcome: object) -> Promises:
    if not isinstance(outcome, Promises):
        raise TypeError(f"not the outcome of a commitment policy: {outcome!r}")
    return outcome


COMMITMENT = Kind(
    name="commitment",
    read_outcome=read,
    write_outcome=msgspec.to_builtins,
    merge=merged,
    calendars_of=calendars_of,
    targets_of=targets_of,
    topics_of=metrics_of,
)


def counted_by(outcome: Promises, client_calendar: str | None) -> Promises:
    """The outcome for a client that goes by this calendar: whatever wants to be counted by it is."""
    if client_calendar is None:
        return outcome
    return Promises(
        [
            msgspec.structs.replace(promise, calendar=client_calendar) if promise.client_calendar else promise
            for promise in outcome.promises
        ]
    )


def terms_of(outcome: Promises, calendars: Mapping[str, CalendarKey]) -> list[Terms]:
    """The terms of each promise, on the versions of the calendars that hold now, by name."""
    return [_terms(promise, calendars) for promise in outcome.promises]


def _terms(promise: Promise, calendars: Mapping[str, CalendarKey]) -> Terms:
    calendar = None if promise.calendar is None else calendars[promise.calendar]
    usual = terms.usual_terms(promise.metric, _target(promise), calendar=calendar)
    changes: dict[str, Any] = {"on_change": promise.on_change, "may_be_later": promise.may_be_later}
    if promise.fulfilled_by is not None:
        changes["fulfilled_by"] = frozenset(promise.fulfilled_by)
    if promise.pausable_by is not None:
        changes["pausable_by"] = frozenset(promise.pausable_by)
    if promise.warn_before_seconds is not None:
        changes["warn_before"] = timedelta(seconds=promise.warn_before_seconds)
    if promise.on_reopen is not None:
        changes["on_reopen"] = promise.on_reopen
    return dataclasses.replace(usual, **changes)


def _target(promise: Promise) -> Target:
    match promise.target:
        case WorkingTime(seconds=seconds):
            return WorkingTarget(seconds)
        case ElapsedTime(seconds=seconds):
            return ElapsedTarget(seconds)
        case BusinessDays(days=days):
            return BusinessDaysTarget(days)
        case EndOfBusinessDay(days=days):
            return EndOfBusinessDayTarget(days)
