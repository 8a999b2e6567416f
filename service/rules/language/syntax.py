"""The syntax tree of a condition. Every node knows where it stands in the source."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the source: 1-based, in code points."""

    line: int
    column: int


class BinaryOperator(StrEnum):
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    IN = "in"
    AND = "&&"
    OR = "||"
    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULO = "%"


class Macro(StrEnum):
    """What can be asked of all elements of a list, or of all keys of a map."""

    ALL = "all"
    EXISTS = "exists"
    EXISTS_ONE = "exists_one"
    FILTER = "filter"
    MAP = "map"


class UnaryOperator(StrEnum):
    NOT = "!"
    NEGATE = "-"


@dataclass(frozen=True, slots=True)
class Literal:
    """A bool, int (64 bit), float, str or None, told apart by `type(value)`: `True` is never `1`."""

    value: bool | int | float | str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Name:
    """The root of a path: `request` in `request.priority`."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`."""

    operand: "Expression"
    field: str
    place: Place


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[index]`."""

    operand: "Expression"
    index: "Expression"
    place: Place


@dataclass(frozen=True, slots=True)
class Has:
    """`has(operand.field)`: is the field there? JSON null counts as absent."""

    target: Select
    place: Place


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b, c]`."""

    items: tuple["Expression", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)` when `target` is None, else `target.function(arguments)`."""

    function: str
    target: "Expression | None"
    arguments: tuple["Expression", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Unary:
    operator: UnaryOperator
    operand: "Expression"
    place: Place


@dataclass(frozen=True, slots=True)
class Binary:
    operator: BinaryOperator
    left: "Expression"
    right: "Expression"
    place: Place


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? then : otherwise`."""

    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"
    place: Place


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`operand.macro(variable, body)`.

    In the body `variable` names each element in turn, and hides the facts of that name.
    """

    macro: Macro
    operand: "Expression"
    variable: str
    body: "Expression"
    place: Place


Expression = (
    Literal | Name | Select | Index | Has | ListOf | Call | Unary | Binary | Conditional | Comprehension
)
