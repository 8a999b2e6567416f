"""Facts as they come, in the shape of JSON, into the typed values that conditions are evaluated on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from service.errors import pointer_to
from service.rules.language import times
from service.rules.language.faults import FactFault
from service.rules.language.lex import INT_MAX, INT_MIN
from service.rules.language.types import DYN, Declarations, Type, TypeName
from service.rules.language.values import Duration, Facts, Timestamp, Value

FACTS_DEPTH_MAX = 16
FACTS_VALUES_MAX = 10_000
FAULTS_MAX = 20
TOO_MANY = f"The facts have more than {FACTS_VALUES_MAX:,} values."
DOUBLE_EXACT_MAX = 2**53
"""Above it not every integer is a double; one that comes for a double is refused rather than rounded."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Facts ready for evaluation. A fact with a fault is left out: it is absent."""

    facts: Facts
    faults: tuple[FactFault, ...]


def bind(
    facts: Mapping[str, object], declarations: Declarations, *, groups: frozenset[str] | None = None
) -> Bound:
    """Give facts their declared types; undeclared ones keep the type that their JSON has.

    A fact may be given nested, `{"request": {"priority": "P1"}}`, or by its dotted name,
    `{"request.priority": "P1"}`; when both are given, the longer name wins. Null is absent. Datetimes and
    timedeltas are taken as they are.

    Args:
        facts: as JSON.
        declarations: of some of them.
        groups: `groups_of(declarations)`, for whoever binds by the same ones again and again.
    """
    groups = groups_of(declarations) if groups is None else groups
    bound, binder = _bound(facts, _Binder(declarations, groups))
    if binder.are_too_many:  # what is left out then must not hang on the order in which they come
        bound, binder = _bound(_in_order(dict(facts)), _Binder(declarations, groups))
    return Bound(bound, tuple(binder.faults))


def _bound(facts: Mapping[str, object], binder: "_Binder") -> tuple[dict[str, Value], "_Binder"]:
    bound: dict[str, Value] = {}
    for name in sorted(facts, key=_segments):
        value = binder.named(name, facts[name], DYN, pointer_to("", name), 1)
        if value is not None and not _insert(bound, _path(name), value):
            binder.refuse(
                pointer_to("", name), f"A part of the name `{name}` is itself a fact with a plain value."
            )
    return bound, binder


def _in_order(facts: Any, depth: int = 0) -> Any:
    """The facts by their names, those below others too, but for what is refused as a whole."""
    if depth > FACTS_DEPTH_MAX or not isinstance(facts, dict | list):
        return facts
    found = cast("dict[str, object] | list[object]", facts)
    if len(found) > FACTS_VALUES_MAX:
        return found
    if isinstance(found, list):
        return [_in_order(each, depth + 1) for each in found]
    return {name: _in_order(found[name], depth + 1) for name in sorted(found)}


def groups_of(declarations: Declarations) -> frozenset[str]:
    """The names that have declared facts below them."""
    found: set[str] = set()
    above = {*declarations}
    while above:
        above = {name.rpartition(".")[0] for name in above} - {""}
        found |= above
    return frozenset(found)


def _segments(name: str) -> int:
    return len(_path(name))


def _path(name: str) -> list[str]:
    path = name.split(".")
    return path if all(path) else [name]


def _insert(bound: dict[str, Value], path: list[str], value: Value) -> bool:
    group = bound
    for segment in path[:-1]:
        inner = group.setdefault(segment, {})
        if not isinstance(inner, dict):
            return False
        group = inner
    group[path[-1]] = value
    return True


