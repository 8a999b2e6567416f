"""Random conditions with facts that suit them, for every test that compares two readings of the language.

Everything is drawn from a `random.Random`, so that hundreds of thousands of cases cost seconds and a seed
names a case. `cases()` wraps the same for hypothesis. Literals and facts come from the same pools, or hardly
anything would ever match; the pools hold the values that break engines: neighbours beyond 2^53, epochs in
microseconds, the ends of 64 bits, strings that differ in one code point, zeroes of both signs, facts that are
null or missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import cast

from hypothesis import strategies as st

from service.rules.language.format import format_expression
from service.rules.language.parse import parse
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
from service.rules.language.types import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    Declarations,
    FactType,
    Type,
    list_of,
)

HERE = Place(1, 1)
DEPTH = 4
"""Levels of `&&`, `||`, `!` and of operators that a random condition has at most."""

STRINGS = (
    "",
    "P1",
    "P2",
    "P10",
    "gold",
    "Gold",
    "a",
    "ab",
    'a"',
    "a!",
    "é",
    "e\u0301",
    "验收",
    "😀",
    "\uffff",
    "\x00",
    "line\nbreak",
    "x" * 300,
)
INTS = (
    0,
    1,
    -1,
    2,
    3,
    41,
    2**31,
    2**53 - 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    4_611_686_018_427,
    1_772_442_000_000_000,
    1_772_442_000_000_001,
    2**62,
    2**63 - 2,
    2**63 - 1,
    -(2**63),
)
DOUBLES = (
    0.0,
    -0.0,
    0.1,
    0.5,
    1.0,
    1.5,
    -1.0,
    3.0,
    2.0**53,
    1e-9,
    1.0000001,
    1e22,
    1.7976931348623157e308,
    5e-324,
)
TIMESTAMPS = (
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999999Z",
    "2026-03-02T09:00:00Z",
    "2026-03-02T09:00:00.000001Z",
    "2026-03-02T17:00:00+08:00",
    "9999-12-31T23:59:59.999999999Z",
)
DURATIONS = ("0s", "1h30m", "5400s", "90m", "-1.5s", "1ns", "2562047h", "-2562047h")
PATTERNS = ("P[12]", "^P", "1$", "(?i)gold", "\\x{9a8c}", "^$", ".", "[[:alpha:]]+", "(")
ZONES = ("UTC", "Asia/Shanghai", "+05:30", "-09:30", "Australia/Lord_Howe", "Nowhere/At_All")

DECLARATIONS: Declarations = {
    "request.priority": FactType(STRING, ("P1", "P2", "P10")),
    "request.title": FactType(STRING),
    "request.custom.note": FactType(STRING),
    "request.impact": FactType(INT, (0, 1, 2, 3)),
    "request.id": FactType(INT),
    "request.epoch_us": FactType(INT),
    "request.amount": FactType(DOUBLE),
    "client.score": FactType(DOUBLE),
    "client.vip": FactType(BOOL),
    "request.reopened": FactType(BOOL),
    "request.opened_at": FactType(TIMESTAMP),
    "client.since": FactType(TIMESTAMP),
    "request.budget": FactType(DURATION),
    "request.tags": FactType(list_of(STRING)),
    "request.codes": FactType(list_of(INT)),
}
"""What the random conditions speak of."""

_POOLS: dict[Type, Sequence[bool | int | float | str]] = {
    BOOL: (True, False),
    INT: INTS,
    DOUBLE: DOUBLES,
    STRING: STRINGS,
    TIMESTAMP: TIMESTAMPS,
    DURATION: DURATIONS,
}
_SCALARS = (BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION)
_ORDERINGS = (
    BinaryOperator.LESS,
    BinaryOperator.LESS_OR_EQUAL,
    BinaryOperator.GREATER,
    BinaryOperator.GREATER_OR_EQUAL,
)
_EQUALITIES = (BinaryOperator.EQUAL, BinaryOperator.NOT_EQUAL)
_ARITHMETIC = (
    BinaryOperator.ADD,
    BinaryOperator.SUBTRACT,
    BinaryOperator.MULTIPLY,
    BinaryOperator.DIVIDE,
    BinaryOperator.MODULO,
)
_ACCESSORS = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A condition, and facts in the shape of JSON that `bind(facts, declarations)` takes without a fault."""

    source: str
    expression: Expression
    facts: dict[str, object]
    declarations: Declarations


