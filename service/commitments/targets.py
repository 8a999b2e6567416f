"""How much is promised, as it is written: the JSON form of each unit of a target."""

from datetime import datetime, time
from typing import Annotated

import msgspec

from service.commitments.domain.terms import (
    DAYS_MAX,
    SPAN_MAX,
    BusinessDaysTarget,
    ElapsedTarget,
    EndOfBusinessDayTarget,
    InstantTarget,
    Target,
    TimeOfBusinessDayTarget,
    WorkingTarget,
)

LocalTime = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=int(SPAN_MAX.total_seconds()))]


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a policy may write, and no more."""


class WorkingTime(Form, frozen=True, tag_field="unit", tag="working_time"):
    """So many seconds of the calendar's open time."""

    seconds: Seconds


class ElapsedTime(Form, frozen=True, tag_field="unit", tag="elapsed_time"):
    """So many seconds of wall time; no calendar."""

    seconds: Seconds


class BusinessDays(Form, frozen=True, tag_field="unit", tag="business_days"):
    """So many working days later at the same clock time."""

    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]


class EndOfBusinessDay(Form, frozen=True, tag_field="unit", tag="end_of_business_day"):
    """The last close of the day that lies so many working days later; 0 is today."""

    days: Annotated[int, msgspec.Meta(ge=0, le=DAYS_MAX)]


class TimeOfBusinessDay(Form, frozen=True, tag_field="unit", tag="time_of_business_day"):
    """That local time of the day so many working days later, 0 is today; if it has passed, a day later.

    Not after that day's last close.
    """

    days: Annotated[int, msgspec.Meta(ge=0, le=DAYS_MAX)]
    time: LocalTime


class Instant(Form, frozen=True, tag_field="unit", tag="instant"):
    """A named instant. People promise so; a policy cannot."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]


PolicyTarget = WorkingTime | ElapsedTime | BusinessDays | EndOfBusinessDay | TimeOfBusinessDay
AnyTarget = PolicyTarget | Instant


def target_of(form: AnyTarget) -> Target:
    """What a form asks for."""
    match form:
        case WorkingTime(seconds=seconds):
            return WorkingTarget(seconds)
        case ElapsedTime(seconds=seconds):
            return ElapsedTarget(seconds)
        case BusinessDays(days=days):
            return BusinessDaysTarget(days)
        case EndOfBusinessDay(days=days):
            return EndOfBusinessDayTarget(days)
        case TimeOfBusinessDay(days=days, time=local):
            return TimeOfBusinessDayTarget(days, time.fromisoformat(local))
        case Instant(at=at):
            return InstantTarget(at)
