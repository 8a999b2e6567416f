"""The engine against the reference evaluator, and both against a CEL library that we did not write."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from cel_expr_python import cel

from service.rules import deciding
from service.rules.compile import atoms
from service.rules.compile.atoms import Verdicts
from service.rules.compile.columns import Column, Scalar
from service.rules.compile.plan import plan
from service.rules.engine import Session
from service.rules.language.format import format_expression
from service.rules.language.syntax import BinaryOperator
from service.rules.language.values import Duration, Facts, Timestamp, Value
from service.rules.matching import RuleSet
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.slot import SlotLimits
from tests.unit.engine.world import KIND, random_policy, random_ruleset, random_snapshot
from tests.unit.language.generators import random_facts, seeded

RULES = 50
SNAPSHOTS = 40


@asynccontextmanager
async def _pool() -> AsyncGenerator[DurablePool]:
    """A pool that never checks itself, and in which nobody stands in because the machine is busy."""
    pool = DurablePool(
        reference=ReferenceEngine(),
        sample=lambda: 1.0,
        limits=PoolLimits(children=2, shadow_rate=0.0),
        slot_limits=SlotLimits(patience_seconds=60.0),
    )
    yield pool
    await pool.close()


async def _differences(pool: DurablePool, rng: Random, *, rulesets: int) -> tuple[int, list[str]]:
    """How many rules were decided, and what was decided differently."""
    reference = ReferenceEngine()
    decided, differences = 0, list[str]()
    for place in range(rulesets):
        ruleset = random_ruleset(rng, f"k:{place}", rules=RULES)
        for _ in range(SNAPSHOTS):
            facts = random_snapshot(rng)
            found, expected = await pool.match(ruleset, facts), reference.match_now(ruleset, facts)
            decided += RULES
            if (found.true, found.errors, found.engine) != (expected.true, expected.errors, "durable"):
                differences.append(f"{found} is not {expected} for {facts}")
    return decided, differences


async def _differences_of_choice(
    pool: DurablePool, rng: Random, *, rulesets: int, snapshots: int
) -> tuple[int, list[str]]:
    """The same through `deciding`: hit policies, ranks, and what several policies say one after the other."""
    reference = ReferenceEngine()
    decided, differences = 0, list[str]()
    for place in range(rulesets):
        policies = [random_policy(rng, f"c:{place}:{number}", rules=RULES // 2) for number in range(2)]
        for _ in range(snapshots):
            facts = random_facts(rng)
            found = await deciding.decide(pool, [KIND], {KIND.name: policies}, facts)
            expected = await deciding.decide(reference, [KIND], {KIND.name: policies}, facts)
            decided += RULES
            if found != replace(expected, engine="durable"):
                differences.append(f"{found.answers} is not {expected.answers} for {facts}")
    return decided, differences


async def test_the_engine_and_the_evaluator_agree() -> None:
    async with _pool() as pool:
        decided, differences = await _differences(pool, seeded(1), rulesets=15)

        assert differences == []
        assert decided == 15 * RULES * SNAPSHOTS
        counted = {"spawned": 2, "loaded": 15, "durable": 15 * SNAPSHOTS}
        assert dict(pool.counters) == counted


async def test_what_follows_is_the_same_whoever_matches() -> None:
    async with _pool() as pool:
        decided, differences = await _differences_of_choice(pool, seeded(3), rulesets=8, snapshots=20)

        assert differences == []
        assert decided == 8 * RULES * 20


@pytest.mark.prove
async def test_the_engine_and_the_evaluator_agree_on_a_million_decisions() -> None:
    async with _pool() as pool:
        decided, differences = await _differences(pool, seeded(20_261_122), rulesets=400)
        chosen, differences_of_choice = await _differences_of_choice(
            pool, seeded(20_261_123), rulesets=150, snapshots=40
        )

        assert (differences, differences_of_choice) == ([], [])
        assert decided + chosen == 1_100_000
        assert (pool.counters["spawned"], pool.counters["died"], pool.counters["loaded"]) == (2, 0, 700)


def _matched(ruleset: RuleSet, facts: Facts) -> tuple[tuple[int, ...], tuple[int, ...]]:
    compiled = plan(ruleset.conditions)
    session = Session(compiled)
    true, errors = session.match(compiled.encode(facts, is_late=lambda: False))
    session.close()
    return tuple(true), tuple(errors)


def _are_caught(rng: Random) -> bool:
    """Whether a broken compiler is seen within a few rule sets."""
    reference = ReferenceEngine()
    for place in range(5):
        ruleset = random_ruleset(rng, f"k:{place}", rules=RULES)
        for _ in range(10):
            facts = random_snapshot(rng)
            expected = reference.match_now(ruleset, facts)
            if _matched(ruleset, facts) != (expected.true, expected.errors):
                return True
    return False


def _greater_or_equal_for_greater(column: Column, operator: BinaryOperator, constant: Scalar) -> Verdicts:
    swapped = {BinaryOperator.GREATER: BinaryOperator.GREATER_OR_EQUAL}
    return ORDERED(column, swapped.get(operator, operator), constant)


def _errors_are_false(column: Column, operator: BinaryOperator, constant: Scalar) -> Verdicts:
    verdicts = ORDERED(column, operator, constant)
    return Verdicts(verdicts.true, (1 << column.size) - 1 & ~verdicts.true)


ORDERED = atoms.ordered


@pytest.mark.parametrize("mutation", [_greater_or_equal_for_greater, _errors_are_false])
def test_a_broken_compiler_would_be_seen(monkeypatch: pytest.MonkeyPatch, mutation: object) -> None:
    assert not _are_caught(seeded(5))

    monkeypatch.setattr(atoms, "ordered", mutation)

    assert _are_caught(seeded(5))


CEL = cel.NewEnv(variables={"request": cel.Type.DYN, "client": cel.Type.DYN})


def _plain(value: Value) -> Value:
    """Without what the library reads otherwise in facts: nulls, times, and text after a NUL."""
    if isinstance(value, dict):
        items = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in items.items() if item is not None}
    if isinstance(value, list):
        return [item for item in map(_plain, value) if item is not None]
    if isinstance(value, str):
        return value.replace("\0", "0")
    return None if isinstance(value, Timestamp | Duration) else value


def _by_cel(source: str, facts: Facts) -> bool | None:
    """True, false, or None for an error."""
    try:
        value = CEL.compile(source, disable_check=True).eval(data=facts).plain_value()
    except Exception:  # noqa: BLE001 the library says no more than that
        return None
    return value if isinstance(value, bool) else None


def _is_beside_our_subset(source: str, facts: Facts) -> bool:
    """`has()` below an absent map is false here and an error there: facts are a list of dotted names."""
    request = facts.get("request")
    return "custom" in source and not (isinstance(request, dict) and "custom" in request)


def test_engine_and_evaluator_agree_with_a_foreign_cel() -> None:
    rng = seeded(2)
    asked, differences = 0, list[str]()
    for place in range(8):
        ruleset = random_ruleset(rng, f"k:{place}", rules=RULES)
        sources = [format_expression(condition) for condition in ruleset.conditions]
        for _ in range(6):
            facts = _plain(dict(random_snapshot(rng)))
            assert isinstance(facts, dict)
            true, errors = _matched(ruleset, facts)
            for index, source in enumerate(sources):
                ours = True if index in true else None if index in errors else False
                if not _is_beside_our_subset(source, facts):
                    asked += 1
                    theirs = _by_cel(source, facts)
                    if ours is not theirs:
                        differences.append(f"{source}: {ours}, CEL {theirs} for {facts}")

    assert differences == []
    assert asked > 2_000
