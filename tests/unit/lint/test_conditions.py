from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.checks import conditions as lint
from service.rules.checks.conditions import Finding
from service.rules.language.bind import bind
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.types import BOOL, INT, STRING, FactType
from tests.unit.language import generators
from tests.unit.language.generators import DECLARATIONS, random_condition, random_facts, seeded

DECLARED = {
    "request.priority": FactType(STRING, ("P1", "P2", "P3")),
    "request.impact": FactType(INT),
    "request.title": FactType(STRING),
    "client.vip": FactType(BOOL),
}


def found(*conditions: str) -> list[Finding]:
    names = [f"r{index}" for index in range(len(conditions))]
    return lint.find([parse(one) for one in conditions], names, DECLARED)


@pytest.mark.parametrize(
    ("conditions", "codes"),
    [
        (["request.priority == 'P1'", "true"], []),
        (["request.priority == 'P1' && request.priority == 'P2'", "true"], [("never-matches", 0)]),
        (["request.impact > 3 && request.impact < 3", "true"], [("never-matches", 0)]),
        (["has(request.title) && !has(request.title)", "true"], [("never-matches", 0)]),
        (["false", "true"], [("never-matches", 0)]),
        (["true", "request.priority == 'P1'"], [("shadowed", 1)]),
        (["request.priority in ['P1', 'P2']", "request.priority == 'P2'", "true"], [("shadowed", 1)]),
        (["request.impact >= 3", "request.impact < 3", "has(request.impact)", "true"], [("shadowed", 2)]),
        (
            ["client.vip", "!client.vip", "client.vip == true || client.vip == false", "true"],
            [("shadowed", 2)],
        ),
        (["client.vip", "request.impact > 1", "true"], []),
        (["request.impact > 1", "request.impact > 1.5", "true"], [("shadowed", 1)]),
        (["request.title == 'a'", 'request.title  ==  "a"', "true"], [("same-condition", 1)]),
        (
            ["request.title.contains('a')", "request.title.contains('a') && client.vip", "true"],
            [("shadowed", 1)],
        ),
        (["request.priority == 'P1'", "request.priority == 'P2'"], [("gap", None)]),
        (["request.priority in ['P1', 'P2', 'P3']"], []),
        (["request.impact < 3", "request.impact > 3"], [("gap", None)]),
        (["request.impact <= 3", "request.impact > 3"], []),
    ],
)
def test_what_is_found(conditions: list[str], codes: list[tuple[str, int | None]]) -> None:
    assert [(finding.code, finding.rule) for finding in found(*conditions)] == codes


def test_a_rule_that_several_shadow_names_them() -> None:
    (finding,) = found(
        "request.impact >= 3",
        "client.vip",
        "request.impact < 3",
        "request.impact == 7 || request.impact == 1",
        "true",
    )

    assert "one of 'r0', 'r2'" in finding.message


def test_a_gap_is_told_with_an_example() -> None:
    (finding,) = found("request.priority == 'P1'", "request.priority == 'P2' && request.impact == 3")

    assert finding.message.startswith("Some requests match no rule, as when request.priority is ")


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_is_claimed_that_facts_refute(seed: int) -> None:
    rng = seeded(seed)
    conditions = [random_condition(rng, ordinary=bool(rng.randrange(4))) for _ in range(rng.randrange(1, 6))]
    findings = lint.find(conditions, [str(index) for index in range(len(conditions))], DECLARATIONS)
    silent = {finding.rule for finding in findings if finding.code != "gap"}

    for _ in range(30):
        assert _winner(rng, conditions) not in silent - {None}


def _winner(rng: Random, conditions: list[generators.Expression]) -> int | None:
    facts = bind(random_facts(rng), DECLARATIONS).facts
    return next((index for index, one in enumerate(conditions) if evaluate(one, facts) is True), None)


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1))
def test_where_no_gap_is_found_ordinary_facts_match_some_rule(seed: int) -> None:
    rng = seeded(seed)
    values, impacts = ("P1", "P2", "P3"), range(-1, 5)
    conditions = [
        parse(
            rng.choice(
                [
                    f"request.priority == '{rng.choice(values)}'",
                    f"request.impact {rng.choice(('<', '>=', '=='))} {rng.choice(impacts)}",
                ]
            )
        )
        for _ in range(rng.randrange(1, 5))
    ]
    is_whole = all(
        any(
            evaluate(one, {"request": {"priority": priority, "impact": impact}}) is True for one in conditions
        )
        for priority in values
        for impact in range(-3, 8)
    )
    findings = lint.find(conditions, [str(index) for index in range(len(conditions))], DECLARED)

    assert is_whole or any(finding.code == "gap" for finding in findings)