def random_case(rng: Random, *, ordinary: bool = False) -> Case:
    """One case.

    Args:
        rng: where all choices come from.
        ordinary: only what a rules engine compiles: comparisons of a fact with literals (`timestamp("…")`
            and `duration("…")` count as such), `in`, `has`, and `&& || !`. Else the whole language.
    """
    expression = random_condition(rng, ordinary=ordinary)
    source = format_expression(expression)
    return Case(source, parse(source), random_facts(rng), DECLARATIONS)


def cases(*, ordinary: bool = False) -> st.SearchStrategy[Case]:
    """Random cases for hypothesis. They do not shrink, but a failure prints the source and the facts."""
    return st.integers(0, 2**32 - 1).map(lambda seed: random_case(seeded(seed), ordinary=ordinary))


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # test data, no secret


def random_condition(rng: Random, *, ordinary: bool = False) -> Expression:
    """A tree of type bool, unless an ill-typed part makes it an error."""
    return _ordinary_condition(rng, DEPTH) if ordinary else _expression(rng, BOOL, DEPTH)


def random_facts(rng: Random) -> dict[str, object]:
    """Facts of the declared types, nested; about one in six is missing and one in six is null."""
    facts: dict[str, object] = {"request": {}, "client": {}}
    for name, declared in DECLARATIONS.items():
        if rng.randrange(6):
            _put(facts, name.split("."), _fact_value(rng, declared) if rng.randrange(6) else None)
    return facts


def _put(facts: dict[str, object], path: list[str], value: object) -> None:
    if len(path) == 1:
        facts[path[0]] = value
    else:
        _put(cast("dict[str, object]", facts.setdefault(path[0], {})), path[1:], value)


def _fact_value(rng: Random, declared: FactType) -> object:
    element = declared.type.element
    if element is not None:
        return [_drawn(rng, element) for _ in range(rng.randrange(4))]
    return rng.choice(declared.values) if declared.values and rng.randrange(8) else _drawn(rng, declared.type)


def _drawn(rng: Random, of: Type) -> bool | int | float | str:
    if of == INT and not rng.randrange(3):
        return rng.choice((rng.randrange(-5, 50), rng.randrange(-(2**63), 2**63)))
    if of == DOUBLE and not rng.randrange(3):
        return rng.choice((rng.uniform(-10, 10), rng.uniform(-1e18, 1e18)))
    return rng.choice(_POOLS[of])


def _named(rng: Random, of: Type) -> Expression:
    return fact_expression(
        rng.choice([name for name, declared in DECLARATIONS.items() if declared.type == of])
    )


def fact_expression(name: str) -> Expression:
    """`request.priority` as a tree."""
    first, *rest = name.split(".")
    node: Expression = Name(first, HERE)
    for field in rest:
        node = Select(node, field, HERE)
    return node


def _literal(rng: Random, of: Type) -> Expression:
    value = Literal(_drawn(rng, of), HERE)
    if of in {TIMESTAMP, DURATION}:
        return Call(str(of), None, (value,), HERE)
    return value


def _ordinary_condition(rng: Random, depth: int) -> Expression:
    if depth == 0 or not rng.randrange(3):
        return _ordinary_leaf(rng)
    if not rng.randrange(4):
        return Unary(UnaryOperator.NOT, _ordinary_condition(rng, depth - 1), HERE)
    operator = rng.choice((BinaryOperator.AND, BinaryOperator.OR))
    return Binary(operator, _ordinary_condition(rng, depth - 1), _ordinary_condition(rng, depth - 1), HERE)


