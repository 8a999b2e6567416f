"""Parts of a condition that are one fact against constants, and the codes that make them true. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.rules.compile.columns import KIND_OF, Code, Column, Kind, Scalar
from service.rules.language import evaluate
from service.rules.language.syntax import (
    Binary,
    BinaryOperator,
    Call,
    Expression,
    Has,
    ListOf,
    Literal,
    Name,
    Select,
    Unary,
    UnaryOperator,
)
from service.rules.language.values import Duration, Timestamp
from service.rules.language.walk import path_of

MIRRORED = {
    BinaryOperator.EQUAL: BinaryOperator.EQUAL,
    BinaryOperator.NOT_EQUAL: BinaryOperator.NOT_EQUAL,
    BinaryOperator.LESS: BinaryOperator.GREATER,
    BinaryOperator.LESS_OR_EQUAL: BinaryOperator.GREATER_OR_EQUAL,
    BinaryOperator.GREATER: BinaryOperator.LESS,
    BinaryOperator.GREATER_OR_EQUAL: BinaryOperator.LESS_OR_EQUAL,
}
CONSTANT_CALLS = frozenset({"timestamp", "duration"})


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Sets of codes, as bits of an int: where an atom is true, and where false. Elsewhere it is an error."""

    true: int
    false: int


@dataclass(frozen=True, slots=True)
class Compared:
    """`path operator constant`. `None` is CEL's null."""

    path: tuple[str, ...]
    operator: BinaryOperator
    constant: Scalar | None

    @property
    def constants(self) -> tuple[Scalar, ...]:
        return () if self.constant is None else (self.constant,)

    def verdicts(self, column: Column) -> Verdicts:
        if self.operator is BinaryOperator.EQUAL:
            return _equal_to_any(column, self.constants)
        if self.operator is BinaryOperator.NOT_EQUAL:
            equal = _equal_to_any(column, self.constants)
            return Verdicts(equal.false, equal.true)
        return ordered(column, self.operator, self.constants[0])


@dataclass(frozen=True, slots=True)
class Listed:
    """`path in [constants]`."""

    path: tuple[str, ...]
    constants: tuple[Scalar, ...]

    def verdicts(self, column: Column) -> Verdicts:
        return _equal_to_any(column, self.constants)


@dataclass(frozen=True, slots=True)
class Present:
    """`has(path)`."""

    path: tuple[str, ...]
    constants: tuple[Scalar, ...] = ()

    def verdicts(self, column: Column) -> Verdicts:
        return Verdicts(_present(column), 1 << Code.ABSENT)


@dataclass(frozen=True, slots=True)
class Truth:
    """The fact itself as a condition."""

    path: tuple[str, ...]
    constants: tuple[Scalar, ...] = (False, True)

    def verdicts(self, column: Column) -> Verdicts:
        return Verdicts(1 << column.code(True), 1 << column.code(False))  # noqa: FBT003 the values, not flags


Atom = Compared | Listed | Present | Truth


def _present(column: Column) -> int:
    return (1 << column.size) - (1 << Code.OTHER)


def _equal_to_any(column: Column, constants: tuple[Scalar, ...]) -> Verdicts:
    """Values of different kinds are unequal, which is no error."""
    equal = 0
    for constant in constants:
        equal |= 1 << column.code(constant)
    return Verdicts(equal, _present(column) & ~equal)


def ordered(column: Column, operator: BinaryOperator, constant: Scalar) -> Verdicts:
    """Values of different kinds have no order, which is an error. NaN compared is false."""
    scale = column.scales[type(constant)]
    at = scale.code(constant)
    below = (1 << at) - (1 << scale.low)
    above = (1 << scale.high + 1) - (1 << at + 1)
    true = {
        BinaryOperator.LESS: below,
        BinaryOperator.LESS_OR_EQUAL: below | 1 << at,
        BinaryOperator.GREATER: above,
        BinaryOperator.GREATER_OR_EQUAL: above | 1 << at,
    }[operator]
    false = (below | 1 << at | above) & ~true
    is_number = KIND_OF[type(constant)] is Kind.NUMBER
    return Verdicts(true, false | (1 << Code.NAN if is_number else 0))


def atom(expression: Expression) -> Atom | None:
    """The expression as one fact against constants, or None when it is more than that."""
    match expression:
        case Name() | Select():
            path = path_of(expression)
            return None if path is None else Truth(path)
        case Has(target=target):
            path = path_of(target)
            return None if path is None else Present(path)
        case Binary(operator=BinaryOperator.IN):
            return _listed(expression)
        case Binary(operator=operator) if operator in MIRRORED:
            return _compared(expression.left, operator, expression.right) or _compared(
                expression.right, MIRRORED[operator], expression.left
            )
        case _:
            return None


def _listed(expression: Binary) -> Listed | None:
    path = path_of(expression.left)
    if path is None or not isinstance(expression.right, ListOf):
        return None
    constants: list[Scalar] = []
    for item in expression.right.items:
        found = _constant(item)
        if found is None or found.value is None:
            return None
        constants.append(found.value)
    return Listed(path, tuple(constants))


def _compared(left: Expression, operator: BinaryOperator, right: Expression) -> Compared | None:
    path, found = path_of(left), _constant(right)
    if path is None or found is None:
        return None
    is_equality = operator in {BinaryOperator.EQUAL, BinaryOperator.NOT_EQUAL}
    return Compared(path, operator, found.value) if is_equality or found.value is not None else None


@dataclass(frozen=True, slots=True)
class Constant:
    value: Scalar | None


def _constant(expression: Expression) -> Constant | None:
    match expression:
        case Literal(value=value):
            return Constant(value)
        case Unary(operator=UnaryOperator.NEGATE, operand=Literal()):
            return _folded(expression)
        case Call(function=function, target=None, arguments=(Literal(),)) if function in CONSTANT_CALLS:
            return _folded(expression)
        case _:
            return None


def _folded(expression: Expression) -> Constant | None:
    """Let the reference evaluator compute it, so that there is one reading of dates and durations."""
    value = evaluate.evaluate(expression, {})
    return Constant(value) if isinstance(value, int | float | Timestamp | Duration) else None


def atoms(expression: Expression) -> Iterator[Atom]:
    """All atoms below the logical operators, without recursion: conditions may be deep."""
    pending = [expression]
    while pending:
        match pending.pop():
            case Binary(operator=BinaryOperator.AND | BinaryOperator.OR, left=left, right=right):
                pending += (left, right)
            case Unary(operator=UnaryOperator.NOT, operand=operand):
                pending.append(operand)
            case other:
                found = atom(other)
                if found is not None:
                    yield found
