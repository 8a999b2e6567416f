"""A syntax tree as nested tuples of plain values, and back: it crosses the pipe and tells trees apart. Pure.

Places are left out, so that two conditions with the same text have the same shape. Doubles are written as
hexadecimal text: `0.0` and `-0.0` are two literals, `1` and `1.0` too.
"""

from collections.abc import Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any, cast

from service.rules.language.syntax import (
    Binary,
    BinaryOperator,
    Call,
    Comprehension,
    Conditional,
    Expression,
    Has,
    Index,
    ListOf,
    Literal,
    Macro,
    Name,
    Place,
    Select,
    Unary,
    UnaryOperator,
)

NODES: dict[str, type[Any]] = {
    node.__name__: node
    for node in (Literal, Name, Select, Index, Has, ListOf, Call, Unary, Binary, Conditional, Comprehension)
}
PARTS = {name: tuple(f.name for f in fields(node) if f.name != "place") for name, node in NODES.items()}
WORDS: dict[str, dict[str, type[StrEnum]]] = {
    "Unary": {"operator": UnaryOperator},
    "Binary": {"operator": BinaryOperator},
    "Comprehension": {"macro": Macro},
}
"""Parts that are one of a few words."""
NOWHERE = Place(1, 1)
TUPLE = "tuple"

Shape = tuple[Any, ...]


def shape(expression: Expression) -> Shape:
    """Nested tuples of strings, ints, bools and None."""
    name = type(expression).__name__
    return (name, *(_part(getattr(expression, part)) for part in PARTS[name]))


def _part(value: Any) -> Any:
    if isinstance(value, tuple):
        return (TUPLE, *map(_part, cast("tuple[Any, ...]", value)))
    if type(value) is float:
        return ("double", value.hex())
    if value is None or type(value) in {bool, int}:
        return (type(value).__name__, value)
    return str(value) if isinstance(value, str) else shape(value)


def expression(tree: Sequence[Any]) -> Expression:
    """The tree that `shape` was given, all of it at one place.

    Raises:
        ValueError: this is not the shape of a condition.
    """
    try:
        return _node(tree)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"not the shape of a condition: {error!r}") from error


def _node(tree: Sequence[Any]) -> Any:
    name, *parts = tree
    values: dict[str, Any] = dict(zip(PARTS[name], map(_value, parts), strict=True))
    for part, words in WORDS.get(name, {}).items():
        values[part] = words(values[part])
    return NODES[name](**values, place=NOWHERE)


def _value(part: Any) -> Any:
    if isinstance(part, str):
        return part
    match part[0]:
        case "tuple":
            return tuple(_value(item) for item in part[1:])
        case "double":
            return float.fromhex(part[1])
        case "bool" | "int" | "NoneType":
            return part[1]
        case _:
            return _node(part)
