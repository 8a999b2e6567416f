"""Values of one fact to codes: small integers that keep all a rule set asks about the value. Pure.

Every constant that a rule set compares a fact with gets a code, and so does every gap between two
neighbouring constants of a kind. Comparisons of a value with a constant are then comparisons of codes, and
they are exact: the value itself is only placed among the constants, by Python's exact comparison. An integer
past 2^53, a double and a microsecond epoch lose nothing on the way.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from service.rules.language.values import Duration, Facts, Timestamp, Value

Scalar = bool | int | float | str | Timestamp | Duration


class Kind(StrEnum):
    """Types whose values are comparable with one another. Integers and doubles are one kind."""

    BOOL = "bool"
    NUMBER = "number"
    STRING = "string"
    INSTANT = "timestamp"
    SPAN = "duration"


KIND_OF: Mapping[type, Kind] = {
    bool: Kind.BOOL,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    str: Kind.STRING,
    Timestamp: Kind.INSTANT,
    Duration: Kind.SPAN,
}


class Code(IntEnum):
    """Codes that mean the same in every column.

    `UNREACHABLE`: something on the way to the fact is no map, so that even `has()` is an error. `OTHER`: a
    value of a type that no constant has.
    """

    UNREACHABLE = 0
    ABSENT = 1
    OTHER = 2
    NAN = 3


FIRST_VALUE_CODE = 4


@dataclass(frozen=True, slots=True)
class Scale:
    """Constants of one kind, ascending: constant i has code `low + 2i + 1`, the gap before it one less.

    `codes` has those of the constants themselves, which most values are.
    """

    low: int
    constants: tuple[Any, ...]
    codes: Mapping[Any, int]

    @property
    def high(self) -> int:
        """The last code: above all constants."""
        return self.low + 2 * len(self.constants)

    def code(self, value: Any) -> int:
        known = self.codes.get(value)
        return self.low + 2 * bisect_left(self.constants, value) if known is None else known


@dataclass(frozen=True, slots=True)
class Column:
    """How the values of one fact are coded.

    Attributes:
        path: the names that lead to the fact.
        scales: by type, for the types that the fact is compared with.
        size: the number of codes.
    """

    path: tuple[str, ...]
    scales: Mapping[type, Scale]
    size: int

    def code(self, value: object) -> int:
        """The code of a value that is there."""
        scale = self.scales.get(type(value))
        if scale is None:
            return Code.OTHER
        return scale.code(value) if value == value else Code.NAN  # noqa: PLR0124 only NaN differs from itself

    def find(self, facts: Facts) -> int:
        """The code of the fact in a snapshot of facts."""
        value: Value = facts.get(self.path[0])
        for name in self.path[1:]:
            if value is None:
                break
            if not isinstance(value, dict):
                return Code.UNREACHABLE
            value = value.get(name)
        return Code.ABSENT if value is None else self.code(value)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A column for a condition, or a part of one, that the reference evaluator decides beforehand."""

    evaluate: Callable[[Facts], object]

    ERROR = 0
    FALSE = 1
    TRUE = 2
    size = 3

    def find(self, facts: Facts) -> int:
        result = self.evaluate(facts)
        if result is True:
            return self.TRUE
        return self.FALSE if result is False else self.ERROR


def column(path: tuple[str, ...], constants: Sequence[Scalar]) -> Column:
    """Lay the codes out for everything that a fact is compared with, in any order and repeated at will."""
    kinds: dict[Kind, list[Any]] = {kind: [] for kind in Kind}
    for constant in constants:
        kinds[KIND_OF[type(constant)]].append(constant)
    scales: dict[Kind, Scale] = {}
    low = FIRST_VALUE_CODE
    for kind, values in kinds.items():
        if values:
            ascending = tuple(sorted(set(values)))
            codes = {value: low + 2 * place + 1 for place, value in enumerate(ascending)}
            scales[kind] = Scale(low, ascending, codes)
            low = scales[kind].high + 1
    by_type = {of: scales[kind] for of, kind in KIND_OF.items() if kind in scales}
    return Column(path, by_type, low)
