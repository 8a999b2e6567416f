"""Decisions per second of the rules engine beside zen-engine and a CEL library, in one run on one machine.

A decision is one snapshot of facts against all rules of a set. Every engine decides the same snapshots by the
same rules, and what it finds is compared with the reference evaluator before it is timed.

No snapshot is met again before a child has forgotten it, so that every answer is worked out. The row
`remembered` shows what a snapshot costs whose values fall on the same side of every constant as those of one
before, as most of a real history do.

Two figures for each: decisions per second of wall time, the best of several rounds, and per second of
processor time of both processes, which other work on the machine hardly changes. What crosses the pipe runs
on two processors at once where they are free; the second figure does not give it credit for that.

`python -m bench.decisions [--seconds S]`
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import uvloop
import zen
from cel_expr_python import cel

from service.rules.compile.plan import plan
from service.rules.engine import Session
from service.rules.language.parse import parse
from service.rules.language.values import Facts
from service.rules.matching import RuleSet
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.slot import SlotLimits

SIZES = (10, 100, 1_000)
SNAPSHOTS = 320
BATCHES = (1, 16, 64)
ROUNDS = 3
GOAL, GOAL_SIZE = 10.0, 100
IN_PROCESS, REMEMBERED = "durable, in process", "durable, remembered"
CEL = cel.NewEnv(variables=dict.fromkeys(("request", "service", "client"), cel.Type.DYN))
ZEN_TABLE, ZEN_EXPRESSIONS = "zen, collect table", "zen, expression per rule"

Found = list[int]
Decide = Callable[[Sequence[Facts]], Awaitable[list[Found]]]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison, in the words of CEL and of zen."""

    fact: str
    operator: str
    values: tuple[str | int, ...]

    @property
    def cel(self) -> str:
        right = json.dumps(list(self.values)) if self.operator == "in" else json.dumps(self.values[0])
        return f"{self.fact} {self.operator} {right}"

    @property
    def cell(self) -> str:
        """For a cell of zen's decision table, where `$` is the fact."""
        if self.operator == "in":
            return ", ".join(map(json.dumps, self.values))
        right = json.dumps(self.values[0])
        return {"==": right, "!=": f"$ != {right}"}.get(self.operator, f"{self.operator} {right}")


def random_tests(rng: random.Random) -> list[Test]:
    drawn = [
        Test("request.priority", "==", (f"P{rng.randint(1, 4)}",)),
        Test("request.category", "==", (f"c{rng.randint(1, 20)}",)),
        Test("request.impact", "<=", (rng.randint(1, 3),)),
        Test("request.age_minutes", ">=", (rng.randint(1, 1_000),)),
        Test("service.criticality", ">", (rng.randint(0, 9),)),
        Test("client.tier", "in", tuple(rng.sample(["gold", "silver", "bronze", "none"], 2))),
        Test("client.region", "!=", (rng.choice(["north", "south", "east", "west"]),)),
    ]
    return rng.sample(drawn, rng.randint(2, 4))


def random_snapshot(rng: random.Random) -> dict[str, Any]:
    return {
        "request": {
            "priority": f"P{rng.randint(1, 4)}",
            "category": f"c{rng.randint(1, 20)}",
            "impact": rng.randint(1, 3),
            "age_minutes": rng.randint(1, 1_000),
            "title": "the printer on the third floor does not print",
        },
        "service": {"criticality": rng.randint(1, 10)},
        "client": {
            "tier": rng.choice(["gold", "silver", "bronze", "none"]),
            "region": rng.choice(["north", "south", "east", "west"]),
        },
    }


def _zen_table(rules: Sequence[Sequence[Test]]) -> zen.ZenDecision:
    facts = sorted({test.fact for rule in rules for test in rule})
    rows = [
        {
            "_id": f"r{index}",
            "rule": str(index),
            **dict.fromkeys(facts, ""),
            **{t.fact: t.cell for t in rule},
        }
        for index, rule in enumerate(rules)
    ]
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": fact, "name": fact, "field": fact} for fact in facts],
        "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
        "rules": rows,
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [
        {"id": f"{a}-{b}", "sourceId": a, "targetId": b, "type": "edge"}
        for a, b in (("in", "table"), ("table", "out"))
    ]
    return zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))


def _at_once(decide: Callable[[Facts], Found]) -> Decide:
    async def run(snapshots: Sequence[Facts]) -> list[Found]:
        return [decide(facts) for facts in snapshots]

    return run


def _by_zen_table(rules: Sequence[Sequence[Test]]) -> Decide:
    evaluate = cast("Callable[[Facts], Any]", _zen_table(rules).evaluate)

    def decide(facts: Facts) -> Found:
        return [row["rule"] for row in evaluate(facts)["result"]]

    return _at_once(decide)


def _by_zen_expressions(rules: Sequence[Sequence[Test]]) -> Decide:
    compiled = [zen.compile_expression(" and ".join(test.cel for test in rule)) for rule in rules]
    evaluations = [cast("Callable[[Facts], object]", expression.evaluate) for expression in compiled]

    def decide(facts: Facts) -> Found:
        return [index for index, evaluate in enumerate(evaluations) if evaluate(facts) is True]

    return _at_once(decide)


def _by_cel(rules: Sequence[Sequence[Test]]) -> Decide:
    compiled = [CEL.compile(" && ".join(test.cel for test in rule)) for rule in rules]

    def decide(facts: Facts) -> Found:
        activation = CEL.Activation(facts)
        return [index for index, rule in enumerate(compiled) if rule.eval(activation).plain_value() is True]

    return _at_once(decide)


def _by_closures(ruleset: RuleSet) -> Decide:
    engine = ReferenceEngine(budget_seconds=60)
    return _at_once(lambda facts: list(engine.match_now(ruleset, facts).true))


