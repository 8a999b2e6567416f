"""The facts that the rules of a policy tell apart, as codes: what there can be, what may well come. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.rules.checks import samples
from service.rules.compile import boxes
from service.rules.compile.boxes import Box
from service.rules.compile.columns import Code, Column, Outcome
from service.rules.compile.terms import LOGIC, Side, Term, Terms
from service.rules.domain import Scope
from service.rules.language.bind import bind
from service.rules.language.encode import json_value
from service.rules.language.evaluate import evaluate
from service.rules.language.format import literal_text
from service.rules.language.syntax import Binary, Expression, Literal, Unary, UnaryOperator
from service.rules.language.types import DYN, STRING, Declarations, Type, TypeName
from service.rules.language.values import Duration, Timestamp, Value
from service.rules.language.walk import children, cost_of, path_text, paths

SHOWN_MAX = 5
GUESSES_MAX = 12
"""How many texts are tried where only the evaluator can say whether a condition is true."""

FOLDED_COST_MAX = 2_000
TRY_STEPS_MAX = 500
"""Conditions that may take longer are not tried at all."""

COST_PER_STEP = 50
"""Parts that are evaluated, macros and all, in the time of one step of comparing boxes."""

Path = tuple[str, ...]
Example = Mapping[Path, Value]
"""Facts that are there; all others are absent."""


@dataclass(frozen=True, slots=True)
class World:
    """What the facts can be that some conditions ask for.

    Attributes:
        conditions: in the order of the rules.
        declarations: of the facts.
        columns: one for each fact, and one for each part that is left to the evaluator.
        true: for each condition the boxes in which it is true, inside the space.
        space: all that there can be at all. What is left to the evaluator may come out any way.
        meant: facts that are absent or have one of their declared values.
        ordinary: facts that are there and have one of their declared values.
        values: for each column a value for each code that one can have.
    """

    conditions: Sequence[Expression]
    declarations: Declarations
    columns: Sequence[Column | Outcome]
    true: Sequence[Sequence[Term]]
    space: Box
    meant: Box
    ordinary: Box
    values: Mapping[int, Mapping[int, Value]]


def world_of(
    conditions: Sequence[Expression], declarations: Declarations, scope: Scope | None = None
) -> World:
    """The world of some conditions, each checked against the declarations.

    Args:
        conditions: in the order of the rules.
        declarations: of the facts.
        scope: of the policy: facts that it asks for are as it asks.
    """
    asked = {} if scope is None else _asked(scope)
    closed = [folded(condition) for condition in conditions]
    terms = Terms(closed)
    written = [terms.of(condition, Side.TRUE) for condition in closed]
    columns = list(enumerate(terms.columns))
    values = {index: _values(column, declarations, asked) for index, column in columns}
    space = {index: _space(column, values[index], declarations, asked) for index, column in columns}
    ordinary = {index: _ordinary(column, space[index], declarations) for index, column in columns}
    meant = {
        index: ordinary[index] | space[index] & 1 << Code.ABSENT
        if isinstance(column, Column)
        else space[index]
        for index, column in columns
    }
    true = [_narrowed(each, space) for each in written]
    return World(conditions, declarations, terms.columns, true, space, meant, ordinary, values)


def folded(expression: Expression) -> Expression:
    """The condition with what reads no fact worked out, where it is true or false."""
    match expression:
        case Binary(operator=operator, left=left, right=right) if operator in LOGIC:
            return Binary(operator, folded(left), folded(right), expression.place)
        case Unary(operator=UnaryOperator.NOT, operand=operand):
            return Unary(UnaryOperator.NOT, folded(operand), expression.place)
        case Literal():
            return expression
        case _:
            if any(paths(expression)) or cost_of(expression) > FOLDED_COST_MAX:
                return expression
            value = evaluate(expression, {})
            return Literal(value, expression.place) if isinstance(value, bool) else expression


def _narrowed(terms: Iterable[Term], space: Box) -> list[Term]:
    inside = (boxes.narrowed(term, space) for term in sorted(terms, key=sorted))
    return list(dict.fromkeys(term for term in inside if term is not None))


def _asked(scope: Scope) -> dict[Path, frozenset[str]]:
    named = {
        ("request", "type"): scope.request_types,
        ("service", "name"): scope.services,
        ("client", "name"): scope.clients,
    }
    return {path: names for path, names in named.items() if names}


def _type(path: Path, declarations: Declarations) -> Type:
    declared = declarations.get(".".join(path))
    return DYN if declared is None else declared.type


def _values(
    column: Column | Outcome, declarations: Declarations, asked: Mapping[Path, frozenset[str]]
) -> Mapping[int, Value]:
    if isinstance(column, Outcome):
        return {}
    names = asked.get(column.path)
    if names is not None:
        return {column.code(name): name for name in sorted(names)}
    return samples.values_of(column, _type(column.path, declarations))


def _space(
    column: Column | Outcome,
    values: Mapping[int, Value],
    declarations: Declarations,
    asked: Mapping[Path, frozenset[str]],
) -> int:
    """The codes that a fact can have: it is bound to its declared type beforehand."""
    if isinstance(column, Outcome):
        return (1 << column.size) - 1
    if column.path in asked:
        return _bits(values)
    way = [".".join(column.path[:length]) for length in range(1, len(column.path))]
    is_reached = all(_is_map(name, declarations) for name in way)
    return _bits({Code.ABSENT, *values} if is_reached else {Code.UNREACHABLE, Code.ABSENT, *values})


def _is_map(name: str, declarations: Declarations) -> bool:
    """Whether there never is anything but a map."""
    declared = declarations.get(name)
    if declared is not None:
        return declared.type.name is TypeName.MAP
    return any(known.startswith(f"{name}.") for known in declarations)


def _ordinary(column: Column | Outcome, space: int, declarations: Declarations) -> int:
    if isinstance(column, Outcome):
        return 1 << Outcome.TRUE | 1 << Outcome.FALSE
    declared = declarations.get(".".join(column.path))
    if declared is None:
        return space
    if declared.values is not None:
        return _bits({column.code(value) for value in declared.values}) & space or space
    return space & ~_bits({Code.UNREACHABLE, Code.ABSENT}) or space


def _bits(codes: Iterable[int]) -> int:
    return sum(1 << code for code in set(codes))


def example(world: World, part: Box) -> Example:
    """Facts of a part, for those of its columns that are facts. What may be absent is absent."""
    found: dict[Path, Value] = {}
    for index, mask in part.items():
        column = world.columns[index]
        if isinstance(column, Column) and not mask >> Code.ABSENT & 1:
            value = _value(world, index, mask)
            if value is not None:
                found[column.path] = value
    return found


def _value(world: World, index: int, mask: int) -> Value:
    """One of the values that a fact may have there: a constant sooner than what is beside it."""
    fitting = [value for code, value in world.values[index].items() if mask >> code & 1]
    return fitting[0] if fitting else None


def proven(world: World, part: Box, rules: Sequence[int], spend: Callable[[int], None]) -> Example | None:
    """Facts for which the conditions of all these rules are true; None when none were found.

    Args:
        world: of the conditions.
        part: a box in which all of them are true, as far as can be seen.
        rules: the conditions' indexes.
        spend: is told how many steps each try takes.
    """
    found = example(world, part)
    wanted = [world.conditions[rule] for rule in rules]
    steps = 1 + sum(map(cost_of, wanted)) // COST_PER_STEP
    if steps > TRY_STEPS_MAX:
        return None
    for guess in _guesses(wanted, found, world.declarations):
        spend(steps)
        facts = bind({".".join(path): value for path, value in guess.items()}, world.declarations).facts
        if all(evaluate(condition, facts) is True for condition in wanted):
            return guess
    return None


def _guesses(
    conditions: Sequence[Expression], found: Example, declarations: Declarations
) -> Iterator[Example]:
    """The example, and then with each text of the conditions for the facts that it says nothing of."""
    yield found
    left = {
        path
        for condition in conditions
        for path in paths(condition)
        if path not in found and _type(path, declarations) == STRING
    }
    if not left:
        return
    texts = list(dict.fromkeys(text for condition in conditions for text in _texts(condition)))
    alone, joined = texts[: GUESSES_MAX - 2], ["".join(texts), "".join(reversed(texts))]
    for text in [*alone, *joined]:
        yield {**found, **dict.fromkeys(left, text)}


def _texts(node: Expression) -> Iterator[str]:
    if isinstance(node, Literal) and isinstance(node.value, str):
        yield node.value
    for child in children(node):
        yield from _texts(child)


def told(facts: Example) -> str:
    """An example in words."""
    shown = [f"{path_text(path)} is {_value_text(value)}" for path, value in sorted(facts.items())][
        :SHOWN_MAX
    ]
    return " and ".join(shown)


def told_part(world: World, part: Box) -> str:
    """A part of the ordinary in words: a value of each fact, or that it has none that the rules name."""
    said = [
        _column_text(world, index, mask)
        for index, mask in part.items()
        if mask != world.ordinary[index] and isinstance(world.columns[index], Column)
    ]
    return " and ".join(said[:SHOWN_MAX])


def _column_text(world: World, index: int, mask: int) -> str:
    column = world.columns[index]
    if isinstance(column, Outcome):
        return ""
    name = path_text(column.path)
    for scale in column.scales.values():
        for value, code in scale.codes.items():
            if mask >> code & 1:
                return f"{name} is {_value_text(value)}"
    value = _value(world, index, mask)
    if isinstance(value, bool | int | float | Timestamp | Duration):
        return f"{name} is {_value_text(value)}"
    return f"{name} is absent" if value is None else f"{name} is none of the values named"


def _value_text(value: Value) -> str:
    if isinstance(value, Timestamp | Duration):
        return str(json_value(value))
    return literal_text(value) if isinstance(value, bool | int | float | str) else str(value)
