"""The types of the language, and the declarations of facts that use them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class TypeName(StrEnum):
    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    NULL = "null"
    LIST = "list"
    MAP = "map"
    DYN = "dyn"


@dataclass(frozen=True, slots=True)
class Type:
    """A type. `element` is what a list holds, or what the values of a map are, whose keys are strings."""

    name: TypeName
    element: "Type | None" = None

    def __str__(self) -> str:
        return self.name.value if self.element in {None, DYN} else f"{self.name.value}<{self.element}>"


BOOL = Type(TypeName.BOOL)
INT = Type(TypeName.INT)
DOUBLE = Type(TypeName.DOUBLE)
STRING = Type(TypeName.STRING)
TIMESTAMP = Type(TypeName.TIMESTAMP)
DURATION = Type(TypeName.DURATION)
NULL = Type(TypeName.NULL)
DYN = Type(TypeName.DYN)
LIST = Type(TypeName.LIST, DYN)
MAP = Type(TypeName.MAP, DYN)

NUMBERS = frozenset({INT, DOUBLE})
_SIMPLE = {str(one): one for one in (BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION, DYN, LIST, MAP)}
_WITH_ELEMENT = re.compile(r"(list|map)<(.+)>", re.ASCII)
_TEXT_LENGTH_MAX = 100
KNOWN_TYPES = "bool, int, double, string, timestamp, duration, list, list<T>, map, map<T> and dyn"


@dataclass(frozen=True, slots=True)
class FactType:
    """The declaration of one fact.

    Attributes:
        type: what the fact is.
        values: the only values that it takes, or None when any value of the type may come.
    """

    type: Type
    values: tuple[bool | int | float | str, ...] | None = None


Declarations: TypeAlias = Mapping[str, FactType]
"""Dotted fact name, such as `request.priority`, to its declaration."""


def list_of(element: Type) -> Type:
    return Type(TypeName.LIST, element)


def type_from_text(text: str) -> Type | None:
    """Read `string`, `list<int>`, `map<list<string>>`; None when `text` names no type."""
    if len(text) > _TEXT_LENGTH_MAX:
        return None
    simple = _SIMPLE.get(text)
    if simple is not None:
        return simple
    match = _WITH_ELEMENT.fullmatch(text)
    if match is None:
        return None
    element = type_from_text(match[2].strip())
    return None if element is None else Type(TypeName(match[1]), element)


def is_assignable(wanted: Type, given: Type) -> bool:
    """Whether a `given` may stand where `wanted` is asked; `dyn` fits everywhere, until run time."""
    if DYN in {wanted, given}:
        return True
    if wanted.name is not given.name:
        return False
    return wanted.element is None or given.element is None or is_assignable(wanted.element, given.element)


def joined(left: Type, right: Type) -> Type:
    """The type of something that is either of the two."""
    if left == right:
        return left
    if left.name is right.name and left.element is not None and right.element is not None:
        return Type(left.name, joined(left.element, right.element))
    return DYN
