"""What it takes to hold the rules of many tenants at once, and how often they are there when asked.

A thousand tenants of fifty rules each are asked as a Zipf distribution has it: few of them often, most of
them now and then. Every answer comes from a child; one whose rules were let go loads them anew.

Two worlds: tenants whose rules have nothing in common, and tenants who began with one of a few samples and
changed its numbers and names. Rule sets that are built alike share what the C module holds.

`python -m bench.residency [--tenants N] [--rules N] [--requests N] [--children N]`
"""

import argparse
import random
import time
from dataclasses import dataclass
from itertools import accumulate

import uvloop

from bench.decisions import random_snapshot, random_tests
from service.rules.frames import Limits
from service.rules.language.parse import parse
from service.rules.language.values import Facts
from service.rules.matching import RuleSet
from service.rules.memory import resident_bytes
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.slot import SlotLimits

EXPONENT = 1.1
SAMPLES = 20
GOAL_MEGABYTES = 512
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class World:
    name: str
    tenants: list[RuleSet]


def _unlike(tenants: int, rules: int) -> World:
    return World("rules that have nothing in common", [_ruleset(f"u{n}", n, rules) for n in range(tenants)])


def _alike(tenants: int, rules: int) -> World:
    """Each tenant has the rules of one of the samples, with numbers and names of its own."""
    return World(
        f"rules of {SAMPLES} samples, changed",
        [_ruleset(f"a{n}", n % SAMPLES, rules, own=n) for n in range(tenants)],
    )


def _ruleset(key: str, seed: int, rules: int, *, own: int = 0) -> RuleSet:
    rng = random.Random(seed)  # noqa: S311 test data
    sources = [" && ".join(test.cel for test in random_tests(rng)) for _ in range(rules)]
    renamed = [source.replace('"c', f'"c{own}-') for source in sources] if own else sources
    return RuleSet(key, tuple(map(parse, renamed)))


async def _measure(world: World, *, requests: int, children: int) -> None:
    rng = random.Random(1)  # noqa: S311 test data
    weights = list(accumulate(1 / (rank + 1) ** EXPONENT for rank in range(len(world.tenants))))
    snapshots: list[Facts] = [random_snapshot(rng) for _ in range(1_000)]
    pool = DurablePool(
        reference=ReferenceEngine(),
        sample=lambda: 1.0,
        limits=PoolLimits(children=children, shadow_rate=0.0),
        slot_limits=SlotLimits(patience_seconds=60.0),
        child_limits=Limits(terms_max=Limits().terms_max // children),
    )
    await pool.start()
    try:
        await _asked(pool, world.tenants, snapshots[:1])
        print(f"\n{world.name}: every tenant asked once")
        _print(pool)
        loaded, started = pool.counters["loaded"], time.perf_counter()
        chosen = rng.choices(world.tenants, cum_weights=weights, k=requests)
        await _asked(pool, chosen, snapshots)
        seconds = time.perf_counter() - started
        missed = pool.counters["loaded"] - loaded
        print(f"{requests:,} requests, Zipf {EXPONENT}: {requests / seconds:,.0f} a second,")
        print(f"  {1 - missed / requests:.1%} found their rules resident, {missed:,} loaded them")
        _print(pool)
        await _time_of_a_load(pool, world.tenants[-1])
    finally:
        await pool.close()


async def _asked(pool: DurablePool, tenants: list[RuleSet], snapshots: list[Facts]) -> None:
    for place, ruleset in enumerate(tenants):
        found = await pool.match(ruleset, snapshots[place % len(snapshots)])
        if found.engine != "durable":
            raise RuntimeError(f"the child did not answer: {pool.counters}")


async def _time_of_a_load(pool: DurablePool, ruleset: RuleSet) -> None:
    rng, seconds = random.Random(2), list[float]()  # noqa: S311 test data
    for number in range(20):
        unknown, facts = RuleSet(f"new:{number}", ruleset.conditions), random_snapshot(rng)
        started = time.perf_counter()
        await pool.match(unknown, facts)
        seconds.append(time.perf_counter() - started)
    print(f"  a first answer takes {sorted(seconds)[10] * 1_000:.1f} ms (median)")


def _print(pool: DurablePool) -> None:
    megabytes = sum(map(resident_bytes, pool.pids)) / MEGABYTE
    rule_sets, terms = sum(each.rule_sets for each in pool.kept), sum(each.terms for each in pool.kept)
    print(f"  {megabytes:,.0f} MB in {len(pool.pids)} children (goal: {GOAL_MEGABYTES}),")
    print(f"  {rule_sets:,} rule sets of {terms:,} terms, {pool.counters['evicted']:,} let go so far,")
    print(f"  {pool.counters['retired']} children replaced, {pool.counters['died']} died")


async def main(*, tenants: int, rules: int, requests: int, children: int) -> None:
    for world in (_unlike(tenants, rules), _alike(tenants, rules)):
        await _measure(world, requests=requests, children=children)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--children", type=int, default=1)
    arguments = parser.parse_args()
    uvloop.run(main(**vars(arguments)))
