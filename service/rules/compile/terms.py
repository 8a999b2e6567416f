"""Conditions to disjunctions of terms. A term says, for some columns, which codes each may have. Pure.

Four sides of a condition can be asked for: where it is true, where it is false, and the complements of both,
which differ from them by the errors. `!(p == "P1")` with p absent is in neither of the first two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from service.rules.compile.atoms import Verdicts, atom, atoms
from service.rules.compile.columns import Column, Outcome, Scalar, column
from service.rules.compile.shape import Shape, shape
from service.rules.language import closures
from service.rules.language.syntax import Binary, BinaryOperator, Expression, Literal, Unary, UnaryOperator

Term = frozenset[tuple[int, int]]
"""Pairs of a column's index and the codes it may have, as bits; all must hold. Empty: always."""

TERMS_MAX = 16
TERM_COLUMNS_MAX = 48


class Side(Enum):
    TRUE = "is true"
    FALSE = "is false"
    NOT_FALSE = "is true or an error"
    NOT_TRUE = "is false or an error"


NEGATED = {
    Side.TRUE: Side.FALSE,
    Side.FALSE: Side.TRUE,
    Side.NOT_FALSE: Side.NOT_TRUE,
    Side.NOT_TRUE: Side.NOT_FALSE,
}
BOTH_MUST = frozenset(
    {
        (BinaryOperator.AND, Side.TRUE),
        (BinaryOperator.AND, Side.NOT_FALSE),
        (BinaryOperator.OR, Side.FALSE),
        (BinaryOperator.OR, Side.NOT_TRUE),
    }
)
OUTCOMES = Verdicts(true=1 << Outcome.TRUE, false=1 << Outcome.FALSE)
LOGIC = frozenset({BinaryOperator.AND, BinaryOperator.OR})


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one condition.

    Attributes:
        true: one of these terms holds exactly when the condition is true. not_false: one of these holds
        exactly when it is true or an error. doubts: for some columns, the codes at which a part of the
        condition is an error. Where none of them is met,
            the condition is no error either.
    """

    true: frozenset[Term]
    not_false: frozenset[Term]
    doubts: Mapping[int, int]


class Terms:
    """Writes the conditions of one rule set as terms over shared columns, which it collects on the way."""

    def __init__(self, conditions: Sequence[Expression]) -> None:
        constants: dict[tuple[str, ...], list[Scalar]] = {}
        for condition in conditions:
            for found in atoms(condition):
                constants.setdefault(found.path, []).extend(found.constants)
        self.columns: list[Column | Outcome] = [column(path, constants[path]) for path in constants]
        self._paths = {path: index for index, path in enumerate(constants)}
        self._outcomes: dict[Shape, int] = {}
        self._doubts: dict[int, int] = {}

    def rule(self, condition: Expression) -> Rule:
        """Both sides of a condition that the engine is asked for."""
        self._doubts = {}
        true, not_false = self.of(condition, Side.TRUE), self.of(condition, Side.NOT_FALSE)
        return Rule(true, not_false, {index: mask for index, mask in self._doubts.items() if mask})

    def of(self, condition: Expression, side: Side) -> frozenset[Term]:
        """One side of a condition. At most `TERMS_MAX` terms of at most `TERM_COLUMNS_MAX` columns each."""
        match condition:
            case Literal(value=bool() as value):
                holds = value is (side in {Side.TRUE, Side.NOT_FALSE})
                return frozenset({Term()}) if holds else frozenset()
            case Unary(operator=UnaryOperator.NOT, operand=operand):
                return self.of(operand, NEGATED[side])
            case Binary(operator=operator) if operator in LOGIC:
                return self._joined(condition, side)
            case _:
                return self._tested(condition, side)

    def _joined(self, condition: Binary, side: Side) -> frozenset[Term]:
        left, right = self.of(condition.left, side), self.of(condition.right, side)
        if (condition.operator, side) in BOTH_MUST:
            terms = frozenset(joined for a in left for b in right if (joined := _both(a, b)) is not None)
        else:
            terms = self._either(left | right)
        if len(terms) > TERMS_MAX or any(len(term) > TERM_COLUMNS_MAX for term in terms):
            return self._decided(condition, side)
        return terms

    def _either(self, terms: frozenset[Term]) -> frozenset[Term]:
        """Terms of one and the same column become one: `p == "P1" || p == "P2"` is a single test."""
        masks: dict[int, int] = {}
        others = {term for term in terms if len(term) != 1}
        for term in terms - others:
            ((index, mask),) = term
            masks[index] = masks.get(index, 0) | mask
        return frozenset(others | {Term({item}) for item in masks.items()})

    def _tested(self, condition: Expression, side: Side) -> frozenset[Term]:
        found = atom(condition)
        if found is None:
            return self._decided(condition, side)
        index = self._paths[found.path]
        tested = self.columns[index]
        if isinstance(tested, Outcome):
            raise TypeError("a path names a column of values")
        return self._where(index, found.verdicts(tested), side)

    def _decided(self, condition: Expression, side: Side) -> frozenset[Term]:
        """Leave the condition to the evaluator."""
        key = shape(condition)
        if key not in self._outcomes:
            self._outcomes[key] = len(self.columns)
            self.columns.append(Outcome(closures.compile_closure(condition)))
        return self._where(self._outcomes[key], OUTCOMES, side)

    def _where(self, index: int, verdicts: Verdicts, side: Side) -> frozenset[Term]:
        everything = (1 << self.columns[index].size) - 1
        errors = everything & ~(verdicts.true | verdicts.false)
        self._doubts[index] = self._doubts.get(index, 0) | errors
        mask = {
            Side.TRUE: verdicts.true,
            Side.FALSE: verdicts.false,
            Side.NOT_FALSE: everything & ~verdicts.false,
            Side.NOT_TRUE: everything & ~verdicts.true,
        }[side]
        return frozenset({Term({(index, mask)})}) if mask else frozenset()


def _both(left: Term, right: Term) -> Term | None:
    """The term of what both allow, or None when they contradict each other."""
    masks = dict(left)
    for index, mask in right:
        masks[index] = masks.get(index, mask) & mask
    return Term(masks.items()) if all(masks.values()) else None
