"""The operations that can be asked for as JSON, on one calendar: read the input, compute, write the answer.

A time ending in `Z` (or with another offset) is an instant, and is answered in UTC with `Z`; one without
offset is local in the calendar's zone, and is answered so.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import cast

from service.calendars.domain.failures import OperationInvalid
from service.calendars.domain.parse import shown, unknown_key
from service.calendars.domain.working_time import (
    BUSINESS_DAYS_MAX,
    HORIZON,
    HORIZON_YEARS,
    WorkingTime,
)
from service.errors import pointer_to
from service.instants import rfc3339

PAUSES_MAX = 1_000

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_PAIR = 2


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time as it was written: the instant, and whether to answer in local time."""

    at: datetime
    is_local: bool


@dataclass(frozen=True, slots=True)
class _Input:
    """The members of an operation's input, read one by one. Everything raises OperationInvalid."""

    working_time: WorkingTime
    members: Mapping[str, object]

    def moment(self, key: str) -> _Moment:
        return self._moment(self.members[key], f"/input/{key}")

    def local(self, key: str) -> datetime:
        """A local time, which must come without an offset."""
        raw, pointer = self.members[key], f"/input/{key}"
        at = _time(raw, pointer)
        if at.tzinfo is not None:
            raise OperationInvalid(pointer, f"{shown(raw)} has an offset; a local time has none.")
        return at

    def span(self, key: str) -> timedelta:
        raw, pointer = self.members[key], f"/input/{key}"
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise OperationInvalid(pointer, f"must be a number of seconds, not {shown(raw)}.")
        if not raw >= 0:  # so that NaN is refused too
            raise OperationInvalid(pointer, f"must be 0 or more, not {shown(raw)}.")
        if raw > HORIZON.total_seconds():
            detail = f"{shown(raw)} seconds pass the horizon of {HORIZON_YEARS} years; ask for less."
            raise OperationInvalid(pointer, detail)
        return timedelta(seconds=raw)

    def days(self, key: str, *, least: int = -BUSINESS_DAYS_MAX) -> int:
        raw, pointer = self.members[key], f"/input/{key}"
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise OperationInvalid(pointer, f"must be a whole number of days, not {shown(raw)}.")
        if not least <= raw <= BUSINESS_DAYS_MAX:
            detail = f"must lie between {least} and {BUSINESS_DAYS_MAX} (the horizon), not {shown(raw)}."
            raise OperationInvalid(pointer, detail)
        return raw

    def flag(self, key: str) -> bool:
        raw = self.members.get(key, False)
        if not isinstance(raw, bool):
            raise OperationInvalid(f"/input/{key}", f"must be true or false, not {shown(raw)}.")
        return raw

    def pauses(self) -> list[tuple[datetime, datetime | None]]:
        raw = self.members.get("pauses", [])
        if not isinstance(raw, list):
            raise OperationInvalid("/input/pauses", f"must be a list of pauses, not {shown(raw)}.")
        entries = cast("list[object]", raw)
        if len(entries) > PAUSES_MAX:
            detail = f"has {len(entries)} entries; at most {PAUSES_MAX} are allowed."
            raise OperationInvalid("/input/pauses", detail)
        return [self._pause(entry, f"/input/pauses/{place}") for place, entry in enumerate(entries)]

    def _pause(self, raw: object, pointer: str) -> tuple[datetime, datetime | None]:
        pair = cast("list[object]", raw) if isinstance(raw, list) else []
        if len(pair) != _PAIR:
            detail = f"must be a start and an end (null if none), not {shown(cast('object', raw))}."
            raise OperationInvalid(pointer, detail)
        start = self._moment(pair[0], f"{pointer}/0").at
        return start, None if pair[1] is None else self._moment(pair[1], f"{pointer}/1").at

    def _moment(self, raw: object, pointer: str) -> _Moment:
        at = _time(raw, pointer)
        try:
            if at.tzinfo is None:
                return _Moment(self.working_time.local_to_utc(at), is_local=True)
            return _Moment(at.astimezone(UTC), is_local=False)
        except OverflowError as error:
            raise OperationInvalid(pointer, f"{shown(raw)} is outside the years that exist.") from error


@dataclass(frozen=True, slots=True)
class _Operation:
    """What an operation needs, may have, and does."""

    apply: Callable[[WorkingTime, _Input], object]
    required: Sequence[str]
    optional: Sequence[str] = ()


