"""The same conditions and facts read by cel-cpp, which others wrote: equal values, and errors where it errs.

`is_different_on_purpose` says where we differ and mean to; such cases are counted, and have to stay few.
"""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from cel_expr_python import cel

from service.rules.language.bind import bind
from service.rules.language.encode import json_value
from service.rules.language.evaluate import evaluate
from service.rules.language.format import format_expression
from service.rules.language.syntax import Binary, Call, Expression, Has, Literal, Place, Unary
from service.rules.language.types import DURATION, TIMESTAMP
from service.rules.language.values import Duration, EvaluationError, Facts, Result, Timestamp, Value
from service.rules.language.walk import children, path_of
from tests.unit.language.generators import DECLARATIONS, HERE, Case, random_case, seeded

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PURPOSE_SHARE_MAX = 0.03
ENVIRONMENT = cel.NewEnv(
    variables={group: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for group in ("request", "client")}
)


def theirs(case: Case, facts: Facts) -> tuple[bool, object]:
    """Whether cel-cpp errs, and its value. Inside a map it takes times only as text, so each is converted."""
    source = format_expression(with_times_converted(case.expression))
    given = {group: as_json(value) for group, value in facts.items()}
    value = ENVIRONMENT.compile(source, disable_check=True).eval(data=given)
    is_error = value.type().name() == "ERROR"
    return is_error, None if is_error else value.plain_value()


def with_times_converted(node: Expression) -> Expression:
    """`timestamp(request.opened_at)` for `request.opened_at`, except below `has`."""
    path = path_of(node)
    declared = DECLARATIONS.get(".".join(path)) if path else None
    if declared is not None and declared.type in {TIMESTAMP, DURATION}:
        return Call(str(declared.type), None, (node,), HERE)
    if path is not None or isinstance(node, Has | Literal):
        return node
    replaced: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        part = getattr(node, field.name)
        if isinstance(part, tuple):
            replaced[field.name] = tuple(map(with_times_converted, cast("tuple[Expression, ...]", part)))
        elif dataclasses.is_dataclass(part) and not isinstance(part, Place):
            replaced[field.name] = with_times_converted(cast("Expression", part))
    return dataclasses.replace(node, **replaced)


def as_json(value: Value) -> object:
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    return json_value(value) if isinstance(value, Timestamp | Duration) else value


def as_python(value: Value) -> object:
    """Our value as the binding gives it: times to the microsecond, spans cut towards zero."""
    if isinstance(value, Timestamp):
        return EPOCH + timedelta(microseconds=value.nanoseconds // 1_000)
    if isinstance(value, Duration):
        microseconds = abs(value.nanoseconds) // 1_000
        return timedelta(microseconds=-microseconds if value.nanoseconds < 0 else microseconds)
    return value


def is_different_on_purpose(case: Case, facts: Facts, ours: Result) -> bool:
    return (
        isinstance(ours, dict)  # the test gives times as text, so a group of facts is another map for each
        or has_ill_typed_double_sign(
            case.expression, facts
        )  # cel-cpp drops two signs before it looks at types
        or (
            "has(request.custom.note)" in case.source
            and "custom" not in cast("dict[str, Value]", facts["request"])
        )
        or (isinstance(ours, EvaluationError) and "in this zone" in ours.message)  # years 0 and 10000
        or would_be_rounded(case.expression, facts)  # cel-cpp rounds, we are exact
    )


def without_nul(value: object) -> object:
    """The binding cuts the strings of facts at U+0000."""
    if isinstance(value, str):
        return value.replace("\0", "\1")
    if isinstance(value, list):
        return [without_nul(one) for one in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: without_nul(one) for key, one in cast("dict[str, object]", value).items()}
    return value


def has_ill_typed_double_sign(node: Expression, facts: Facts) -> bool:
    if isinstance(node, Unary) and isinstance(node.operand, Unary):
        inner = evaluate(node.operand.operand, facts)
        return not isinstance(inner, bool | EvaluationError)
    return any(has_ill_typed_double_sign(child, facts) for child in children(node))


def would_be_rounded(node: Expression, facts: Facts) -> bool:
    """Whether an int meets a double anywhere that it differs from, but that it would be rounded to."""
    if any(would_be_rounded(child, facts) for child in children(node)):
        return True
    if not isinstance(node, Binary):
        return False
    left, right = evaluate(node.left, facts), evaluate(node.right, facts)
    return any(is_rounding(left, one) for one in (right if isinstance(right, list) else [right]))


def is_rounding(left: Result, right: Result) -> bool:
    if type(left) is int and type(right) is float:
        return left != right and float(left) == right
    return type(left) is float and type(right) is int and is_rounding(right, left)


def compare(count: int, *, ordinary: bool) -> None:
    on_purpose = 0
    for seed in range(count):
        case = random_case(seeded(seed), ordinary=ordinary)
        facts = bind(cast("dict[str, object]", without_nul(case.facts)), case.declarations).facts
        ours = evaluate(case.expression, facts)
        if is_different_on_purpose(case, facts, ours):
            on_purpose += 1
            continue
        is_error, value = theirs(case, facts)
        assert is_error is isinstance(ours, EvaluationError), (seed, case.source, case.facts, ours, value)
        if not isinstance(ours, EvaluationError):
            same = as_python(ours) == value or repr(ours) == repr(value)
            assert same, (seed, case.source, case.facts, ours, value)
    assert on_purpose < count * PURPOSE_SHARE_MAX


@pytest.mark.parametrize("ordinary", [True, False], ids=["ordinary", "everything"])
def test_random_conditions_mean_what_they_mean_to_cel_cpp(*, ordinary: bool) -> None:
    compare(1_500, ordinary=ordinary)


@pytest.mark.prove
@pytest.mark.parametrize("ordinary", [True, False], ids=["ordinary", "everything"])
def test_many_random_conditions_mean_what_they_mean_to_cel_cpp(*, ordinary: bool) -> None:
    compare(50_000, ordinary=ordinary)
