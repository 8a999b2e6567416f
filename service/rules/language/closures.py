"""Conditions compiled to nested Python functions: the results of `evaluate`, several times faster."""

from collections.abc import Callable
from typing import TypeAlias, cast

from service.rules.language import semantics
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
    Name,
    Place,
    Select,
    Unary,
)
from service.rules.language.values import EvaluationError, Facts, Result, Value
from service.rules.language.walk import chain, path_of

Closure: TypeAlias = Callable[[Facts], Result]

_PAIR = 2


def compile_closure(expression: Expression) -> Closure:
    """A function of facts with the results of `evaluate`, errors and their places included."""
    match expression:
        case Literal():
            return _constant(expression.value)
        case Name() | Select():
            return _selection(expression)
        case Has():
            return _has(expression)
        case Binary():
            return _binary(expression)
        case Unary():
            return _unary(expression)
        case _:
            return _compound(expression)


def _compound(expression: Index | ListOf | Call | Conditional | Comprehension) -> Closure:
    match expression:
        case ListOf():
            return _list(expression)
        case Call():
            return _call(expression)
        case Index():
            return _on_both(expression.operand, expression.index, semantics.item, expression.place)
        case Conditional():
            return _conditional(expression)
        case Comprehension():
            return _comprehension(expression)


def _constant(value: Value) -> Closure:
    def run(_facts: Facts) -> Result:
        return value

    return run


def _selection(expression: Name | Select) -> Closure:
    path, place = path_of(expression), expression.place
    if path is not None:
        return _path(path, place)
    operand, field = compile_closure(cast("Select", expression).operand), cast("Select", expression).field

    def run(facts: Facts) -> Result:
        value = operand(facts)
        return value if isinstance(value, EvaluationError) else semantics.select(value, field, place)

    return run


def _path(path: tuple[str, ...], place: Place) -> Closure:
    if len(path) == _PAIR:
        return _pair(path, place)

    def run(facts: Facts) -> Result:
        return semantics.fact(facts, path, place)

    return run


def _pair(path: tuple[str, ...], place: Place) -> Closure:
    """The usual `request.priority`, without the loop."""
    first, second = path

    def run(facts: Facts) -> Result:
        group = facts.get(first)
        if type(group) is dict:
            value = group.get(second)
            if value is not None:
                return value
        return semantics.fact(facts, path, place)

    return run


def _has(expression: Has) -> Closure:
    target = expression.target
    path, field, place = path_of(target), target.field, target.place
    if path is not None:
        return _has_path(path, place)
    operand = compile_closure(target.operand)

    def run(facts: Facts) -> Result:
        value = operand(facts)
        return value if isinstance(value, EvaluationError) else semantics.has(value, field, place)

    return run


def _has_path(path: tuple[str, ...], place: Place) -> Closure:
    def run(facts: Facts) -> Result:
        return semantics.has_fact(facts, path, place)

    return run


def _unary(expression: Unary) -> Closure:
    operand, operator, place = compile_closure(expression.operand), expression.operator, expression.place

    def run(facts: Facts) -> Result:
        value = operand(facts)
        return value if isinstance(value, EvaluationError) else semantics.negated(operator, value, place)

    return run


def _list(expression: ListOf) -> Closure:
    if all(isinstance(item, Literal) for item in expression.items):
        literals: list[Value] = [cast("Literal", item).value for item in expression.items]
        return _constant(literals)
    return _every(expression.items)


def _every(expressions: tuple[Expression, ...]) -> Closure:
    """The values of all as a list, or the first error."""
    closures = tuple(map(compile_closure, expressions))

    def run(facts: Facts) -> Result:
        found: list[Value] = []
        for closure in closures:
            value = closure(facts)
            if isinstance(value, EvaluationError):
                return value
            found.append(value)
        return found

    return run


def _call(expression: Call) -> Closure:
    targets = () if expression.target is None else (expression.target,)
    operands = _every(targets + expression.arguments)

    def run(facts: Facts) -> Result:
        values = operands(facts)
        if isinstance(values, EvaluationError):
            return values
        return semantics.call(expression, cast("list[Value]", values))

    return run


def _on_both(left: Expression, right: Expression, apply: semantics.BinaryRun, place: Place) -> Closure:
    run_left, run_right = compile_closure(left), compile_closure(right)

    def run(facts: Facts) -> Result:
        first = run_left(facts)
        if isinstance(first, EvaluationError):
            return first
        second = run_right(facts)
        return second if isinstance(second, EvaluationError) else apply(first, second, place)

    return run


def _binary(expression: Binary) -> Closure:
    operator = expression.operator
    if operator in semantics.ABSORBING:
        return _logic(expression)
    if isinstance(expression.right, Literal) and operator in {BinaryOperator.EQUAL, BinaryOperator.NOT_EQUAL}:
        return _compared_with_literal(expression, expression.right.value)
    if operator is BinaryOperator.IN and isinstance(expression.right, ListOf):
        return _in_list(expression, expression.right)
    return _on_both(expression.left, expression.right, semantics.BINARY[operator], expression.place)


def _compared_with_literal(expression: Binary, literal: Value) -> Closure:
    left, place = compile_closure(expression.left), expression.place
    apply, kind = semantics.BINARY[expression.operator], type(literal)
    when_equal = expression.operator is BinaryOperator.EQUAL

    def run(facts: Facts) -> Result:
        value = left(facts)
        if type(value) is kind:
            return (value == literal) is when_equal
        return value if isinstance(value, EvaluationError) else apply(value, literal, place)

    return run


def _in_list(expression: Binary, items: ListOf) -> Closure:
    """Membership in a list of literal strings is a hash look-up."""
    literals = [item.value for item in items.items if isinstance(item, Literal)]
    texts = frozenset(value for value in literals if isinstance(value, str))
    if len(literals) < len(items.items) or not all(isinstance(value, str) for value in literals):
        return _on_both(expression.left, items, semantics.BINARY[BinaryOperator.IN], expression.place)
    left = compile_closure(expression.left)

    def run(facts: Facts) -> Result:
        value = left(facts)
        if isinstance(value, EvaluationError):
            return value
        return type(value) is str and value in texts

    return run


def _logic(expression: Binary) -> Closure:
    operator = expression.operator
    decisive = semantics.ABSORBING[operator]
    operands = tuple((compile_closure(one), one.place) for one in chain(expression, operator))

    def run(facts: Facts) -> Result:
        error: EvaluationError | None = None
        for closure, place in operands:
            value = closure(facts)
            if value is decisive:
                return decisive
            if type(value) is not bool and error is None:
                error = cast("EvaluationError", semantics.as_bool(value, operator, place))
        return not decisive if error is None else error

    return run


def _conditional(expression: Conditional) -> Closure:
    condition, place = compile_closure(expression.condition), expression.condition.place
    then, otherwise = compile_closure(expression.then), compile_closure(expression.otherwise)

    def run(facts: Facts) -> Result:
        truth = semantics.as_bool(condition(facts), "?", place)
        if isinstance(truth, EvaluationError):
            return truth
        return then(facts) if truth else otherwise(facts)

    return run


def _comprehension(expression: Comprehension) -> Closure:
    operand, body = compile_closure(expression.operand), compile_closure(expression.body)

    def run(facts: Facts) -> Result:
        value = operand(facts)
        if isinstance(value, EvaluationError):
            return value
        found = semantics.elements(value, expression)
        if isinstance(found, EvaluationError):
            return found
        return semantics.comprehend(expression, found, body, facts)

    return run
