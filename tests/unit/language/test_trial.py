import json
import time

import pytest
from hypothesis import given

from service.rules.language.bind import bind
from service.rules.language.explain import ITEMS_SHOWN_MAX, TEXT_SHOWN_MAX, explain, explanation_json
from service.rules.language.parse import parse
from service.rules.language.trial import evaluate_expression
from tests.unit.language.generators import Case, cases

FACTS: dict[str, object] = {
    "request": {"priority": "P3", "impact": 2, "opened_at": "2026-03-02T09:00:00Z", "title": None},
    "client.tier": "gold",
}
FORMS: dict[str, object] = {
    "request.priority": {"type": "string", "values": ["P1", "P2", "P3"]},
    "request.impact": "int",
    "request.opened_at": "timestamp",
    "request.title": "string",
    "client.tier": "string",
}


def test_a_value_comes_with_the_values_behind_it() -> None:
    assert evaluate_expression('request.priority == "P1" && client.tier == "gold"', FACTS, FORMS) == {
        "value": False,
        "explanation": {
            "expression": 'request.priority == "P1" && client.tier == "gold"',
            "result": False,
            "because": [
                {
                    "expression": 'request.priority == "P1"',
                    "result": False,
                    "because": [{"expression": "request.priority", "result": "P3"}],
                },
                {
                    "expression": 'client.tier == "gold"',
                    "result": True,
                    "because": [{"expression": "client.tier", "result": "gold"}],
                },
            ],
        },
    }


def test_an_error_of_evaluation_is_explained() -> None:
    assert evaluate_expression('request.title == "x"', FACTS, FORMS) == {
        "error": {"message": "no such fact: request.title", "line": 1, "column": 9},
        "explanation": {
            "expression": 'request.title == "x"',
            "result": {"error": "no such fact: request.title"},
            "because": [{"expression": "request.title", "result": {"error": "no such fact: request.title"}}],
        },
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("request.opened_at + duration('90m')", "2026-03-02T10:30:00Z"),
        ("duration('1h30m')", "5400s"),
        ("9007199254740993", 9007199254740993),
        ("0.0 / 0.0", "NaN"),
        ("[1.0 / 0.0, -1.0 / 0.0]", ["Infinity", "-Infinity"]),
        ("request.opened_at.getHours('Asia/Shanghai')", 17),
        ("has(request.title) ? 'a' : client.tier", "gold"),
        ("null", None),
    ],
)
def test_values_are_in_the_shape_of_json(expression: str, value: object) -> None:
    answer = evaluate_expression(expression, FACTS, FORMS)

    assert answer["value"] == value
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    ("expression", "facts", "forms", "error"),
    [
        ("1 +", {}, None, {"line": 1, "column": 4}),
        ("request.priorty", FACTS, FORMS, {"line": 1, "column": 9}),
        ("true", {"n": 2**63}, None, {"pointer": "/facts/n"}),
        ("true", {"n": "x"}, {"n": "int"}, {"pointer": "/facts/n"}),
        ("true", {}, {"n": "number"}, {"pointer": "/declarations/n"}),
    ],
)
def test_bad_input_is_located(
    expression: str, facts: dict[str, object], forms: dict[str, object] | None, error: dict[str, object]
) -> None:
    answer = evaluate_expression(expression, facts, forms)

    found = answer["error"]
    assert isinstance(found, dict)
    assert {key: value for key, value in found.items() if key != "message"} == error
    assert answer.keys() == {"error"}


def test_without_declarations_the_checker_only_warns() -> None:
    answer = evaluate_expression("request.priority == 3", FACTS)

    assert answer["value"] is False
    assert "string == int is never possible" in json.dumps(answer["warnings"])


def test_without_declarations_an_unknown_fact_is_an_error_of_evaluation() -> None:
    answer = evaluate_expression("request.priorty == 'P1' || true", FACTS)

    assert answer["value"] is True


def test_only_the_branch_taken_explains_a_conditional() -> None:
    facts = bind(FACTS, {}).facts

    found = explain(parse("request.impact > 1 ? client.tier : request.priority"), facts)

    assert [part.expression for part in found.because] == ["request.impact > 1", "client.tier"]


@pytest.mark.parametrize(
    ("expression", "facts"),
    [
        (" || ".join(["one in many"] * 900), {"one": 1, "many": [True] * 9_000}),
        (" && ".join(["a == b"] * 900), {"a": [[0] * 4_000], "b": [[0] * 4_000]}),
        (" || ".join(["text.contains(part)"] * 700), {"text": "ab" * 500_000, "part": "b" * 5_000}),
        (" || ".join(["text.matches('[ab]*a[ab]{200}c')"] * 16), {"text": "ab" * 200_000}),
        ("size(" + "+".join(["text"] * 60) + ")", {"text": "x" * 1_000_000}),
    ],
)
def test_the_worst_of_inputs_is_answered_in_bounded_time(expression: str, facts: dict[str, object]) -> None:
    started = time.process_time()

    answer = evaluate_expression(expression, facts)

    assert answer
    assert time.process_time() - started < 1


def test_a_long_key_is_not_repeated_in_a_message() -> None:
    answer = evaluate_expression("map[key]", {"map": {"a": 1}, "key": "x" * 10_000})

    assert len(json.dumps(answer["error"])) < 200


def test_long_values_are_shortened() -> None:
    facts = bind(
        {"text": "x" * 10_000, "many": list(range(1_000)), "map": {"a": {"b": {"c": {"d": {"e": 1}}}}}}, {}
    ).facts

    shown = explanation_json(explain(parse("[text, many, map]"), facts))
    text = json.dumps(shown)

    assert f"{'x' * (TEXT_SHOWN_MAX - 1)}… (10,000 characters)" in json.loads(text)["result"]
    assert json.loads(text)["result"][1][ITEMS_SHOWN_MAX] == "… (1,000 items)"
    assert len(text) < 5_000


@given(case=cases())
def test_the_explanation_begins_with_the_result(case: Case) -> None:
    answer = evaluate_expression(case.source, case.facts)

    explanation = answer["explanation"]
    assert isinstance(explanation, dict)
    if "error" in answer:
        error = answer["error"]
        assert isinstance(error, dict)
        assert explanation["result"] == {"error": error["message"]}
    elif not isinstance(answer["value"], str | list | dict):
        assert repr(explanation["result"]) == repr(answer["value"])
    json.dumps(answer, allow_nan=False)