def _ordinary_leaf(rng: Random) -> Expression:
    name, declared = rng.choice(list(DECLARATIONS.items()))
    named = fact_expression(name)
    element = declared.type.element
    choice = rng.randrange(8)
    if choice == 0 and isinstance(named, Select):
        return Has(named, HERE)
    if element is not None:
        return Binary(BinaryOperator.IN, _literal(rng, element), named, HERE)
    if choice == 1:
        items = tuple(_literal(rng, declared.type) for _ in range(rng.randrange(4)))
        return Binary(BinaryOperator.IN, named, ListOf(items, HERE), HERE)
    if choice == 2 and declared.type == BOOL:
        return named
    of = (
        rng.choice((INT, DOUBLE))
        if declared.type in {INT, DOUBLE} and not rng.randrange(4)
        else declared.type
    )
    sides = [named, _literal(rng, of)]
    if not rng.randrange(5):
        sides.reverse()
    return Binary(rng.choice((*_EQUALITIES, *_EQUALITIES, *_ORDERINGS)), sides[0], sides[1], HERE)


def _expression(rng: Random, of: Type, depth: int) -> Expression:
    if not rng.randrange(25):
        of = rng.choice(_SCALARS)
    if depth <= 0 or not rng.randrange(4):
        return _leaf(rng, of)
    if not rng.randrange(12):
        then, otherwise = _expression(rng, of, depth - 1), _expression(rng, of, depth - 1)
        return Conditional(_expression(rng, BOOL, depth - 1), then, otherwise, HERE)
    return _MAKERS[of](rng, depth - 1)


def _leaf(rng: Random, of: Type) -> Expression:
    if not rng.randrange(40):
        return rng.choice(
            (Literal(None, HERE), fact_expression("request.unheard_of"), fact_expression("request"))
        )
    return _named(rng, of) if rng.randrange(2) else _literal(rng, of)


def _bool(rng: Random, depth: int) -> Expression:
    makers = (_logic, _logic, _not, _comparison, _comparison, _membership, _has, _text_question, _quantified)
    return rng.choice(makers)(rng, depth)


def _logic(rng: Random, depth: int) -> Expression:
    operator = rng.choice((BinaryOperator.AND, BinaryOperator.OR))
    return Binary(operator, _expression(rng, BOOL, depth), _expression(rng, BOOL, depth), HERE)


def _not(rng: Random, depth: int) -> Expression:
    return Unary(UnaryOperator.NOT, _expression(rng, BOOL, depth), HERE)


def _comparison(rng: Random, depth: int) -> Expression:
    left = rng.choice(_SCALARS)
    right = rng.choice((INT, DOUBLE)) if left in {INT, DOUBLE} else left
    operator = rng.choice((*_EQUALITIES, *_ORDERINGS))
    return Binary(operator, _expression(rng, left, depth), _expression(rng, right, depth), HERE)


def _membership(rng: Random, depth: int) -> Expression:
    of = rng.choice(_SCALARS)
    item = _expression(rng, of, depth)
    if of in {INT, STRING} and rng.randrange(2):
        return Binary(BinaryOperator.IN, item, _named(rng, list_of(of)), HERE)
    items = tuple(_expression(rng, of, depth - 2) for _ in range(rng.randrange(4)))
    return Binary(BinaryOperator.IN, item, ListOf(items, HERE), HERE)


def _has(rng: Random, _depth: int) -> Expression:
    name = rng.choice((*DECLARATIONS, "request.unheard_of"))
    target = fact_expression(name)
    assert isinstance(target, Select)
    return Has(target, HERE)


def _quantified(rng: Random, depth: int) -> Expression:
    return _comprehension(rng, rng.choice((Macro.ALL, Macro.EXISTS, Macro.EXISTS_ONE)), depth)


