"""Evaluations end soon after they are told to, and two lists are compared in no more time than they need."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.language.closures import compile_closure
from service.rules.language.effort import STEP_SECONDS_MAX, Meter, OutOfTime, limited
from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.language.semantics import ELEMENTS_PER_LOOK
from service.rules.language.values import Duration, Timestamp, Value, equal
from tests.effort import cpu_seconds

NESTED = parse("l.exists(a, l.exists(b, a + b < 0))")
FACTS: dict[str, Value] = {"l": list[Value](range(200))}


@pytest.mark.parametrize("looks_allowed", [0, 1, 7, 100])
def test_a_macro_ends_at_the_first_look_that_finds_it_late(looks_allowed: int) -> None:
    for run in (lambda: evaluate(NESTED, FACTS), lambda: compile_closure(NESTED)(FACTS)):
        looks = itertools.count(1)
        with pytest.raises(OutOfTime), limited(lambda looks=looks: next(looks) > looks_allowed):
            run()
        assert next(looks) == looks_allowed + 2


def test_without_a_limit_and_after_it_a_macro_goes_on_to_its_end() -> None:
    with pytest.raises(OutOfTime), limited(lambda: True):
        evaluate(NESTED, FACTS)

    assert evaluate(NESTED, FACTS) is False


def test_a_macro_looks_at_the_clock_every_few_elements() -> None:
    looks = itertools.count()
    with limited(lambda: next(looks) < 0):
        evaluate(parse("l.all(a, a >= 0)"), FACTS)

    assert next(looks) == 200 // ELEMENTS_PER_LOOK


@given(steps=st.lists(st.floats(0, STEP_SECONDS_MAX), max_size=30), budget=st.floats(0, 1))
def test_a_meter_says_when_its_budget_is_used_up(steps: list[float], budget: float) -> None:
    instants = itertools.accumulate(steps, initial=0.0)
    meter = Meter(budget, lambda: next(instants))

    spent = 0.0
    for step in steps:
        spent += step
        late = meter()
        assert late is (spent > budget) or abs(spent - budget) < 1e-9


def test_an_interruption_counts_as_one_step() -> None:
    instants = iter((0.0, 3_600.0, 3_600.0))
    meter = Meter(STEP_SECONDS_MAX, lambda: next(instants))

    assert [meter(), meter()] == [False, False]


ITEMS = st.recursive(
    st.sampled_from([True, False, 0, 1, 1.0, float("nan"), "1", "a", None, Timestamp(1), Duration(1)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


def _equal_one_by_one(left: Value, right: Value) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal_one_by_one, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_one_by_one(left[key], right[key]) for key in left)
    return equal(left, right)


@given(left=st.lists(ITEMS, max_size=4), right=st.lists(ITEMS, max_size=4))
def test_lists_are_equal_when_their_items_are(left: list[Value], right: list[Value]) -> None:
    assert equal(left, right) is _equal_one_by_one(left, right)
    assert equal(left, list(left)) is _equal_one_by_one(left, left)


@pytest.mark.parametrize("item", ["text", 7])
def test_long_lists_are_compared_in_less_time_than_their_items(item: Value) -> None:
    left, right = [item] * 10_000, [item] * 10_000

    one_by_one = cpu_seconds(lambda: all(map(equal, left, right)))

    assert cpu_seconds(lambda: equal(left, right)) < 0.7 * one_by_one
