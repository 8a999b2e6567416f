"""The operators and functions chosen by the types of their operands: one table for checker and evaluator."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from service.rules.language import accessors, patterns, times
from service.rules.language.lex import INT_MAX, INT_MIN
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    LIST,
    MAP,
    STRING,
    TIMESTAMP,
    Type,
    TypeName,
)
from service.rules.language.values import Duration, Refusal, Timestamp, Value

TEXT_LENGTH_MAX = 100_000
"""Code points in the result of a concatenation."""
ITEMS_MAX = 10_000
"""Items in the result of a concatenation."""

_INT_TEXT = re.compile(r"[+-]?\d{1,32}", re.ASCII)
_DOUBLE_TEXT = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|infinity|nan)", re.ASCII | re.IGNORECASE
)
_NUMBER_TEXT_LENGTH_MAX = 400
_TRUE_TEXTS = frozenset({"1", "t", "true", "TRUE", "True"})
_FALSE_TEXTS = frozenset({"0", "f", "false", "FALSE", "False"})
_NS = times.NANOSECONDS

_INT_OVERFLOW = Refusal("integer overflow: the result does not fit into 64 bits")
_TIMESTAMP_RANGE = Refusal("timestamp out of range: the years are 1 to 9999")
_DURATION_RANGE = Refusal("duration out of range: at most 2^63 nanoseconds, about 292 years")


@dataclass(frozen=True, slots=True)
class Overload:
    """One meaning of an operator or function.

    Attributes:
        name: the operator's symbol or the function's name.
        is_member: called as `first.name(rest)`; else as `name(first, rest)` or as an operator.
        parameters: the types asked for, the target included.
        result: the type of the value.
        run: computes it; a `Refusal` when these operands have none.
    """

    name: str
    is_member: bool
    parameters: tuple[Type, ...]
    result: Type
    run: Callable[..., Value | Refusal]


def _int_or_overflow(value: int) -> int | Refusal:
    return value if INT_MIN <= value <= INT_MAX else _INT_OVERFLOW


def _add_ints(left: int, right: int) -> int | Refusal:
    return _int_or_overflow(left + right)


def _subtract_ints(left: int, right: int) -> int | Refusal:
    return _int_or_overflow(left - right)


def _multiply_ints(left: int, right: int) -> int | Refusal:
    return _int_or_overflow(left * right)


def _divide_ints(left: int, right: int) -> int | Refusal:
    if right == 0:
        return Refusal("division by zero")
    quotient = abs(left) // abs(right)
    return _int_or_overflow(quotient if (left < 0) == (right < 0) else -quotient)


def _modulo_ints(left: int, right: int) -> int | Refusal:
    if right == 0:
        return Refusal("modulus by zero")
    if left == INT_MIN and right == -1:
        return _INT_OVERFLOW
    return int(math.copysign(1, left)) * (abs(left) % abs(right))


def _negate_int(operand: int) -> int | Refusal:
    return _int_or_overflow(-operand)


def _add_doubles(left: float, right: float) -> float:
    return left + right


def _subtract_doubles(left: float, right: float) -> float:
    return left - right


def _multiply_doubles(left: float, right: float) -> float:
    return left * right


def _divide_doubles(left: float, right: float) -> float:
    if right != 0.0 or math.isnan(left):
        return left / right if right != 0.0 else left
    if left == 0.0:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _negate_double(operand: float) -> float:
    return -operand


def _join_strings(left: str, right: str) -> str | Refusal:
    if len(left) + len(right) > TEXT_LENGTH_MAX:
        return Refusal(f"the string would be longer than {TEXT_LENGTH_MAX:,} characters")
    return left + right


def _join_lists(left: list[Value], right: list[Value]) -> list[Value] | Refusal:
    if len(left) + len(right) > ITEMS_MAX:
        return Refusal(f"the list would be longer than {ITEMS_MAX:,} items")
    return left + right


def _timestamp(nanoseconds: int) -> Timestamp | Refusal:
    return times.timestamp_within_range(nanoseconds) or _TIMESTAMP_RANGE


def _duration(nanoseconds: int) -> Duration | Refusal:
    return times.duration_within_range(nanoseconds) or _DURATION_RANGE


def _add_to_timestamp(left: Timestamp, right: Duration) -> Timestamp | Refusal:
    return _timestamp(left.nanoseconds + right.nanoseconds)


def _add_timestamp(left: Duration, right: Timestamp) -> Timestamp | Refusal:
    return _timestamp(left.nanoseconds + right.nanoseconds)


def _add_durations(left: Duration, right: Duration) -> Duration | Refusal:
    return _duration(left.nanoseconds + right.nanoseconds)


def _subtract_timestamps(left: Timestamp, right: Timestamp) -> Duration | Refusal:
    return _duration(left.nanoseconds - right.nanoseconds)


def _subtract_from_timestamp(left: Timestamp, right: Duration) -> Timestamp | Refusal:
    return _timestamp(left.nanoseconds - right.nanoseconds)


def _subtract_durations(left: Duration, right: Duration) -> Duration | Refusal:
    return _duration(left.nanoseconds - right.nanoseconds)


def _size(operand: str | list[Value] | dict[str, Value]) -> int:
    return len(operand)


def _starts_with(text: str, start: str) -> bool:
    return text.startswith(start)


def _ends_with(text: str, end: str) -> bool:
    return text.endswith(end)


def _contains(text: str, part: str) -> bool:
    return part in text


def _same(operand: Value) -> Value:
    return operand


def _int_from_double(operand: float) -> int | Refusal:
    # The bounds themselves are refused, as CEL's conformance tests ask: the double may stand for a neighbour.
    if INT_MIN < operand < INT_MAX:
        return int(operand)
    return Refusal("the double does not fit into a 64-bit integer")


def _int_from_string(operand: str) -> int | Refusal:
    if _INT_TEXT.fullmatch(operand) is None:
        return Refusal("this string is no integer")
    return _int_or_overflow(int(operand))


def _int_from_timestamp(operand: Timestamp) -> int:
    return operand.nanoseconds // _NS


def _double_from_int(operand: int) -> float:
    return float(operand)


def _double_from_string(operand: str) -> float | Refusal:
    if len(operand) > _NUMBER_TEXT_LENGTH_MAX or _DOUBLE_TEXT.fullmatch(operand) is None:
        return Refusal("this string is no double")
    return float(operand)


def _bool_from_string(operand: str) -> bool | Refusal:
    if operand in _TRUE_TEXTS:
        return True
    return False if operand in _FALSE_TEXTS else Refusal("this string is no bool: write true or false")


def _string_from_bool(operand: bool) -> str:  # noqa: FBT001  # the table calls by position
    return "true" if operand else "false"


def _timestamp_from_int(operand: int) -> Timestamp | Refusal:
    return _timestamp(operand * _NS)


def _timestamp_from_string(operand: str) -> Timestamp | Refusal:
    return times.timestamp_from_text(operand) or Refusal(
        "this string is no timestamp in range: expected RFC 3339, as in 2026-03-02T09:00:00Z"
    )


def _duration_from_string(operand: str) -> Duration | Refusal:
    return times.duration_from_text(operand) or Refusal(
        "this string is no duration in range: expected numbers with h, m, s, ms, us, ns: 1h30m"
    )


def _operators() -> Iterable[Overload]:
    table: list[tuple[str, tuple[Type, ...], Type, Callable[..., Any]]] = [
        ("+", (INT, INT), INT, _add_ints),
        ("+", (DOUBLE, DOUBLE), DOUBLE, _add_doubles),
        ("+", (STRING, STRING), STRING, _join_strings),
        ("+", (LIST, LIST), LIST, _join_lists),
        ("+", (TIMESTAMP, DURATION), TIMESTAMP, _add_to_timestamp),
        ("+", (DURATION, TIMESTAMP), TIMESTAMP, _add_timestamp),
        ("+", (DURATION, DURATION), DURATION, _add_durations),
        ("-", (INT, INT), INT, _subtract_ints),
        ("-", (DOUBLE, DOUBLE), DOUBLE, _subtract_doubles),
        ("-", (TIMESTAMP, TIMESTAMP), DURATION, _subtract_timestamps),
        ("-", (TIMESTAMP, DURATION), TIMESTAMP, _subtract_from_timestamp),
        ("-", (DURATION, DURATION), DURATION, _subtract_durations),
        ("*", (INT, INT), INT, _multiply_ints),
        ("*", (DOUBLE, DOUBLE), DOUBLE, _multiply_doubles),
        ("/", (INT, INT), INT, _divide_ints),
        ("/", (DOUBLE, DOUBLE), DOUBLE, _divide_doubles),
        ("%", (INT, INT), INT, _modulo_ints),
        ("-", (INT,), INT, _negate_int),
        ("-", (DOUBLE,), DOUBLE, _negate_double),
    ]
    return (Overload(name, False, parameters, result, run) for name, parameters, result, run in table)  # noqa: FBT003  # a row


def _functions() -> Iterable[Overload]:
    table: list[tuple[str, Type, Type, Callable[..., Any]]] = [
        ("int", INT, INT, _same),
        ("int", DOUBLE, INT, _int_from_double),
        ("int", STRING, INT, _int_from_string),
        ("int", TIMESTAMP, INT, _int_from_timestamp),
        ("double", DOUBLE, DOUBLE, _same),
        ("double", INT, DOUBLE, _double_from_int),
        ("double", STRING, DOUBLE, _double_from_string),
        ("bool", BOOL, BOOL, _same),
        ("bool", STRING, BOOL, _bool_from_string),
        ("string", STRING, STRING, _same),
        ("string", BOOL, STRING, _string_from_bool),
        ("string", INT, STRING, str),
        ("string", DOUBLE, STRING, accessors.double_text),
        ("string", TIMESTAMP, STRING, times.timestamp_text),
        ("string", DURATION, STRING, times.duration_text),
        ("timestamp", TIMESTAMP, TIMESTAMP, _same),
        ("timestamp", INT, TIMESTAMP, _timestamp_from_int),
        ("timestamp", STRING, TIMESTAMP, _timestamp_from_string),
        ("duration", DURATION, DURATION, _same),
        ("duration", STRING, DURATION, _duration_from_string),
        ("size", STRING, INT, _size),
        ("size", LIST, INT, _size),
        ("size", MAP, INT, _size),
    ]
    functions = [Overload(name, False, (parameter,), result, run) for name, parameter, result, run in table]  # noqa: FBT003  # a row
    matches = [
        Overload("matches", is_member, (STRING, STRING), BOOL, patterns.matches)
        for is_member in (False, True)
    ]
    sizes = [replace(one, is_member=True) for one in functions if one.name == "size"]
    return [*functions, *matches, *sizes]


def _members() -> Iterable[Overload]:
    texts: list[tuple[str, Callable[[str, str], bool]]] = [
        ("startsWith", _starts_with),
        ("endsWith", _ends_with),
        ("contains", _contains),
    ]
    for name, on_text in texts:
        yield Overload(name, True, (STRING, STRING), BOOL, on_text)  # noqa: FBT003  # a row
    for name in accessors.TIMESTAMP_FIELDS:
        yield Overload(name, True, (TIMESTAMP,), INT, accessors.field_in_utc(name))  # noqa: FBT003  # a row
        yield Overload(name, True, (TIMESTAMP, STRING), INT, accessors.field_in_zone(name))  # noqa: FBT003  # a row
    for name in ("getHours", "getMinutes", "getSeconds"):
        yield Overload(name, True, (DURATION,), INT, accessors.duration_in(name))  # noqa: FBT003  # a row
    yield Overload("getMilliseconds", True, (DURATION,), INT, accessors.duration_milliseconds)  # noqa: FBT003  # a row


OPERATORS: tuple[Overload, ...] = tuple(_operators())
"""Arithmetic; `==`, `!=`, `<` and its like, `in`, `&&`, `||` and `!` follow rules of their own."""
FUNCTIONS: tuple[Overload, ...] = (*_functions(), *_members())

_CLASSES: dict[TypeName, type] = {
    TypeName.BOOL: bool,
    TypeName.INT: int,
    TypeName.DOUBLE: float,
    TypeName.STRING: str,
    TypeName.TIMESTAMP: Timestamp,
    TypeName.DURATION: Duration,
    TypeName.LIST: list,
    TypeName.MAP: dict,
}
Run: TypeAlias = Callable[..., Value | Refusal]


def _by_classes(overloads: Iterable[Overload]) -> dict[tuple[str, bool, tuple[type, ...]], Run]:
    return {
        (one.name, one.is_member, tuple(_CLASSES[parameter.name] for parameter in one.parameters)): one.run
        for one in overloads
    }


OPERATORS_BY_CLASSES = _by_classes(OPERATORS)
FUNCTIONS_BY_CLASSES = _by_classes(FUNCTIONS)
"""(name, is member, Python classes of the operands) to what computes it."""
FUNCTION_NAMES = frozenset(one.name for one in FUNCTIONS)
