"""The meaning of the language: what an expression is worth for given facts. A plain walk of the tree.

`closures.py` computes the same faster, and a property test keeps the two together.
"""

from collections.abc import Mapping
from typing import TypeAlias

from service.rules.language import semantics, walk
from service.rules.language.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Expression,
    Has,
    Index,
    ListOf,
    Literal,
    Name,
    Select,
    Unary,
)
from service.rules.language.values import EvaluationError, Facts, Result, Value

Known: TypeAlias = Mapping[int, Result]
_NOTHING: Known = {}


def evaluate(expression: Expression, facts: Facts, *, known: Known = _NOTHING) -> Result:
    """The value of `expression`, or the error that it evaluates to.

    Args:
        expression: from `parse`, hence of bounded height.
        facts: nested maps with typed values, from `bind`. A fact that is None counts as absent.
        known: results for these facts that need not be worked out again, by the `id()` of their nodes.
    """
    return _result(expression, facts, known)


def _result(expression: Expression, facts: Facts, known: Known) -> Result:
    if known and id(expression) in known:
        return known[id(expression)]
    match expression:
        case Literal():
            return expression.value
        case Name() | Select():
            return _path(expression, facts, known)
        case Binary():
            return _binary(expression, facts, known)
        case Unary():
            return _unary(expression, facts, known)
        case _:
            return _compound(expression, facts, known)


def _compound(
    expression: Has | Index | ListOf | Call | Conditional | Comprehension, facts: Facts, known: Known
) -> Result:
    match expression:
        case Conditional():
            return _conditional(expression, facts, known)
        case ListOf():
            return _all(expression.items, facts, known)
        case Has():
            return _has(expression, facts, known)
        case Comprehension():
            return _comprehension(expression, facts, known)
        case Index() | Call():
            return _applied(expression, facts, known)


def _applied(expression: Index | Call, facts: Facts, known: Known) -> Result:
    operands = _all(walk.children(expression), facts, known)
    if isinstance(operands, EvaluationError):
        return operands
    if isinstance(expression, Index):
        return semantics.item(operands[0], operands[1], expression.place)
    return semantics.call(expression, operands)


def _all(expressions: tuple[Expression, ...], facts: Facts, known: Known) -> list[Value] | EvaluationError:
    """The values from left to right, or the first error."""
    found: list[Value] = []
    for expression in expressions:
        result = _result(expression, facts, known)
        if isinstance(result, EvaluationError):
            return result
        found.append(result)
    return found


def _unary(expression: Unary, facts: Facts, known: Known) -> Result:
    operand = _result(expression.operand, facts, known)
    if isinstance(operand, EvaluationError):
        return operand
    return semantics.negated(expression.operator, operand, expression.place)


def _path(expression: Name | Select, facts: Facts, known: Known) -> Result:
    if isinstance(expression, Name):
        return semantics.fact(facts, (expression.name,), expression.place)
    path = walk.path_of(expression)
    if path is not None:
        return semantics.fact(facts, path, expression.place)
    operand = _result(expression.operand, facts, known)
    if isinstance(operand, EvaluationError):
        return operand
    return semantics.select(operand, expression.field, expression.place)


def _has(expression: Has, facts: Facts, known: Known) -> Result:
    target = expression.target
    path = walk.path_of(target)
    if path is not None:
        return semantics.has_fact(facts, path, target.place)
    operand = _result(target.operand, facts, known)
    return (
        operand
        if isinstance(operand, EvaluationError)
        else semantics.has(operand, target.field, target.place)
    )


def _binary(expression: Binary, facts: Facts, known: Known) -> Result:
    if expression.operator in semantics.ABSORBING:
        return _logic(expression, facts, known)
    left = _result(expression.left, facts, known)
    if isinstance(left, EvaluationError):
        return left
    right = _result(expression.right, facts, known)
    if isinstance(right, EvaluationError):
        return right
    return semantics.BINARY[expression.operator](left, right, expression.place)


def _logic(expression: Binary, facts: Facts, known: Known) -> Result:
    decisive = semantics.ABSORBING[expression.operator]
    left = semantics.as_bool(
        _result(expression.left, facts, known), expression.operator, expression.left.place
    )
    if left is decisive:
        return decisive
    right = semantics.as_bool(
        _result(expression.right, facts, known), expression.operator, expression.right.place
    )
    if right is decisive or isinstance(left, bool):
        return right
    return left


def _conditional(expression: Conditional, facts: Facts, known: Known) -> Result:
    condition = semantics.as_bool(
        _result(expression.condition, facts, known), "?", expression.condition.place
    )
    if isinstance(condition, EvaluationError):
        return condition
    return _result(expression.then if condition else expression.otherwise, facts, known)


def _comprehension(expression: Comprehension, facts: Facts, known: Known) -> Result:
    """What is known of the body is not: there its variable is another fact each time."""
    operand = _result(expression.operand, facts, known)
    if isinstance(operand, EvaluationError):
        return operand
    found = semantics.elements(operand, expression)
    if isinstance(found, EvaluationError):
        return found

    def run(inner: Facts) -> Result:
        return _result(expression.body, inner, _NOTHING)

    return semantics.comprehend(expression, found, run, facts)
