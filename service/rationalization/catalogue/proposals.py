"""A change that is approved beforehand, made from changes that were done: what they shared, and what varied.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from service.errors import Fault
from service.ids import RequestId
from service.rationalization.catalogue.fields import FIELDS_MAX, VALUE_CHARACTERS_MAX
from service.rules.language import times
from service.rules.vocabulary import RequestType
from service.tenants.profiles import FACT_NAME

Custom = Mapping[str, Any]
"""What a request says under `custom`."""


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """What a proposal stands on.

    Attributes:
        requests: the changes that it was made from.
        since: from when on changes like them were looked for.
        alike: how many were done that have all in common that these share, these among them.
        reviewed: of how many of them it was looked at what came of them.
        succeeded: how many of these were a success.
        with_accidents: to how many of them an accident is linked.
        fixed: the fields in which all said the same.
        varied: the fields in which they did not.
        left_out: what they said that cannot be a field.
    """

    requests: list[RequestId]
    since: datetime
    alike: int
    reviewed: int
    succeeded: int
    with_accidents: int
    fixed: list[str]
    varied: list[str]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Shared:
    """What several changes say, as the fields of a type."""

    fixed: Mapping[str, Any]
    varied: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def fields(self) -> dict[str, Any]:
        consts = {name: {**_schema([value]), "const": value} for name, value in self.fixed.items()}
        return {
            "type": "object",
            "properties": {**consts, **self.varied},
            "required": sorted({*self.fixed, *self.required}),
            "additionalProperties": False,
        }


def shared(said: Sequence[Custom]) -> Shared:
    """What these changes have in common, and in what they differ. An instant is never in common."""
    names = sorted({name for each in said for name in each})
    fixed: dict[str, Any] = {}
    varied: dict[str, Mapping[str, Any]] = {}
    left_out: list[str] = []
    for name in names:
        values = [each[name] for each in said if name in each]
        schema = _schema(values)
        if not schema or not FACT_NAME.fullmatch(name) or len(fixed) + len(varied) >= FIELDS_MAX:
            left_out.append(name)
        elif len(values) == len(said) and _is_fixed(values, schema):
            fixed[name] = values[0]
        else:
            varied[name] = schema
    required = tuple(name for name in varied if all(name in each for each in said))
    return Shared(fixed, varied, required, tuple(left_out))


def is_alike(said: Custom, fixed: Custom) -> bool:
    """Does a change say all that the others have in common?"""
    return all(name in said and _is_same(said[name], value) for name, value in fixed.items())


def document(title: str, found: Shared, proven: Proven, *, service: str | None) -> dict[str, Any]:
    """The first version of the type."""
    description = (
        f"Approved beforehand: {proven.alike} changes like it were done since {proven.since:%Y-%m-%d}."
    )
    written = {"title": title, "description": description, "fields": found.fields, "standard": True}
    return written if service is None else {**written, "service": service}


def faults_of(at: int, family: RequestType, *, wanted: RequestType, is_done: bool) -> list[Fault]:
    """Why a change may not be named as proven.

    Args:
        at: its place in the list.
        family: what it is.
        wanted: what the first one is.
        is_done: whether it was resolved or closed.
    """
    place = f"/requests/{at}"
    if family not in {RequestType.CHANGE, RequestType.PLAN_CHANGE}:
        return [Fault(place, f"It is no change, but {family.value}; name changes that were done.")]
    if family is not wanted:
        return [Fault(place, f"It is a {family.value}, and the first one a {wanted.value}; name one kind.")]
    if not is_done:
        return [Fault(place, "It was not done yet; name changes that are resolved or closed.")]
    return []


def _is_fixed(values: Sequence[Any], schema: Mapping[str, Any]) -> bool:
    if schema.get("format") == "date-time" or schema["type"] == "array":
        return False
    is_short = not isinstance(values[0], str) or len(values[0]) <= VALUE_CHARACTERS_MAX
    return is_short and all(_is_same(value, values[0]) for value in values)


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _schema(values: Sequence[object]) -> dict[str, Any]:
    """The schema of a field that took these values; empty where it cannot be one."""
    if all(isinstance(value, list) for value in values):
        items = [item for value in values for item in cast("list[object]", value)]
        of = _schema(items) if items else {}
        return {"type": "array", "items": of} if of and of["type"] != "array" else {}
    kinds = {_KINDS.get(type(value)) for value in values}
    if kinds == {"string"} and all(times.timestamp_from_text(str(value)) is not None for value in values):
        return {"type": "string", "format": "date-time"}
    if kinds == {"integer", "number"}:
        return {"type": "number"}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {} if kind is None else {"type": kind}


_KINDS: Mapping[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
