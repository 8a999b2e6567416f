"""One node's meaning, given what its operands are worth. For the plain walk and the compiled closures."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence

from service.rules.language.effort import IS_LATE, OutOfTime
from service.rules.language.overloads import (
    FUNCTION_NAMES,
    FUNCTIONS_BY_CLASSES,
    OPERATORS_BY_CLASSES,
)
from service.rules.language.syntax import BinaryOperator, Call, Comprehension, Macro, Place, UnaryOperator
from service.rules.language.values import (
    EvaluationError,
    Facts,
    Refusal,
    Result,
    Value,
    are_ordered,
    equal,
    type_name,
)
from service.rules.language.walk import ELEMENTS_MAX, path_text, shortened

ELEMENTS_PER_LOOK = 8
"""Elements of a macro between two looks at the clock."""

BinaryRun = Callable[[Value, Value, Place], Result]
_COMPARISONS: dict[BinaryOperator, Callable[..., bool]] = {
    BinaryOperator.LESS: operator.lt,
    BinaryOperator.LESS_OR_EQUAL: operator.le,
    BinaryOperator.GREATER: operator.gt,
    BinaryOperator.GREATER_OR_EQUAL: operator.ge,
}


def fact(facts: Facts, path: Sequence[str], place: Place) -> Result:
    """The fact at `path`. Null, or nothing anywhere on the way, is absent."""
    value: Value = facts.get(path[0])
    for depth in range(1, len(path)):
        if value is None:
            break
        if not isinstance(value, dict):
            return _no_field(path_text(path[:depth]), value, path[depth], place)
        value = value.get(path[depth])
    return EvaluationError(f"no such fact: {path_text(path)}", place) if value is None else value


def has_fact(facts: Facts, path: Sequence[str], place: Place) -> Result:
    """Whether there is a fact at `path`; an absent map on the way has no fields, and is no error."""
    value: Value = facts.get(path[0])
    for depth in range(1, len(path)):
        if value is None:
            return False
        if not isinstance(value, dict):
            return _no_field(path_text(path[:depth]), value, path[depth], place)
        value = value.get(path[depth])
    return value is not None


def _no_field(what: str, value: Value, field: str, place: Place) -> EvaluationError:
    return EvaluationError(f"{what} is of type {type_name(value)} and has no field {field}", place)


def select(operand: Value, field: str, place: Place) -> Result:
    if not isinstance(operand, dict):
        return _no_field("the value", operand, field, place)
    value = operand.get(field)
    return EvaluationError(f"no such key: {field}", place) if value is None else value


def has(operand: Value, field: str, place: Place) -> Result:
    if not isinstance(operand, dict):
        return _no_field("the value", operand, field, place)
    return operand.get(field) is not None


def item(operand: Value, index: Value, place: Place) -> Result:
    """`operand[index]`."""
    if isinstance(operand, list):
        return _list_item(operand, index, place)
    if not isinstance(operand, dict):
        return EvaluationError(f"no such overload: {type_name(operand)}[{type_name(index)}]", place)
    value = operand.get(index) if isinstance(index, str) else None
    return EvaluationError(f"no such key: {shortened(str(index))}", place) if value is None else value


def _list_item(items: list[Value], index: Value, place: Place) -> Result:
    position = int(index) if isinstance(index, float) and index.is_integer() else index
    if type(position) is not int:
        return EvaluationError(f"no such overload: list[{type_name(index)}]", place)
    if not 0 <= position < len(items):
        return EvaluationError(f"index {position} is out of bounds: the list has {len(items)} items", place)
    return items[position]


def _equal(left: Value, right: Value, _place: Place) -> Result:
    return equal(left, right)


def _not_equal(left: Value, right: Value, _place: Place) -> Result:
    return not equal(left, right)


def _in(left: Value, right: Value, place: Place) -> Result:
    if isinstance(right, list):
        # Python's `in` is fast, and finds whatever is equal here; what it finds beyond that is sorted out.
        return left in right and any(equal(left, one) for one in right)
    if isinstance(right, dict):
        return isinstance(left, str) and right.get(left) is not None
    return EvaluationError(f"no such overload: {type_name(left)} in {type_name(right)}", place)


def _ordering(symbol: BinaryOperator) -> BinaryRun:
    compare = _COMPARISONS[symbol]

    def run(left: Value, right: Value, place: Place) -> Result:
        if are_ordered(left, right):
            return compare(left, right)
        return EvaluationError(f"no such overload: {type_name(left)} {symbol} {type_name(right)}", place)

    return run


def _arithmetic(symbol: BinaryOperator) -> BinaryRun:
    def run(left: Value, right: Value, place: Place) -> Result:
        found = OPERATORS_BY_CLASSES.get((symbol, False, (type(left), type(right))))
        if found is None:
            return EvaluationError(f"no such overload: {type_name(left)} {symbol} {type_name(right)}", place)
        return _placed(found(left, right), place)

    return run


BINARY: dict[BinaryOperator, BinaryRun] = {
    BinaryOperator.EQUAL: _equal,
    BinaryOperator.NOT_EQUAL: _not_equal,
    BinaryOperator.IN: _in,
    **{symbol: _ordering(symbol) for symbol in _COMPARISONS},
    **{
        symbol: _arithmetic(symbol)
        for symbol in (
            BinaryOperator.ADD,
            BinaryOperator.SUBTRACT,
            BinaryOperator.MULTIPLY,
            BinaryOperator.DIVIDE,
            BinaryOperator.MODULO,
        )
    },
}
"""Every binary operator but `&&` and `||`, which look at errors too."""

ABSORBING: dict[BinaryOperator, bool] = {BinaryOperator.AND: False, BinaryOperator.OR: True}
"""The operand that decides alone, whatever the others are worth, errors included."""


def as_bool(result: Result, symbol: str, place: Place) -> bool | EvaluationError:
    """The result as the operand of `!`, `&&`, `||` or `?`; `place` is the operand's."""
    if isinstance(result, bool | EvaluationError):
        return result
    return EvaluationError(f"no such overload: `{symbol}` wants a bool, found {type_name(result)}", place)