def _in_process(ruleset: RuleSet, *, remembered_max: int) -> Decide:
    compiled = plan(ruleset.conditions)
    session = Session(compiled, remembered_max=remembered_max)
    return _at_once(lambda facts: session.match(compiled.encode(facts, is_late=lambda: False))[0])


def _through_the_pipe(pool: DurablePool, ruleset: RuleSet, *, batch: int) -> Decide:
    async def one(facts: Facts) -> Found:
        found = await pool.match(ruleset, facts)
        if found.engine != "durable":
            raise RuntimeError(f"the child did not answer: {pool.counters}")
        return list(found.true)

    async def run(snapshots: Sequence[Facts]) -> list[Found]:
        found: list[Found] = []
        for start in range(0, len(snapshots), batch):
            part = snapshots[start : start + batch]
            found += [await one(part[0])] if batch == 1 else await asyncio.gather(*map(one, part))
        return found

    return run


@dataclass(frozen=True, slots=True)
class Rate:
    """Decisions per second."""

    of_wall: float
    of_processor: float


def _processor_seconds(pids: Sequence[int]) -> float:
    """Used so far by this process and the children."""
    return time.process_time() + sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


async def _rate(decide: Decide, snapshots: Sequence[Facts], pids: Sequence[int], *, seconds: float) -> Rate:
    """The best of several rounds, each as many whole passes as fit into its share of the time."""
    of_wall = of_processor = 0.0
    for _ in range(ROUNDS):
        used, started, passes, elapsed = _processor_seconds(pids), time.perf_counter(), 0, 0.0
        while elapsed < seconds / ROUNDS:
            await decide(snapshots)
            passes += 1
            elapsed = time.perf_counter() - started
        decisions = passes * len(snapshots)
        of_wall = max(of_wall, decisions / elapsed)
        of_processor = max(of_processor, decisions / (_processor_seconds(pids) - used))
    return Rate(of_wall, of_processor)


async def _measure(pool: DurablePool, size: int, *, seconds: float) -> tuple[dict[str, Rate], int]:
    rng = random.Random(size)  # noqa: S311 test data
    rules = [random_tests(rng) for _ in range(size)]
    snapshots: list[Facts] = [random_snapshot(rng) for _ in range(SNAPSHOTS)]
    ruleset = RuleSet(f"bench:{size}", tuple(parse(" && ".join(test.cel for test in rule)) for rule in rules))
    engines = {
        ZEN_TABLE: _by_zen_table(rules),
        ZEN_EXPRESSIONS: _by_zen_expressions(rules),
        "cel-expr-python": _by_cel(rules),
        "closures, in process": _by_closures(ruleset),
        IN_PROCESS: _in_process(ruleset, remembered_max=1),
        REMEMBERED: _in_process(ruleset, remembered_max=SNAPSHOTS),
    }
    for batch in BATCHES:
        engines[f"durable, pipe, batch {batch}"] = _through_the_pipe(pool, ruleset, batch=batch)
    expected = await engines["closures, in process"](snapshots)
    wrong = 0
    rates: dict[str, Rate] = {}
    for name, decide in engines.items():
        wrong += sum(mine != right for mine, right in zip(await decide(snapshots), expected, strict=True))
        rates[name] = await _rate(decide, snapshots, pool.pids, seconds=seconds)
    return rates, wrong


def _print(size: int, rates: dict[str, Rate], wrong: int) -> None:
    table, expressions = rates[ZEN_TABLE], rates[ZEN_EXPRESSIONS]
    print(f"\n{size:,} rules, {wrong} wrong answers")
    print(f"{'':26}{'per second of wall time':>34}   {'per second of processor time':>34}")
    print(f"{'':26}" + "   ".join([f"{'decisions':>12}{'x table':>11}{'x expr.':>11}"] * 2))
    for name, rate in rates.items():
        wall = _cells(rate.of_wall, table.of_wall, expressions.of_wall)
        processor = _cells(rate.of_processor, table.of_processor, expressions.of_processor)
        print(f"{name:26}{wall}   {processor}")


def _cells(rate: float, table: float, expressions: float) -> str:
    return f"{rate:12,.0f}{rate / table:11.2f}{rate / expressions:11.2f}"


async def main(*, seconds: float) -> None:
    pool = DurablePool(
        reference=ReferenceEngine(),
        sample=lambda: 1.0,
        limits=PoolLimits(children=1, shadow_rate=0.0),
        slot_limits=SlotLimits(patience_seconds=60.0),  # nobody may stand in for the child here
    )
    await pool.start()
    all_wrong, at_goal = 0, dict[str, Rate]()
    try:
        for size in SIZES:
            rates, wrong = await _measure(pool, size, seconds=seconds)
            _print(size, rates, wrong)
            all_wrong += wrong
            at_goal = rates if size == GOAL_SIZE else at_goal
    finally:
        await pool.close()
    table, expressions = at_goal[ZEN_TABLE], at_goal[ZEN_EXPRESSIONS]
    print(f"\nwrong answers: {all_wrong}")
    print(f"at {GOAL_SIZE} rules, by processor time (goal: {GOAL:.0f} x zen's table, in a batch):")
    for name in (IN_PROCESS, REMEMBERED, f"durable, pipe, batch {BATCHES[-1]}"):
        rate = at_goal[name].of_processor
        by_table, by_expressions = rate / table.of_processor, rate / expressions.of_processor
        print(f"  {name:26}{by_table:8.2f} x zen's table, {by_expressions:8.2f} x its expressions")
    if all_wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each engine and size")
    uvloop.run(main(seconds=parser.parse_args().seconds))  # as the service itself
