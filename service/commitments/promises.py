"""What a rule of a commitment policy promises: its JSON form, and the terms made of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from service import forms
from service.commitments import targets
from service.commitments.domain import terms
from service.commitments.domain.terms import (
    CalendarKey,
    ElapsedTarget,
    Level,
    OnChange,
    OnReopen,
    Silence,
    Terms,
)
from service.commitments.targets import (
    BusinessDays,
    ElapsedTime,
    EndOfBusinessDay,
    Form,
    PolicyTarget,
    Seconds,
    TimeOfBusinessDay,
    WorkingTime,
)
from service.errors import Fault
from service.rules import domain as kinds
from service.rules.domain import Kind
from service.rules.errors import OutcomeInvalid

PROMISES_MAX = 20
NAMES_MAX = 20

Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Names = Annotated[list[Name], msgspec.Meta(max_length=NAMES_MAX)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Holder = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Whose(StrEnum):
    """Whose calendar a promise counts by, where there is one."""

    CLIENT = "client"
    """The one that its register names."""
    SERVICE = "service"
    """The hours that its register names."""
    GROUP = "group"
    """That of the group which the request is assigned to."""
    REQUEST = "request"
    """The one that `request.custom.calendar` names."""


class Renegotiation(Form, frozen=True, kw_only=True):
    """How it is renegotiated, once it cannot be kept: how long an answer may take, and what silence means."""

    answer_within_seconds: Seconds | None = None
    silence: Silence = Silence.DECLINED


class Promise(Form, frozen=True, kw_only=True):
    """One promise. What is left out is as usual for the metric (`terms.usual_terms`).

    With `calendar_of` it counts by the calendar of the client, the service, the group or the request, if
    there is one, and else by `calendar`; `client_calendar` is the older way to say `calendar_of: client`.
    `held_by` is the group, or the supplier, whose time alone counts, of an `ola` or a `uc`; `part_of` names
    the metric on whose way that lies.
    """

    metric: Name
    target: PolicyTarget
    calendar: str | None = None
    client_calendar: bool = False
    calendar_of: Whose | None = None
    level: Level = Level.SLA
    held_by: Holder | None = None
    part_of: Name | None = None
    fulfilled_by: Annotated[Names, msgspec.Meta(min_length=1)] | None = None
    restarts_by: Names | None = None
    pausable_by: Names | None = None
    on_change: OnChange = OnChange.CARRY
    may_be_later: bool = False
    warn_before_seconds: Seconds | None = None
    on_reopen: OnReopen | None = None
    renegotiate_above: Share | None = None
    renegotiation: Renegotiation | None = None

    @property
    def counts_by(self) -> Whose | None:
        return Whose.CLIENT if self.client_calendar else self.calendar_of


class Promises(Form, frozen=True):
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
        Fault(f"/promises/{index}/{fault.pointer}", fault.detail)
        for index, promise in enumerate(outcome.promises)
        for fault in (*_faults_of_calendar(promise), *_faults_of_level(promise), *_faults_of_cycle(promise))
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


def _faults_of_calendar(promise: Promise) -> list[Fault]:
    is_elapsed = isinstance(promise.target, ElapsedTime)
    if promise.calendar is None and not is_elapsed:
        return [Fault("calendar", "A target in working time needs the name of a calendar.")]
    named = "client_calendar" if promise.client_calendar else "calendar_of"
    if promise.counts_by is not None and is_elapsed:
        return [Fault(named, "A target in elapsed time counts by no calendar.")]
    if promise.client_calendar and promise.calendar_of is not None:
        return [Fault(named, "Say `calendar_of` alone; this is the older way to say `client`.")]
    return []


def _faults_of_level(promise: Promise) -> list[Fault]:
    if promise.level is not Level.SLA:
        return []
    told = "Only an `ola` or a `uc` has this; what is promised to the client is of level `sla`."
    return [Fault(name, told) for name in ("held_by", "part_of") if getattr(promise, name) is not None]


def _faults_of_cycle(promise: Promise) -> list[Fault]:
    """What begins the next cycle must fulfil the one before."""
    usual = terms.usual_terms(promise.metric, ElapsedTarget(1), calendar=None)
    fulfilled_by = usual.fulfilled_by if promise.fulfilled_by is None else promise.fulfilled_by
    if promise.restarts_by is None:
        lacking = set(usual.restarts_by) - set(fulfilled_by)
        told = f"{', '.join(sorted(lacking))} begins the next cycle, and must fulfil the one before."
        return [Fault("fulfilled_by", told)] if lacking else []
    told = "This does not fulfil the promise, and cannot begin the next cycle; add it to `fulfilled_by`."
    return [
        Fault(f"restarts_by/{place}", told)
        for place, name in enumerate(promise.restarts_by)
        if name not in fulfilled_by
    ]


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
            if isinstance(promise.target, (BusinessDays, EndOfBusinessDay, TimeOfBusinessDay))
            else None,
        )
        for index, promise in enumerate(_promises(outcome).promises)
        if promise.calendar is not None and not isinstance(promise.target, ElapsedTime)
    ]


def promised_of(outcome: object) -> list[kinds.Promised]:
    """What the outcome promises, as far as OLAs must fit into it, and ladders hang on it."""
    return [
        kinds.Promised(
            pointer=f"/promises/{index}/target",
            metric=promise.metric,
            level=promise.level.value,
            part_of=promise.part_of,
            unit=str(promise.target.__struct_config__.tag),
            amount=_amount(promise.target),
            in_seconds=isinstance(promise.target, WorkingTime | ElapsedTime),
            counted_by=_counted_by_words(promise),
        )
        for index, promise in enumerate(_promises(outcome).promises)
    ]


def deeds_of(outcome: object) -> list[kinds.Deed]:
    """What fulfils the outcome's promises where a rule says so, with its places."""
    return [
        kinds.Deed(pointer=f"/promises/{index}/fulfilled_by/{place}", name=name, usual=terms.USUAL_DEEDS)
        for index, promise in enumerate(_promises(outcome).promises)
        for place, name in enumerate(promise.fulfilled_by or ())
    ]