def answer(working_time: WorkingTime, op: object, raw_input: object) -> object:
    """The result of one operation, as JSON.

    Raises:
        OperationInvalid: the operation or its input is not understood, with the place.
        BeyondHorizon: the answer lies too far away, or there is none.
        NeverDue: a pause has no end.
    """
    operation = OPERATIONS.get(op) if isinstance(op, str) else None
    if operation is None:
        raise OperationInvalid("/op", f"unknown operation {shown(op)}; known are {', '.join(OPERATIONS)}.")
    return operation.apply(working_time, _read(working_time, operation, raw_input))


def _read(working_time: WorkingTime, operation: _Operation, raw: object) -> _Input:
    if not isinstance(raw, dict):
        raise OperationInvalid("/input", f"must be an object, not {shown(raw)}.")
    members = cast("dict[str, object]", raw)
    known = (*operation.required, *operation.optional)
    for key in members:
        if key not in known:
            raise OperationInvalid(pointer_to("/input", key), unknown_key(key, known))
    for key in operation.required:
        if key not in members:
            raise OperationInvalid(f"/input/{key}", "is missing.")
    return _Input(working_time, members)


def _time(raw: object, pointer: str) -> datetime:
    if not isinstance(raw, str) or not _TIME.fullmatch(raw):
        detail = f"must be a time such as '2026-01-05T09:00:00Z', or without Z when local, not {shown(raw)}."
        raise OperationInvalid(pointer, detail)
    try:
        return datetime.fromisoformat(raw)
    except ValueError as error:
        raise OperationInvalid(pointer, f"{raw!r} is not a time of the calendar.") from error


def _written(working_time: WorkingTime, at: datetime, *, like: _Moment) -> str:
    if like.is_local:
        return working_time.to_local(at).isoformat()
    return rfc3339(at)


def _seconds(span: timedelta) -> float:
    return span // timedelta(seconds=1) if not span.microseconds else span.total_seconds()


def _due(working_time: WorkingTime, given: _Input) -> str:
    start = given.moment("start")
    due = working_time.due(start.at, given.span("seconds"), pauses=given.pauses())
    return _written(working_time, due, like=start)


def _before(working_time: WorkingTime, given: _Input) -> str:
    end = given.moment("end")
    return _written(working_time, working_time.before(end.at, given.span("seconds")), like=end)


def _elapsed(working_time: WorkingTime, given: _Input) -> float:
    return _seconds(working_time.elapsed(given.moment("start").at, given.moment("end").at))


def _elapsed_paused(working_time: WorkingTime, given: _Input) -> float:
    ended: list[tuple[datetime, datetime]] = []
    for place, (start, end) in enumerate(given.pauses()):
        if end is None:
            raise OperationInvalid(f"/input/pauses/{place}/1", "a pause without an end has no length.")
        ended.append((start, end))
    return _seconds(working_time.elapsed_paused(ended))


def _biz_days(working_time: WorkingTime, given: _Input) -> str:
    start = given.moment("start")
    reached = working_time.next_business_days(start.at, given.days("days", least=0))
    return _written(working_time, reached, like=start)


def _glpi_days(working_time: WorkingTime, given: _Input) -> str:
    return _written(working_time, _business_day(working_time, given), like=given.moment("start"))


def _glpi_days_then_due(working_time: WorkingTime, given: _Input) -> str:
    reached, then = _business_day(working_time, given), given.span("then_seconds")
    return _written(
        working_time, working_time.due(reached, then) if then else reached, like=given.moment("start")
    )


def _business_day(working_time: WorkingTime, given: _Input) -> datetime:
    start, days = given.moment("start").at, given.days("days")
    if given.flag("end_of_day"):
        return working_time.end_of_business_day(start, days)
    return working_time.business_days(start, days)


def _local_to_utc(working_time: WorkingTime, given: _Input) -> str:
    local = given.local("local")
    try:
        at = working_time.local_to_utc(local)
    except OverflowError as error:
        raise OperationInvalid("/input/local", "is outside the years that exist.") from error
    return _written(working_time, at, like=_Moment(at, is_local=False))


OPERATIONS: Mapping[str, _Operation] = MappingProxyType(
    {
        "due": _Operation(_due, required=("start", "seconds"), optional=("pauses",)),
        "before": _Operation(_before, required=("end", "seconds")),
        "elapsed": _Operation(_elapsed, required=("start", "end")),
        "elapsed_paused": _Operation(_elapsed_paused, required=("pauses",)),
        "biz_days": _Operation(_biz_days, required=("start", "days")),
        "glpi_days": _Operation(_glpi_days, required=("start", "days"), optional=("end_of_day",)),
        "glpi_days_then_due": _Operation(
            _glpi_days_then_due, required=("start", "days", "then_seconds"), optional=("end_of_day",)
        ),
        "local_to_utc": _Operation(_local_to_utc, required=("local",)),
    }
)
"""Every operation, by the name that the published vectors give it."""