def _comprehension(rng: Random, macro: Macro, depth: int) -> Expression:
    """A macro over a fact or over literals, which asks its variable and sometimes something else too."""
    of = rng.choice((INT, STRING))
    operand = _named(rng, list_of(of))
    if rng.randrange(2):
        operand = ListOf(tuple(_literal(rng, of) for _ in range(rng.randrange(4))), HERE)
    variable = rng.choice(("one", "request"))
    operator = rng.choice((*_EQUALITIES, *_ORDERINGS))
    body: Expression = Binary(operator, Name(variable, HERE), _literal(rng, of), HERE)
    if rng.randrange(2) and depth > 0:
        logic = rng.choice((BinaryOperator.AND, BinaryOperator.OR))
        body = Binary(logic, body, _quantified(rng, 0) if rng.randrange(3) else _leaf(rng, BOOL), HERE)
    return Comprehension(macro, operand, variable, body, HERE)


def _text_question(rng: Random, depth: int) -> Expression:
    target = _expression(rng, STRING, depth)
    function = rng.choice(("startsWith", "endsWith", "contains", "matches"))
    if function == "matches":
        return Call(function, target, (Literal(rng.choice(PATTERNS), HERE),), HERE)
    return Call(function, target, (_expression(rng, STRING, depth),), HERE)


def _list(rng: Random, depth: int) -> Expression:
    if rng.randrange(2):
        return _named(rng, list_of(STRING))
    return _comprehension(rng, rng.choice((Macro.FILTER, Macro.MAP)), depth)


def _int(rng: Random, depth: int) -> Expression:
    choice = rng.randrange(6)
    match choice:
        case 0:
            return Call("size", None, (_expression(rng, STRING, depth),), HERE)
        case 1:
            return Call("size", _list(rng, depth), (), HERE)
        case 2:
            zone = (Literal(rng.choice(ZONES), HERE),) if rng.randrange(2) else ()
            return Call(rng.choice(_ACCESSORS), _expression(rng, TIMESTAMP, depth), zone, HERE)
        case 3:
            return Unary(UnaryOperator.NEGATE, _expression(rng, INT, depth), HERE)
        case 4:
            return Index(_named(rng, list_of(INT)), Literal(rng.randrange(-1, 4), HERE), HERE)
        case _:
            return _on_two(rng, rng.choice(_ARITHMETIC), (INT, INT), depth)


def _double(rng: Random, depth: int) -> Expression:
    if not rng.randrange(4):
        return Call("double", None, (_expression(rng, INT, depth),), HERE)
    return _on_two(rng, rng.choice(_ARITHMETIC[:4]), (DOUBLE, DOUBLE), depth)


def _string(rng: Random, depth: int) -> Expression:
    if not rng.randrange(4):
        return Call("string", None, (_expression(rng, INT, depth),), HERE)
    return _on_two(rng, BinaryOperator.ADD, (STRING, STRING), depth)


def _timestamp(rng: Random, depth: int) -> Expression:
    return _on_two(rng, rng.choice(_ARITHMETIC[:2]), (TIMESTAMP, DURATION), depth)


def _duration(rng: Random, depth: int) -> Expression:
    if rng.randrange(2):
        return _on_two(rng, BinaryOperator.SUBTRACT, (TIMESTAMP, TIMESTAMP), depth)
    return _on_two(rng, rng.choice(_ARITHMETIC[:2]), (DURATION, DURATION), depth)


def _on_two(rng: Random, operator: BinaryOperator, sides: tuple[Type, Type], depth: int) -> Expression:
    return Binary(operator, _expression(rng, sides[0], depth), _expression(rng, sides[1], depth), HERE)


_MAKERS: dict[Type, Callable[[Random, int], Expression]] = {
    BOOL: _bool,
    INT: _int,
    DOUBLE: _double,
    STRING: _string,
    TIMESTAMP: _timestamp,
    DURATION: _duration,
}
