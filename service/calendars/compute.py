"""Many computations in one go, behind `POST /v1/calendars/compute` and `rooted calendar compute FILE`."""

import json
from collections.abc import Sequence
from typing import cast

import msgspec

from service.calendars import countries
from service.calendars.domain import (
    CalendarInvalid,
    WorkingTime,
    compile_calendar,
    operations,
    parse_definition,
)
from service.calendars.errors import ComputeFileInvalid
from service.errors import Invalid

DAYS_WALKED_MAX = 300 * 366
"""Work that one call over HTTP may cause, in dates looked at. The published vectors need a sixth of it."""

Answer = dict[str, object]
"""`{"id"?, "result"}` or `{"id"?, "error"}`; the id is there when the item had one."""


class _Refused(Exception):
    """Why one item has no result."""


class _Calendars:
    """The calendars of one call, each compiled once however many items name it."""

    def __init__(self) -> None:
        self._compiled: dict[str, WorkingTime | CalendarInvalid] = {}

    def get(self, raw: object) -> WorkingTime:
        key = json.dumps(raw, sort_keys=True)
        if key not in self._compiled:
            self._compiled[key] = _compiled(raw)
        found = self._compiled[key]
        if isinstance(found, CalendarInvalid):
            raise found
        return found

    def days_walked(self) -> int:
        found = self._compiled.values()
        return sum(entry.days_walked for entry in found if isinstance(entry, WorkingTime))


def compute(items: Sequence[object], *, days_walked_max: int | None = None) -> list[Answer]:
    """Answer every item `{id?, calendar, op, input}`, in order. A bad one gets an error and spoils no other.

    Args:
        items: decoded JSON; nothing about it is trusted.
        days_walked_max: the work after which the remaining items are refused; None for no bound.
    """
    calendars = _Calendars()
    answers: list[Answer] = []
    for item in items:
        spent = days_walked_max is not None and calendars.days_walked() > days_walked_max
        try:
            outcome: Answer = {"result": _result(calendars, item, spent=spent)}
        except _Refused as refusal:
            outcome = {"error": str(refusal)}
        answers.append(_identity(item) | outcome)
    return answers


def compute_file(content: bytes) -> list[Answer]:
    """Answer a file: a JSON list of items, or an object with such a list under `vectors`.

    Raises:
        ComputeFileInvalid: it is not JSON, or neither of the two.
    """
    try:
        decoded: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ComputeFileInvalid(f"The file is not JSON: {error}") from error
    items = cast("dict[str, object]", decoded).get("vectors") if isinstance(decoded, dict) else decoded
    if not isinstance(items, list):
        raise ComputeFileInvalid(
            'The file holds no computations; it must be a list of {"calendar", "op", "input"}, '
            'or an object with that list under "vectors".'
        )
    return compute(cast("list[object]", items))


def _result(calendars: _Calendars, item: object, *, spent: bool) -> object:
    if spent:
        raise _Refused("This call has used up its share of work; send the items from here on in another.")
    if not isinstance(item, dict):
        raise _Refused('An item is an object {"calendar", "op", "input"}.')
    members = cast("dict[str, object]", item)
    for key in ("calendar", "op", "input"):
        if key not in members:
            raise _Refused(f"/{key}: is missing.")
    try:
        return operations.answer(calendars.get(members["calendar"]), members["op"], members["input"])
    except CalendarInvalid as error:
        places = (f"/calendar{fault.pointer}: {fault.detail}" for fault in error.faults)
        raise _Refused(" ".join(places)) from error
    except Invalid as error:
        raise _Refused(str(error)) from error


def _compiled(raw: object) -> WorkingTime | CalendarInvalid:
    try:
        return compile_calendar(parse_definition(raw, country_dates=countries.dates))
    except CalendarInvalid as error:
        return error


def _identity(item: object) -> Answer:
    if not isinstance(item, dict):
        return {}
    members = cast("dict[str, object]", item)
    given = members.get("id")
    return {"id": given} if isinstance(given, str | int) else {}
