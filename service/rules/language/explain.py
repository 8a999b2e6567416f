"""Why an expression is worth what it is: every part that looks at facts, with the values found there."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.rules.language import semantics
from service.rules.language.encode import Json, json_value
from service.rules.language.evaluate import evaluate
from service.rules.language.format import format_expression
from service.rules.language.syntax import (
    Binary,
    Comprehension,
    Conditional,
    Expression,
    Has,
    Name,
    Select,
    Unary,
    UnaryOperator,
)
from service.rules.language.values import EvaluationError, Facts, Result, Value
from service.rules.language.walk import chain, children, path_of

TEXT_SHOWN_MAX = 200
ITEMS_SHOWN_MAX = 20
_DEPTH_SHOWN_MAX = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part of an expression.

    Attributes:
        expression: its canonical text, shortened when very long.
        result: its value or error.
        because: the parts that it depends on, from left to right, without those that look at no fact, and
            without the branch of a conditional that was not taken.
    """

    expression: str
    result: Result
    because: tuple["Explanation", ...]


def explain(expression: Expression, facts: Facts) -> Explanation:
    """The explanation of `evaluate(expression, facts)`, in which its result stands at the top."""
    return _explained(expression, facts, {})


def _explained(node: Expression, facts: Facts, known: dict[int, Result]) -> Explanation:
    """Explain from the leaves up, so that every part is evaluated once."""
    because = tuple(
        _explained(part, facts, known) for part in _parts(node, facts, known) if _looks_at_facts(part)
    )
    result = evaluate(node, facts, known=known)
    known[id(node)] = result
    return Explanation(_shortened(format_expression(node)), result, because)


def _parts(node: Expression, facts: Facts, known: dict[int, Result]) -> Sequence[Expression]:
    if isinstance(node, Has) or path_of(node) is not None:
        return ()
    if isinstance(node, Binary) and node.operator in semantics.ABSORBING:
        return chain(node, node.operator)
    if isinstance(node, Unary) and node.operator is UnaryOperator.NOT:
        return (node.operand,)
    if isinstance(node, Conditional):
        return _parts_of_conditional(node, facts, known)
    if isinstance(node, Comprehension):
        return (node.operand,)  # its body is worth something else for each element
    return children(node)


def _parts_of_conditional(node: Conditional, facts: Facts, known: dict[int, Result]) -> Sequence[Expression]:
    truth = known[id(node.condition)] = evaluate(node.condition, facts, known=known)
    if truth is True:
        return (node.condition, node.then)
    return (node.condition, node.otherwise) if truth is False else (node.condition,)


def _looks_at_facts(node: Expression) -> bool:
    return isinstance(node, Name | Select | Has) or any(map(_looks_at_facts, children(node)))


def explanation_json(explanation: Explanation) -> dict[str, Json]:
    """`{"expression", "result", "because"?}`. The result is a value, shortened, or `{"error": "…"}`."""
    shown: dict[str, Json] = {
        "expression": explanation.expression,
        "result": _result_json(explanation.result),
    }
    if explanation.because:
        shown["because"] = [explanation_json(part) for part in explanation.because]
    return shown


def _result_json(result: Result) -> Json:
    if isinstance(result, EvaluationError):
        return {"error": result.message}
    return json_value(_shown(result, _DEPTH_SHOWN_MAX))


def _shown(value: Value, depth: int) -> Value:
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, list):
        return _shown_list(value, depth)
    if isinstance(value, dict):
        return _shown_map(value, depth)
    return value


def _shown_list(items: list[Value], depth: int) -> Value:
    if depth == 0:
        return f"… ({len(items):,} items)"
    shown = [_shown(item, depth - 1) for item in items[:ITEMS_SHOWN_MAX]]
    return shown if len(items) <= ITEMS_SHOWN_MAX else [*shown, f"… ({len(items):,} items)"]


def _shown_map(entries: dict[str, Value], depth: int) -> Value:
    if depth == 0:
        return f"… ({len(entries):,} entries)"
    shown = {_shortened(key): _shown(entries[key], depth - 1) for key in list(entries)[:ITEMS_SHOWN_MAX]}
    return shown if len(entries) <= ITEMS_SHOWN_MAX else {**shown, "…": f"({len(entries):,} entries)"}


def _shortened(text: str) -> str:
    if len(text) <= TEXT_SHOWN_MAX:
        return text
    return f"{text[: TEXT_SHOWN_MAX - 1]}… ({len(text):,} characters)"
