"""What the engine tells Prometheus, and that the architecture names all of it."""

import re
from pathlib import Path

from service.rules import meters
from service.rules.language.parse import parse
from service.rules.matching import RuleSet
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.telemetry import Metrics

ARCHITECTURE = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
RULES = RuleSet("k", (parse("x == 1"), parse("y > 2")))


async def _told() -> dict[str, float]:
    metrics = Metrics()
    pool = DurablePool(
        reference=ReferenceEngine(), sample=lambda: 0.0, limits=PoolLimits(children=2, shadow_rate=1.0)
    )
    meters.watch(pool, metrics)
    try:
        await pool.start()
        for facts in ({"x": 1}, {"y": 3}, {"x": 2**80}):
            await pool.match(RULES, facts)
        lines = metrics.exposition().decode().splitlines()
    finally:
        await pool.close()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


async def test_the_meters_tell_who_answered_and_what_children_hold() -> None:
    told = await _told()

    assert told['rooted_rules_matches_total{engine="durable"}'] == 2
    assert told['rooted_rules_matches_total{engine="reference"}'] == 1
    assert told['rooted_rules_stood_in_total{why="unsendable"}'] == 1
    assert told['rooted_rules_shadow_total{result="checked"}'] == 2
    assert told['rooted_rules_shadow_total{result="mismatch"}'] == 0
    assert told["rooted_rules_match_seconds_count"] == 3
    assert told["rooted_rules_children"] == 2
    assert told["rooted_rules_children_resident_bytes"] > 10 << 20
    assert told['rooted_rules_kept{what="rule_sets"}'] == 1
    assert told['rooted_rules_kept{what="terms"}'] == 2
    assert (told["rooted_rules_loads_total"], told["rooted_rules_evictions_total"]) == (1, 0)
    assert told['rooted_rules_children_events_total{what="spawned"}'] == 2


async def test_the_architecture_names_every_meter() -> None:
    names = {re.sub(r"(_bucket|_sum|_count|_created)?(\{.*)?$", "", name) for name in await _told()}

    assert {name for name in names if f"`{name}`" not in ARCHITECTURE} == set()