@dataclass(slots=True)
class _Binder:
    declarations: Declarations
    groups: frozenset[str]
    faults: list[FactFault] = field(default_factory=list[FactFault])
    values: int = 0
    are_too_many: bool = False

    def refuse(self, pointer: str, message: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(FactFault(pointer, message))

    def named(self, name: str, given: object, otherwise: Type, pointer: str, depth: int) -> Value:
        """The value of the fact called `name`, or of the group of facts whose names begin with it.

        `otherwise` is the type of what is not declared by its own name.
        """
        declared = self.declarations.get(name)
        wanted = otherwise if declared is None else declared.type
        if isinstance(given, dict) and (name in self.groups or (declared is None and wanted == DYN)):
            return self._group(name, cast("dict[str, object]", given), wanted.element or DYN, pointer, depth)
        if name in self.groups and given is not None and declared is None:
            self.refuse(pointer, f"Expected a map: there are facts below `{name}`.")
            return None
        return self.value(cast("object", given), wanted, pointer, depth)

    def _group(self, name: str, given: dict[str, object], otherwise: Type, pointer: str, depth: int) -> Value:
        if not self._is_within_bounds(pointer, depth):
            return None
        if len(given) > FACTS_VALUES_MAX:
            self.are_too_many = True
            self.refuse(pointer, TOO_MANY)
            return None
        group: dict[str, Value] = {}
        for key, inner in given.items():
            value = self.named(f"{name}.{key}", inner, otherwise, pointer_to(pointer, key), depth + 1)
            if value is not None and self._is_text(key, pointer):
                group[key] = value
            if self.values > FACTS_VALUES_MAX:
                break
        return group

    def value(self, given: object, wanted: Type, pointer: str, depth: int) -> Value:
        """`given` as the wanted type; None when it is null or refused."""
        if given is None or not self._is_within_bounds(pointer, depth):
            return None
        convert = _CONVERSIONS[wanted.name]
        outcome = convert(self, given, wanted, pointer, depth)
        if isinstance(outcome, FactFault):
            self.refuse(outcome.pointer, outcome.message)
            return None
        return outcome

    def _is_within_bounds(self, pointer: str, depth: int) -> bool:
        self.values += 1
        if self.values > FACTS_VALUES_MAX:
            self.are_too_many = True
            if self.values == FACTS_VALUES_MAX + 1:
                self.refuse(pointer, TOO_MANY)
            return False
        if depth > FACTS_DEPTH_MAX:
            self.refuse(pointer, f"The facts are nested deeper than {FACTS_DEPTH_MAX} levels.")
            return False
        return True

    def _is_text(self, text: str, pointer: str) -> bool:
        fault = _text(text, pointer)
        if isinstance(fault, FactFault):
            self.refuse(fault.pointer, fault.message)
            return False
        return True

    def items(self, given: list[object], element: Type, pointer: str, depth: int) -> list[Value]:
        """A list's items. Null keeps its place, so that positions stay what they are."""
        return [self.value(one, element, pointer_to(pointer, at), depth + 1) for at, one in enumerate(given)]

    def entries(self, given: dict[str, object], element: Type, pointer: str, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key, inner in given.items():
            value = self.value(inner, element, pointer_to(pointer, key), depth + 1)
            if value is not None and self._is_text(key, pointer):
                found[key] = value
        return found


_Outcome = Value | FactFault
_Conversion = Callable[[_Binder, Any, Type, str, int], _Outcome]


def _mismatch(given: object, wanted: str, pointer: str) -> FactFault:
    names: dict[type, str] = {
        bool: "bool",
        int: "int",
        float: "double",
        str: "string",
        list: "list",
        dict: "map",
    }
    return FactFault(pointer, f"Expected {wanted}, found {names.get(type(given), type(given).__name__)}.")


def _text(given: str, pointer: str) -> _Outcome:
    try:
        given.encode()
    except UnicodeEncodeError:
        return FactFault(pointer, "The string is not valid Unicode: it holds a lone surrogate.")
    return given


def _int(given: int, pointer: str) -> _Outcome:
    if INT_MIN <= given <= INT_MAX:
        return given
    return FactFault(pointer, f"The integer does not fit into 64 bits ({INT_MIN} to {INT_MAX}).")


def _double(given: float, pointer: str) -> _Outcome:
    if not math.isfinite(given):
        return FactFault(pointer, "NaN and Infinity are no numbers of JSON.")
    return given + 0.0  # of the zeros only the one without a sign can be kept


def _to_bool(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    return given if isinstance(given, bool) else _mismatch(given, "bool", pointer)


def _to_int(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    if isinstance(given, float) and given.is_integer():
        return _int(int(given), pointer)
    return _int(given, pointer) if type(given) is int else _mismatch(given, "int", pointer)


def _to_double(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    if isinstance(given, float):
        return _double(given, pointer)
    if type(given) is not int:
        return _mismatch(given, "double", pointer)
    if abs(given) > DOUBLE_EXACT_MAX:
        return FactFault(pointer, "The integer is too large to be a double without rounding (2^53).")
    return float(given)


def _to_string(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    return _text(given, pointer) if isinstance(given, str) else _mismatch(given, "string", pointer)


def _to_timestamp(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    if isinstance(given, Timestamp):
        return given
    if isinstance(given, datetime):
        return _instant(given, pointer)
    expected = "a timestamp by RFC 3339 within the years 1 to 9999, as in 2026-03-02T09:00:00Z"
    if not isinstance(given, str):
        return _mismatch(given, expected, pointer)
    return times.timestamp_from_text(given) or FactFault(pointer, f"Expected {expected}.")


def _to_duration(_binder: _Binder, given: object, _wanted: Type, pointer: str, _depth: int) -> _Outcome:
    if isinstance(given, Duration):
        return given
    if isinstance(given, timedelta):
        return _span(given, pointer)
    expected = "a duration of at most 292 years, as in 1h30m or 5400s"
    if not isinstance(given, str):
        return _mismatch(given, expected, pointer)
    return times.duration_from_text(given) or FactFault(pointer, f"Expected {expected}.")


def _instant(given: datetime, pointer: str) -> _Outcome:
    if given.utcoffset() is None:
        return FactFault(pointer, "The time has no offset from UTC.")
    return times.timestamp_of(given)


def _span(given: timedelta, pointer: str) -> _Outcome:
    return times.duration_of(given) or FactFault(pointer, "The duration is longer than 292 years.")


def _to_list(binder: _Binder, given: object, wanted: Type, pointer: str, depth: int) -> _Outcome:
    if not isinstance(given, list):
        return _mismatch(given, str(wanted), pointer)
    if binder.values + len(cast("list[object]", given)) > FACTS_VALUES_MAX:
        binder.are_too_many = True
        return FactFault(pointer, TOO_MANY)
    return binder.items(cast("list[object]", given), wanted.element or DYN, pointer, depth)


def _to_map(binder: _Binder, given: object, wanted: Type, pointer: str, depth: int) -> _Outcome:
    if not isinstance(given, dict):
        return _mismatch(given, str(wanted), pointer)
    if binder.values + len(cast("dict[str, object]", given)) > FACTS_VALUES_MAX:
        binder.are_too_many = True
        return FactFault(pointer, TOO_MANY)
    return binder.entries(cast("dict[str, object]", given), wanted.element or DYN, pointer, depth)


def _as_it_is(
    _binder: _Binder, given: Timestamp | Duration, _wanted: Type, _pointer: str, _depth: int
) -> _Outcome:
    return given


_BY_CLASS: dict[type, _Conversion] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_double,
    str: _to_string,
    list: _to_list,
    dict: _to_map,
    datetime: _to_timestamp,
    timedelta: _to_duration,
    Timestamp: _as_it_is,
    Duration: _as_it_is,
}


def _to_what_it_is(binder: _Binder, given: object, _wanted: Type, pointer: str, depth: int) -> _Outcome:
    convert = _BY_CLASS.get(type(given))
    if convert is None:
        return FactFault(pointer, f"A {type(given).__name__} is no value of JSON.")
    return convert(binder, given, DYN, pointer, depth)


_CONVERSIONS: dict[TypeName, _Conversion] = {
    TypeName.BOOL: _to_bool,
    TypeName.INT: _to_int,
    TypeName.DOUBLE: _to_double,
    TypeName.STRING: _to_string,
    TypeName.TIMESTAMP: _to_timestamp,
    TypeName.DURATION: _to_duration,
    TypeName.LIST: _to_list,
    TypeName.MAP: _to_map,
    TypeName.DYN: _to_what_it_is,
}
