"""What a cell of a decision table asks of its fact, as a condition.

| cell | asks |
|---|---|
| empty, `*` or `-` | nothing |
| `P1, P2` | whether the fact is one of these; for a fact that is a list, whether it holds one of them |
| `>= 3`, `< 2026-03-01T00:00:00Z` | a comparison |
| `[9..17]`, `(9..17)`, `]9..17[` | whether it lies between; a bracket that opens outwards leaves it out |
| `not(P1, [3..5])` | whether none of these holds |
| `null`, `not(null)` | whether the fact is absent, or there |
| `= request.impact < 2` | any condition of the language |

A text needs quotes only where it could be read as something else. The forms follow DMN's unary tests.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.rules.language import times
from service.rules.language.faults import LanguageError
from service.rules.language.format import format_expression, literal_text
from service.rules.language.parse import parse
from service.rules.language.syntax import Binary, BinaryOperator, Conditional, Expression
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    FactType,
    Type,
    TypeName,
)
from service.rules.language.walk import path_text, shortened

NOTHING = "null"
ANYTHING = frozenset({"", "*", "-"})
FORMULA = "="
"""What a cell begins with that is a condition itself."""
CELL_LENGTH_MAX = 1_000
TESTS_MAX = 200

_COMPARISON = re.compile(r"(<=|>=|<|>|!=|==)\s*(.+)", re.DOTALL)
_INTERVAL = re.compile(r"([\[(\]])\s*(.+?)\s*\.\.\s*(.+?)\s*([\])\[])", re.DOTALL)
_NEGATION = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_INT = re.compile(r"[+-]?\d+", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ORDERED = frozenset(TypeName) - {TypeName.BOOL, TypeName.NULL, TypeName.LIST, TypeName.MAP}
_EXAMPLES = {
    BOOL: "true or false",
    INT: "a whole number, as in 3",
    DOUBLE: "a number, as in 2.5",
    TIMESTAMP: "a timestamp, as in 2026-03-02T09:00:00Z",
    DURATION: "a duration, as in 1h30m",
}


class CellInvalid(Exception):
    """This cell cannot be read; the text says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Input:
    """A column of a table: a fact, and its declaration."""

    fact: str
    declared: FactType

    @property
    def text(self) -> str:
        """The fact as it is written in a condition."""
        return path_text(self.fact.split("."))

    @property
    def element(self) -> Type:
        """What is compared: the fact, or its elements if it is a list."""
        return self.declared.type.element or STRING if self.is_list else self.declared.type

    @property
    def is_list(self) -> bool:
        return self.declared.type.name is TypeName.LIST


def condition(cell: str, of: Input) -> str | None:
    """The condition that the cell writes; None for one that asks nothing.

    Raises:
        CellInvalid
    """
    text = cell.strip()
    if len(text) > CELL_LENGTH_MAX:
        raise CellInvalid(f"A cell has at most {CELL_LENGTH_MAX:,} characters; use several rows.")
    if text in ANYTHING:
        return None
    try:
        expression = parse(text[1:] if text.startswith(FORMULA) else _written(text, of))
    except LanguageError as error:
        raise CellInvalid(error.faults[0].message) from error
    written = format_expression(expression)
    return f"({written})" if is_looser_than_and(expression) else written


def is_looser_than_and(expression: Expression) -> bool:
    """Whether it needs parentheses between two `&&`."""
    if isinstance(expression, Binary):
        return expression.operator is BinaryOperator.OR
    return isinstance(expression, Conditional)


def _written(text: str, of: Input) -> str:
    if text == NOTHING:
        return f"!has({of.text})"
    negated = _NEGATION.fullmatch(text)
    if negated is None:
        return _any_of(text, of)
    inner = negated[1].strip()
    return f"has({of.text})" if inner == NOTHING else f"!({_any_of(inner, of)})"


