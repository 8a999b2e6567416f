import pytest

from service.rules.compile.columns import Column, Outcome
from service.rules.compile.shape import expression, shape
from service.rules.compile.terms import TERMS_MAX, Rule, Terms
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.values import Facts
from tests.unit.engine.world import random_snapshot
from tests.unit.language.generators import random_condition, seeded


def _compiled(source: str) -> tuple[Terms, Rule]:
    condition = parse(source)
    terms = Terms([condition])
    return terms, terms.rule(condition)


def _holds(terms: Terms, rule: Rule, facts: Facts) -> tuple[bool, bool]:
    """Whether the condition is true, and whether it is not false, read from the terms alone."""
    codes = [column.find(facts) for column in terms.columns]
    true, not_false = (
        any(all(mask >> codes[index] & 1 for index, mask in term) for term in side)
        for side in (rule.true, rule.not_false)
    )
    return true, not_false


@pytest.mark.parametrize(
    ("source", "facts", "true", "error"),
    [
        ('p == "P1"', {"p": "P1"}, True, False),
        ('p == "P1"', {}, False, True),
        ('!(p == "P1")', {"p": "P2"}, True, False),
        ('!(p == "P1")', {"p": "P1"}, False, False),
        ('!(p == "P1")', {}, False, True),
        ('!(p == "P1")', {"p": None}, False, True),
        ('!(p == "P1")', {"p": 1}, True, False),
        ('p != "P1"', {}, False, True),
        ("p < 5", {"p": "4"}, False, True),
        ("!(p < 5)", {"p": "4"}, False, True),
        ("p < 5 || true", {}, True, False),
        ("p < 5 || q == 1", {"q": 1}, True, False),
        ("p < 5 || q == 1", {"q": 2}, False, True),
        ("p < 5 && q == 1", {"q": 2}, False, False),
        ("p < 5 && q == 1", {"q": 1}, False, True),
        ("!(p < 5 && q == 1)", {"q": 2}, True, False),
        ("p in [1, 2.0]", {"p": 2}, True, False),
        ("p in [1, 2.0]", {"p": "1"}, False, False),
        ("p in [1, 2.0]", {}, False, True),
        ("!(p in [])", {}, False, True),
        ("!(p in [])", {"p": 1}, True, False),
        ("has(r.p)", {"r": {"p": 0}}, True, False),
        ("has(r.p)", {}, False, False),
        ("has(r.p)", {"r": 1}, False, True),
        ("has(r.p) && r.p == 1", {"r": {}}, False, False),
        ("p", {"p": True}, True, False),
        ("p", {"p": 1}, False, True),
        ("1", {}, False, True),
        ("true", {}, True, False),
        ("p == null", {"p": 1}, False, False),
        ("p == null", {}, False, True),
        ("5 > p", {"p": 4.999}, True, False),
        ("p > 1.5", {"p": float("nan")}, False, False),
        ('p > timestamp("2026-01-01T00:00:00Z")', {"p": "2027"}, False, True),
        ("p + 1 > q", {"p": 1, "q": 1}, True, False),
        ("p + 1 > q", {"p": 1}, False, True),
        ("p / 0 > 1", {"p": 1}, False, True),
    ],
)
def test_a_condition_is_true_false_or_an_error(source: str, facts: Facts, true: bool, error: bool) -> None:  # noqa: FBT001 columns of the table
    assert _holds(*_compiled(source), facts) == (true, true or error)


@pytest.mark.parametrize(
    ("source", "terms", "columns", "outcomes"),
    [
        ('p == "P1" || p == "P2"', 1, 1, 0),
        ("p >= 1 && p <= 5 && p != 3", 1, 1, 0),
        ("p > 5 && p < 3", 0, 1, 0),
        ('p in ["a", "b"] && q in [1, 2, 3]', 1, 2, 0),
        ("(a == 1 || b == 1) && (c == 1 || d == 1)", 4, 4, 0),
        ("!(a == 1 && b == 1)", 2, 2, 0),
        ("has(r.a) && r.a < 5", 1, 1, 0),
        ("a < b && c == 1", 1, 1, 1),
        ("a < b && !(a < b)", 0, 0, 1),
        ('s.startsWith("x") || s.startsWith("x")', 1, 0, 1),
    ],
)
def test_one_fact_is_one_test_and_what_codes_cannot_say_is_an_outcome(
    source: str, terms: int, columns: int, outcomes: int
) -> None:
    compiled, rule = _compiled(source)

    assert len(rule.true) == terms
    assert sum(isinstance(column, Column) for column in compiled.columns) == columns
    assert sum(isinstance(column, Outcome) for column in compiled.columns) == outcomes


def test_a_disjunction_that_grows_too_large_is_left_to_the_evaluator() -> None:
    pairs = [f"(a{n} == 1 || b{n} == 1)" for n in range(12)]

    compiled, rule = _compiled(" && ".join(pairs))

    assert 1 <= len(rule.true) <= TERMS_MAX
    assert any(isinstance(column, Outcome) for column in compiled.columns)
    assert _holds(compiled, rule, {f"b{n}": 1 for n in range(12)} | {f"a{n}": 0 for n in range(12)}) == (
        True,
        True,
    )


@pytest.mark.parametrize("seed", range(300))
def test_terms_mean_what_the_evaluator_says(seed: int) -> None:
    rng = seeded(seed)
    condition = random_condition(rng, ordinary=seed % 2 == 0)
    terms = Terms([condition])
    rule = terms.rule(condition)

    for _ in range(10):
        facts = random_snapshot(rng)
        result = evaluate(condition, facts)
        assert _holds(terms, rule, facts) == (result is True, result is not False)


@pytest.mark.parametrize("seed", range(100))
def test_without_a_doubt_there_is_no_error(seed: int) -> None:
    rng = seeded(seed)
    condition = random_condition(rng, ordinary=seed % 2 == 0)
    terms = Terms([condition])
    rule = terms.rule(condition)

    for _ in range(20):
        facts = random_snapshot(rng)
        in_doubt = any(mask >> terms.columns[index].find(facts) & 1 for index, mask in rule.doubts.items())
        assert in_doubt or isinstance(evaluate(condition, facts), bool)


@pytest.mark.parametrize("seed", range(200))
def test_a_shape_gives_back_the_condition(seed: int) -> None:
    condition = random_condition(seeded(seed))

    assert shape(expression(shape(condition))) == shape(condition)
    assert expression(shape(condition)) == condition


@pytest.mark.parametrize(
    ("one", "other"),
    [("x == 1", "x == 1.0"), ("x == 1", "x == true"), ("x == 0.0", "x == -0.0"), ('x == "1"', "x == 1")],
)
def test_literals_of_different_types_have_different_shapes(one: str, other: str) -> None:
    assert shape(parse(one)) != shape(parse(other))


def test_a_place_is_no_part_of_the_shape() -> None:
    assert shape(parse("x==1")) == shape(parse("\n  x  ==  1"))


@pytest.mark.parametrize(
    "nonsense",
    [(), ("Nothing",), ("Literal",), ("Binary", "**", ("Name", "x"), ("Name", "y")), ("Name", 1, 2)],
)
def test_what_is_no_shape_is_refused(nonsense: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="not the shape"):
        expression(nonsense)