def _amount(target: PolicyTarget) -> int:
    return target.seconds if isinstance(target, WorkingTime | ElapsedTime) else target.days


def _counted_by_words(promise: Promise) -> str:
    """Whose time counts, such as `the client's calendar, else 'office'`; empty for the wall clock."""
    if promise.calendar is None:
        return ""
    named = repr(promise.calendar)
    return named if promise.counts_by is None else f"the {promise.counts_by}'s calendar, else {named}"


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
    promised_of=promised_of,
    deeds_of=deeds_of,
    topics_of=metrics_of,
)


def asked_of(outcome: Promises) -> frozenset[Whose]:
    """Whose calendars the outcome would count by, if there are any."""
    return frozenset(promise.counts_by for promise in outcome.promises if promise.counts_by is not None)


def counted_by(outcome: Promises, calendars: Mapping[Whose, str]) -> Promises:
    """The outcome, counted by these calendars where it wants to be."""
    return Promises([_counted_by(promise, calendars) for promise in outcome.promises])


def _counted_by(promise: Promise, calendars: Mapping[Whose, str]) -> Promise:
    if promise.counts_by is None or promise.counts_by not in calendars:
        return promise
    return msgspec.structs.replace(promise, calendar=calendars[promise.counts_by])


def terms_of(outcome: Promises, calendars: Mapping[str, CalendarKey]) -> list[Terms]:
    """The terms of each promise, on the versions of the calendars that hold now, by name."""
    return [_terms(promise, calendars) for promise in outcome.promises]


def _terms(promise: Promise, calendars: Mapping[str, CalendarKey]) -> Terms:
    calendar = None if promise.calendar is None else calendars[promise.calendar]
    usual = terms.usual_terms(promise.metric, targets.target_of(promise.target), calendar=calendar)
    asked = promise.renegotiation or Renegotiation()
    changes: dict[str, Any] = {
        "on_change": promise.on_change,
        "may_be_later": promise.may_be_later,
        "warn_before": _span(promise.warn_before_seconds),
        "level": promise.level,
        "held_by": promise.held_by,
        "renegotiate_above": promise.renegotiate_above,
        "answer_within": _span(asked.answer_within_seconds),
        "silence": asked.silence,
    }
    for name in ("fulfilled_by", "restarts_by", "pausable_by"):
        if (said := getattr(promise, name)) is not None:
            changes[name] = frozenset(said)
    if promise.on_reopen is not None:
        changes["on_reopen"] = promise.on_reopen
    return dataclasses.replace(usual, **changes)


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