def _any_of(text: str, of: Input) -> str:
    """The tests between commas, at least one of which must hold."""
    tests = split(text)
    if len(tests) > TESTS_MAX:
        raise CellInvalid(f"A cell has at most {TESTS_MAX} values; use several rows, or a condition.")
    values: list[str] = []
    others: list[str] = []
    for test in tests:
        written = _range(test, of)
        if written is None:
            values.append(literal(test, of))
        else:
            others.append(written)
    return " || ".join([*_equality(values, of), *others])


def _equality(values: list[str], of: Input) -> list[str]:
    if not values:
        return []
    if of.is_list:
        return [f"{value} in {of.text}" for value in values]
    return [f"{of.text} == {values[0]}" if len(values) == 1 else f"{of.text} in [{', '.join(values)}]"]


def _range(test: str, of: Input) -> str | None:
    """A comparison or an interval; None for a plain value."""
    comparison = _COMPARISON.fullmatch(test)
    if comparison is not None:
        return _compared(comparison[1], comparison[2], of)
    interval = _INTERVAL.fullmatch(test)
    if interval is None:
        return None
    lower = _compared(">=" if interval[1] == "[" else ">", interval[2], of)
    return f"{lower} && {_compared('<=' if interval[4] == ']' else '<', interval[3], of)}"


def _compared(operator: str, value: str, of: Input) -> str:
    if of.is_list or of.element.name not in _ORDERED:
        raise CellInvalid(f"`{of.fact}` is of type {of.declared.type}, which is not compared; write values.")
    return f"{of.text} {operator} {literal(value, of)}"


def literal(text: str, of: Input) -> str:
    """A value as it is written in a condition. Raises CellInvalid."""
    write = _WRITERS.get(of.element)
    found = None if write is None else write(text)
    if found is None:
        wanted = _EXAMPLES.get(of.element, f"a value of type {of.element}")
        raise CellInvalid(f"Expected {wanted}, found `{shortened(text)}`.")
    return found


def _bool(text: str) -> str | None:
    return text if text in {"true", "false"} else None


def _int(text: str) -> str | None:
    return str(int(text)) if _INT.fullmatch(text) else None


def _double(text: str) -> str | None:
    return repr(float(text)) if _DOUBLE.fullmatch(text) else None


def _timestamp(text: str) -> str | None:
    return None if times.timestamp_from_text(text) is None else f'timestamp("{text}")'


def _duration(text: str) -> str | None:
    return None if times.duration_from_text(text) is None else f'duration("{text}")'


def _text(text: str) -> str:
    if text == NOTHING or text in ANYTHING:
        raise CellInvalid(f'`{text}` stands alone in a cell; write it in quotes, "{text}", if it is a text.')
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        if '"' in text:
            raise CellInvalid(f'Quotes belong around the whole value, as in "P1": `{shortened(text)}`.')
        return literal_text(text)
    return literal_text(re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL))


def _whatever(text: str) -> str:
    """Of a fact without a declared type: what looks like a number, or like true or false, is one."""
    return _bool(text) or _int(text) or _double(text) or _text(text)


_WRITERS: dict[Type, Callable[[str], str | None]] = {
    STRING: _text,
    DYN: _whatever,
    BOOL: _bool,
    INT: _int,
    DOUBLE: _double,
    TIMESTAMP: _timestamp,
    DURATION: _duration,
}
"""How a value of each type is written in a condition; None where the text is no such value."""


def split(text: str) -> list[str]:
    """The parts between commas that stand outside of quotes. Raises CellInvalid."""
    parts: list[str] = []
    begun = 0
    at = 0
    while at < len(text):
        if text[at] == '"':
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise CellInvalid("The text in quotes has no end.")
            at = quoted.end()
            continue
        if text[at] == ",":
            parts.append(text[begun:at].strip())
            begun = at + 1
        at += 1
    parts.append(text[begun:].strip())
    if not all(parts):
        raise CellInvalid("There is nothing between two commas; leave one out.")
    return parts
