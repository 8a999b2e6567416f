import itertools

import pytest

from service.rules.language.evaluate import evaluate
from service.rules.language.parse import parse
from service.rules.matching import Matches, MatchingTooSlow, RuleSet
from service.rules.reference import ReferenceEngine
from tests.unit.engine.world import random_ruleset, random_snapshot
from tests.unit.language.generators import seeded


def _ruleset(key: str, *sources: str) -> RuleSet:
    return RuleSet(key, tuple(map(parse, sources)))


async def test_true_false_and_error_are_told_apart() -> None:
    ruleset = _ruleset("k", 'p == "P1"', 'p == "P2"', "q == 1", "1", '!(p == "P2")')

    matches = await ReferenceEngine().match(ruleset, {"p": "P1"})

    assert matches == Matches((0, 4), (2, 3), "reference")


@pytest.mark.parametrize("seed", range(20))
async def test_the_reference_engine_says_what_the_evaluator_says(seed: int) -> None:
    rng = seeded(seed)
    ruleset, facts = random_ruleset(rng, "k", rules=100), random_snapshot(rng)

    matches = await ReferenceEngine().match(ruleset, facts)

    results = [evaluate(condition, facts) for condition in ruleset.conditions]
    assert matches.true == tuple(index for index, result in enumerate(results) if result is True)
    assert matches.errors == tuple(
        index for index, result in enumerate(results) if not isinstance(result, bool)
    )


async def test_a_rule_set_that_takes_too_long_is_given_up() -> None:
    clock = itertools.count()
    engine = ReferenceEngine(budget_seconds=1.0, clock=lambda: float(next(clock)))
    ruleset = _ruleset("t:7", *["x == 1"] * 1_000)

    with pytest.raises(MatchingTooSlow, match="t:7"):
        await engine.match(ruleset, {"x": 1})


async def test_rule_sets_beyond_the_bound_are_compiled_again() -> None:
    engine = ReferenceEngine(conditions_max=3)
    one, other = _ruleset("one", "x == 1", "x == 2"), _ruleset("other", "x == 2", "x == 1")

    answers = [await engine.match(ruleset, {"x": 1}) for ruleset in (one, other, one, other)]

    assert [answer.true for answer in answers] == [(0,), (1,), (0,), (1,)]


def test_a_rule_set_that_keeps_taking_long_is_not_tried_each_time() -> None:
    now, spent = [0.0], itertools.count(step=0.2)
    engine = ReferenceEngine(clock=lambda: float(next(spent)), now=lambda: now[0])
    slow, other = _ruleset("slow", *["x == 1"] * 200), _ruleset("other", "x == 1")

    def tried() -> bool:
        before = next(spent)
        with pytest.raises(MatchingTooSlow):
            engine.match_now(slow, {"x": 1})
        return next(spent) - before > 0.3

    assert [tried() for _ in range(4)] == [True, False, False, False]
    assert engine.match_now(other, {"x": 1}).true == (0,)
    now[0] += 3_600
    assert tried()


def test_a_rule_set_is_tried_each_time_where_nobody_waits() -> None:
    spent = itertools.count(step=0.2)
    engine = ReferenceEngine(clock=lambda: float(next(spent)), now=lambda: 0.0, is_rationed=False)
    slow = _ruleset("slow", *["x == 1"] * 200)

    for _ in range(4):
        before = next(spent)
        with pytest.raises(MatchingTooSlow):
            engine.match_now(slow, {"x": 1})
        assert next(spent) - before > 0.3
