"""What an expression can evaluate to, and how values compare. CEL's types as exact Python values.

A value's type is `type(value)`: `True` is no int here. Integers are within 64 bits, strings hold no lone
surrogates, and a map has no entry whose value is null: a null fact is an absent one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from service.rules.language.syntax import Place


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An instant, in nanoseconds since 1970-01-01T00:00:00Z; from year 1 to the end of year 9999."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span in nanoseconds, within 64 bits: about 292 years either way."""

    nanoseconds: int


Value: TypeAlias = bool | int | float | str | Timestamp | Duration | list["Value"] | dict[str, "Value"] | None
Facts: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class EvaluationError:
    """An evaluation that has no value, as data: `&&` and `||` may absorb it.

    Attributes:
        message: what went wrong, for people.
        place: the node of the condition where it went wrong.
    """

    message: str
    place: Place


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an operator or function has no value for its operands; the evaluator adds the place."""

    message: str


Result: TypeAlias = Value | EvaluationError

_TYPE_NAMES: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    type(None): "null",
    Timestamp: "timestamp",
    Duration: "duration",
    list: "list",
    dict: "map",
}
_NUMBERS = (int, float)
_EXACT = frozenset({bool, str, type(None), Timestamp, Duration})
_ALIKE = _EXACT | {int}
_ORDERED = (bool, str, Timestamp, Duration)


def type_name(value: Value) -> str:
    """What the language calls the type of `value`."""
    return _TYPE_NAMES[type(value)]


def equal(left: Value, right: Value) -> bool:
    """CEL's `==`. Values of unlike types differ, but numbers compare by what they are worth.

    Python compares an int with a float exactly, without rounding either; NaN differs from everything.
    """
    kind = type(left)
    if kind is not type(right):
        return kind in _NUMBERS and type(right) in _NUMBERS and left == right
    if left != right:
        return False
    if isinstance(left, list) and isinstance(right, list):
        return _equal_lists(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    return True


def _equal_lists(left: list[Value], right: list[Value]) -> bool:
    """Lists that Python finds equal are, unless an item is a bool beside a number, NaN, or holds others."""
    kinds = {*map(type, left), *map(type, right)}
    return kinds <= _EXACT or (bool not in kinds and kinds <= _ALIKE) or all(map(equal, left, right))


def count_of(value: Value) -> int:
    """How many values there are, those inside lists and maps included."""
    if isinstance(value, list):
        return 1 + sum(map(count_of, value))
    return 1 + sum(map(count_of, value.values())) if isinstance(value, dict) else 1


def are_ordered(left: Value, right: Value) -> bool:
    """Whether `<` and its like are defined: two numbers, or two values of one type that has an order."""
    if type(left) in _NUMBERS:
        return type(right) in _NUMBERS
    return type(left) is type(right) and type(left) in _ORDERED
