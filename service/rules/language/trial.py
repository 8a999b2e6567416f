"""Try an expression on facts: what `POST /v1/rules/evaluate` and `rooted rules evaluate` answer."""

from collections.abc import Mapping, Sequence

from service.rules.language.bind import bind
from service.rules.language.check import check
from service.rules.language.declare import declarations_from_json, inferred
from service.rules.language.encode import Json, json_value
from service.rules.language.evaluate import evaluate
from service.rules.language.explain import explain, explanation_json
from service.rules.language.faults import FactFault, LanguageError, SyntaxFault
from service.rules.language.parse import parse
from service.rules.language.syntax import Expression
from service.rules.language.types import Declarations
from service.rules.language.values import EvaluationError, Facts, count_of
from service.rules.language.walk import ELEMENTS_MAX, cost_of

WORK_MAX = 4_000_000
"""Parts of the expression times values in the facts: a bound on the time that the worst input can take."""


def evaluate_expression(
    expression: str, facts: Mapping[str, object], declarations: Mapping[str, object] | None = None
) -> dict[str, Json]:
    """Evaluate and explain.

    With declarations the expression is type-checked against them and refused when it does not fit. Without,
    only evaluation decides, and what the checker finds by the facts' own types comes as warnings.

    Args:
        expression: source text.
        facts: in the shape of JSON, nested or by dotted names.
        declarations: in their JSON form.

    Returns:
        `{"value", "explanation", "warnings"?}`, or `{"error", "explanation"?, "warnings"?}`. The error has a
        `message` and, as far as they are known, `line` and `column` in the expression or a JSON `pointer`
        into the input (`/facts/…`, `/declarations/…`). The explanation is there if evaluation was reached.
    """
    try:
        tree = parse(expression)
    except LanguageError as error:
        return {"error": _syntax_error(error.faults[0])}
    declared = declarations_from_json(declarations or {})
    bound = bind(facts, declared.declarations)
    refused = [
        *_pointed("/declarations", declared.faults),
        *_pointed("/facts", bound.faults),
        *_too_much_work(tree, bound.facts),
    ]
    if refused:
        return {"error": refused[0]}
    if declarations is None:
        return _answer(tree, bound.facts, _warnings_by_facts(tree, bound.facts))
    return _checked_answer(tree, bound.facts, declared.declarations)


def _checked_answer(tree: Expression, facts: Facts, declarations: Declarations) -> dict[str, Json]:
    checked = check(tree, declarations)
    if checked.errors:
        return {"error": _syntax_error(checked.errors[0])}
    return _answer(tree, facts, checked.warnings)


def _warnings_by_facts(tree: Expression, facts: Facts) -> Sequence[SyntaxFault]:
    return check(tree, inferred(facts), is_closed=False).faults


def _answer(tree: Expression, facts: Facts, warnings: Sequence[SyntaxFault]) -> dict[str, Json]:
    result = evaluate(tree, facts)
    answer: dict[str, Json] = {}
    if isinstance(result, EvaluationError):
        place = result.place
        answer["error"] = {"message": result.message, "line": place.line, "column": place.column}
    else:
        answer["value"] = json_value(result)
    answer["explanation"] = explanation_json(explain(tree, facts))
    if warnings:
        answer["warnings"] = [_syntax_error(warning) for warning in warnings]
    return answer


def _syntax_error(fault: SyntaxFault) -> Json:
    return {"message": fault.message, "line": fault.line, "column": fault.column}


def _too_much_work(tree: Expression, facts: Facts) -> list[Json]:
    values = sum(map(count_of, facts.values()))
    elements = min(
        ELEMENTS_MAX, values + cost_of(tree, elements=1)
    )  # of a fact, or of a list in the condition
    if cost_of(tree, elements=elements) * values <= WORK_MAX:
        return []
    message = "Expression and facts are too large together; leave out facts, or split the expression."
    return [{"message": message, "pointer": "/facts"}]


def _pointed(root: str, faults: Sequence[FactFault]) -> list[Json]:
    return [{"message": fault.message, "pointer": f"{root}{fault.pointer}"} for fault in faults]