def negated(operator_: UnaryOperator, operand: Value, place: Place) -> Result:
    if operator_ is UnaryOperator.NOT:
        truth = as_bool(operand, "!", place)
        return truth if isinstance(truth, EvaluationError) else not truth
    found = OPERATORS_BY_CLASSES.get(("-", False, (type(operand),)))
    if found is None:
        return EvaluationError(f"no such overload: -{type_name(operand)}", place)
    return _placed(found(operand), place)


def call(node: Call, operands: Sequence[Value]) -> Result:
    """Apply a function to its operands, the target first."""
    is_member = node.target is not None
    found = FUNCTIONS_BY_CLASSES.get((node.function, is_member, tuple(map(type, operands))))
    if found is not None:
        return _placed(found(*operands), node.place)
    if node.function not in FUNCTION_NAMES:
        return EvaluationError(f"no such function: {node.function}", node.place)
    names = [type_name(operand) for operand in operands]
    target = f"{names.pop(0)}." if is_member else ""
    return EvaluationError(f"no such overload: {target}{node.function}({', '.join(names)})", node.place)


def elements(operand: Value, node: Comprehension) -> list[Value] | EvaluationError:
    """What a macro goes through: the items of a list, or the keys of a map.

    Keys go by code point: the order in which they come is not kept where facts are.
    """
    if not isinstance(operand, list | dict):
        return EvaluationError(f"no such overload: {type_name(operand)}.{node.macro}", node.place)
    if len(operand) > ELEMENTS_MAX:
        message = f"`{node.macro}` goes through {ELEMENTS_MAX} elements at most; there are {len(operand):,}"
        return EvaluationError(message, node.place)
    return list(operand) if isinstance(operand, list) else list[Value](sorted(operand))


def comprehend(
    node: Comprehension, found: Sequence[Value], run: Callable[[Facts], Result], facts: Facts
) -> Result:
    """What a macro makes of these elements. `run` evaluates its body.

    Raises:
        OutOfTime: the evaluation takes longer than it may.
    """
    results = _results(node, found, run, facts)
    match node.macro:
        case Macro.ALL:
            return _quantified(results, node, decisive=False)
        case Macro.EXISTS:
            return _quantified(results, node, decisive=True)
        case Macro.MAP:
            return _collected(results)
        case Macro.FILTER | Macro.EXISTS_ONE:
            chosen = _chosen(results, node)
            if isinstance(chosen, EvaluationError) or node.macro is Macro.FILTER:
                return chosen
            return len(chosen) == 1


def _results(
    node: Comprehension, found: Sequence[Value], run: Callable[[Facts], Result], facts: Facts
) -> Iterator[tuple[Value, Result]]:
    is_late = IS_LATE.get()
    for place, one in enumerate(found):
        if place % ELEMENTS_PER_LOOK == 0 and is_late():
            raise OutOfTime
        yield one, run({**facts, node.variable: one})


Elements = Iterable[tuple[Value, Result]]
"""Each element with what the body of a macro is worth for it."""


def _quantified(results: Elements, node: Comprehension, *, decisive: bool) -> Result:
    """As a chain of `&&` or `||`: one decisive element decides, whatever the others are worth."""
    error: EvaluationError | None = None
    for _, result in results:
        truth = as_bool(result, node.macro, node.body.place)
        if truth is decisive:
            return decisive
        if isinstance(truth, EvaluationError) and error is None:
            error = truth
    return not decisive if error is None else error


def _collected(results: Elements) -> list[Value] | EvaluationError:
    collected: list[Value] = []
    for _, result in results:
        if isinstance(result, EvaluationError):
            return result
        collected.append(result)
    return collected


def _chosen(results: Elements, node: Comprehension) -> list[Value] | EvaluationError:
    """The elements for which the body is true. One error spoils all: CEL has no short cut here."""
    chosen: list[Value] = []
    for element, result in results:
        truth = as_bool(result, node.macro, node.body.place)
        if isinstance(truth, EvaluationError):
            return truth
        if truth:
            chosen.append(element)
    return chosen


def _placed(outcome: Value | Refusal, place: Place) -> Result:
    return EvaluationError(outcome.message, place) if isinstance(outcome, Refusal) else outcome
