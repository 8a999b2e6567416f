"""Parts of a condition that make no difference: values that it excludes, branches never taken. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.rules.checks import world as worlds
from service.rules.checks.places import Places, Where
from service.rules.checks.world import World
from service.rules.compile.atoms import Compared, Listed, atom
from service.rules.compile.columns import Column
from service.rules.compile.terms import LOGIC
from service.rules.domain import Scope
from service.rules.findings import Finding
from service.rules.language.format import format_expression, literal_text
from service.rules.language.syntax import (
    Binary,
    BinaryOperator,
    Comprehension,
    Conditional,
    Expression,
    ListOf,
    Unary,
    UnaryOperator,
)
from service.rules.language.values import Value
from service.rules.language.walk import children, path_text, shortened

PARTS_MAX = 10_000
"""Of all rules together; what is beyond is not looked at."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a rule's condition.

    Attributes:
        rule: the rule's index.
        condition: what should be true at times.
        shown: the part as it stands there.
        told: what is said of it if that never is.
    """

    rule: int
    condition: Expression
    shown: Expression
    told: str


def dead_values(world: World, places: Places) -> Iterator[Finding]:
    """Values that a condition asks for, though with them it is never true."""
    columns = {column.path: index for index, column in enumerate(world.columns) if isinstance(column, Column)}
    for rule, condition in enumerate(world.conditions):
        if not world.true[rule]:
            continue
        for compared in filter(None, map(_compared, _asserted(condition))):
            index = columns.get(compared.path)
            if index is not None:
                yield from _dead_values(world, rule, index, compared, places)


@dataclass(frozen=True, slots=True)
class _Values:
    """What a fact is compared with, of which one is enough."""

    path: tuple[str, ...]
    values: Sequence[tuple[Expression, Value]]


def _compared(node: Expression) -> _Values | None:
    match atom(node):
        case Listed(path=path, constants=constants) if isinstance(node, Binary) and isinstance(
            node.right, ListOf
        ):
            return _Values(path, list(zip(node.right.items, constants, strict=True)))
        case Compared(path=path, operator=BinaryOperator.EQUAL, constant=constant) if constant is not None:
            return _Values(path, [(node, constant)])
        case _:
            return None


def _dead_values(world: World, rule: int, index: int, compared: _Values, places: Places) -> Iterator[Finding]:
    column = world.columns[index]
    allowed = _allowed(world, rule, index)
    seen: set[int] = set()
    for node, value in compared.values:
        where = places.part(rule, node.place, compared.path)
        text = shortened(
            literal_text(value) if isinstance(value, bool | int | float | str) else format_expression(node)
        )
        code = column.code(value) if isinstance(column, Column) else 0
        if code in seen:
            yield _finding(
                "dead-value", where, f"{text} stands in this list twice.", "Leave one of them out."
            )
        elif world.space[index] >> code & 1 and not allowed >> code & 1:
            reason = f"Where {path_text(compared.path)} is {text} the condition is never true all the same."
            yield _finding("dead-value", where, reason, "Leave the value out, or mend what excludes it.")
        seen.add(code)


def _allowed(world: World, rule: int, index: int) -> int:
    """The codes that the fact has where the condition is true."""
    allowed = 0
    for term in world.true[rule]:
        allowed |= dict(term).get(index, world.space[index])
    return allowed


def _asserted(node: Expression, *, is_positive: bool = True) -> Iterator[Expression]:
    """The parts below the logical operators that help the condition to be true when they are."""
    match node:
        case Binary(operator=operator, left=left, right=right) if operator in LOGIC:
            yield from _asserted(left, is_positive=is_positive)
            yield from _asserted(right, is_positive=is_positive)
        case Unary(operator=UnaryOperator.NOT, operand=operand):
            yield from _asserted(operand, is_positive=not is_positive)
        case _ if is_positive:
            yield node
        case _:
            return


def dead_branches(world: World, scope: Scope, places: Places) -> Iterator[Finding]:
    """Branches of `||` and of `a ? b : c` that are never true, or never taken."""
    parts = [
        part
        for rule, condition in enumerate(world.conditions)
        if world.true[rule]
        for part in (*_alternatives(rule, condition), *_choices(rule, condition))
    ][:PARTS_MAX]
    apart = worlds.world_of([part.condition for part in parts], world.declarations, scope)
    for part, terms in zip(parts, apart.true, strict=True):
        if not terms:
            where = places.part(part.rule, part.shown.place, None)
            text = shortened(format_expression(part.shown))
            reason = f"`{text}` {part.told}."
            yield _finding("dead-branch", where, reason, "Mend what it stands beside, or leave it out.")


def _alternatives(rule: int, node: Expression, *, is_positive: bool = True) -> Iterator[_Part]:
    """The operands of which one is enough for the condition to be true."""
    match node:
        case Binary(operator=operator, left=left, right=right) if operator in LOGIC:
            is_choice = (operator is BinaryOperator.OR) is is_positive
            for operand in (left, right):
                if is_choice and not _is_same(operand, operator):
                    yield _Part(rule, operand if is_positive else _not(operand), operand, _never(is_positive))
                yield from _alternatives(rule, operand, is_positive=is_positive)
        case Unary(operator=UnaryOperator.NOT, operand=operand):
            yield from _alternatives(rule, operand, is_positive=not is_positive)
        case _:
            return


def _never(is_positive: bool) -> str:  # noqa: FBT001 the subject
    return "is never true" if is_positive else "is never false"


def _is_same(node: Expression, operator: BinaryOperator) -> bool:
    return isinstance(node, Binary) and node.operator is operator


def _choices(rule: int, node: Expression) -> Iterator[_Part]:
    """The branches of `a ? b : c`, wherever they are but in a macro, where names may mean something else."""
    if isinstance(node, Conditional):
        yield _Part(rule, node.condition, node.then, "is never taken")
        yield _Part(rule, _not(node.condition), node.otherwise, "is never taken")
    inner = (node.operand,) if isinstance(node, Comprehension) else children(node)
    for child in inner:
        yield from _choices(rule, child)


def _not(node: Expression) -> Expression:
    return Unary(UnaryOperator.NOT, node, node.place)


def _finding(code: str, where: Where, reason: str, remedy: str) -> Finding:
    return Finding(
        code=code, pointer=where.pointer, reason=reason, remedy=remedy, line=where.line, column=where.column
    )
