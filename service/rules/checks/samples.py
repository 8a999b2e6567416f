"""Values that a fact can have, one for everything that a rule set tells apart. Pure.

Between two constants of a column there is a gap; whether any value of the fact's type lies in it is decided
exactly. Between 3 and 4 there is no integer, between false and true nothing at all.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.rules.compile.columns import Code, Column, Scale
from service.rules.language import times
from service.rules.language.lex import INT_MAX, INT_MIN
from service.rules.language.types import Type, TypeName
from service.rules.language.values import Duration, Timestamp, Value

_HALF_HOUR = 1_800_000_000_000


def values_of(column: Column, of: Type) -> dict[int, Value]:
    """A value of the type for each code that one can have."""
    find = _FINDERS.get(of.name)
    if find is None:
        return _whatever(column)
    found: dict[int, Value] = {}
    for value in find(column):
        found.setdefault(column.code(value), value)
    return found


def _whatever(column: Column) -> dict[int, Value]:
    """Of a fact that may be of any type: what its constants show, and something that is like none of them."""
    found: dict[int, Value] = {Code.OTHER: []}
    for find in (_ints, _doubles, _strings, _bools, _timestamps, _durations):
        for value in find(column):
            found.setdefault(column.code(value), value)
    return found


def _gaps(scale: Scale) -> Iterator[tuple[Any, Any]]:
    """The constants at both ends of each gap; None where it is open."""
    ends = (None, *scale.constants, None)
    yield from itertools.pairwise(ends)


def _scale(column: Column, of: type) -> Scale:
    return column.scales.get(of, Scale(Code.OTHER, (), {}))


def _bools(_column: Column) -> Iterator[Value]:
    yield False
    yield True


def _ints(column: Column) -> Iterator[Value]:
    scale = _scale(column, int)
    for constant in scale.constants:
        if constant == int(constant) and INT_MIN <= constant <= INT_MAX:
            yield int(constant)
    for low, high in _gaps(scale):
        least = INT_MIN if low is None else max(INT_MIN, math.floor(low) + 1)
        most = INT_MAX if high is None else min(INT_MAX, math.ceil(high) - 1)
        if least <= most:
            yield least if low is not None else most if high is not None else 0


def _doubles(column: Column) -> Iterator[Value]:
    scale = _scale(column, float)
    for constant in scale.constants:
        if float(constant) == constant:
            yield float(constant)
    for low, high in _gaps(scale):
        for candidate in _doubles_between(low, high):
            if (low is None or low < candidate) and (high is None or candidate < high):
                yield candidate
                break


def _doubles_between(low: float | None, high: float | None) -> Iterator[float]:
    """What may lie between the two: round numbers first, then the doubles next to the ends."""
    if low is None and high is None:
        yield 0.0
    if low is not None and high is not None:
        yield low / 2 + high / 2
    if low is not None:
        yield math.floor(low) + 1.0
        yield from filter(math.isfinite, (float(low), math.nextafter(low, math.inf)))
    if high is not None:
        yield math.ceil(high) - 1.0
        yield from filter(math.isfinite, (float(high), math.nextafter(high, -math.inf)))


def _strings(column: Column) -> Iterator[Value]:
    scale = _scale(column, str)
    yield from scale.constants
    for low, high in _gaps(scale):
        if low is None:
            yield from ("",) if high != "" else ()
            continue
        for candidate in (f"{low}-other", f"{low} ", f"{low}\0"):
            if high is None or candidate < high:
                yield candidate
                break


def _instants(
    column: Column, of: Callable[[int], Timestamp | Duration], first: int, last: int
) -> Iterator[Timestamp | Duration]:
    scale = _scale(column, type(of(0)))
    yield from scale.constants
    for low, high in _gaps(scale):
        lowest = first if low is None else low.nanoseconds + 1
        highest = last if high is None else high.nanoseconds - 1
        if lowest <= highest:
            yield of(_between(lowest, highest, starts_open=low is None))


def _between(lowest: int, highest: int, *, starts_open: bool) -> int:
    """Something half an hour from an end that is a constant, if there is room."""
    near = highest - _HALF_HOUR + 1 if starts_open else lowest + _HALF_HOUR - 1
    return near if lowest <= near <= highest else lowest


def _timestamps(column: Column) -> Iterator[Value]:
    yield from _instants(column, Timestamp, times.TIMESTAMP_MIN, times.TIMESTAMP_MAX)


def _durations(column: Column) -> Iterator[Value]:
    yield from _instants(column, Duration, times.DURATION_MIN, times.DURATION_MAX)


def _nothing(_column: Column) -> Iterator[Value]:
    yield []


def _no_entries(_column: Column) -> Iterator[Value]:
    yield {}


_FINDERS: Mapping[TypeName, Callable[[Column], Iterator[Value]]] = {
    TypeName.BOOL: _bools,
    TypeName.INT: _ints,
    TypeName.DOUBLE: _doubles,
    TypeName.STRING: _strings,
    TypeName.TIMESTAMP: _timestamps,
    TypeName.DURATION: _durations,
    TypeName.LIST: _nothing,
    TypeName.MAP: _no_entries,
}
