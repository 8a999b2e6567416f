"""What the engine's children do, for Prometheus."""

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.rules.memory import resident_bytes
from service.rules.pool import DurablePool
from service.telemetry import Metrics

STOOD_IN = "stood_in."
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class PoolMeters(Collector):
    """Reads a pool whenever it is asked, so that matching pays for the time of a match alone."""

    def __init__(self, pool: DurablePool) -> None:
        self._pool = pool

    def collect(self) -> Iterable[Metric]:
        counted, kept = self._pool.counters, self._pool.kept
        why = {name.removeprefix(STOOD_IN): n for name, n in counted.items() if name.startswith(STOOD_IN)}
        matches = {"durable": counted["durable"], "reference": sum(why.values())}
        shadow = {name: counted[name] for name in ("checked", "mismatch")}
        children = {name: counted[name] for name in ("spawned", "died", "timeout", "retired")}
        held = {
            "rule_sets": sum(each.rule_sets for each in kept),
            "terms": sum(each.terms for each in kept),
        }
        yield _counter("rooted_rules_matches", "Rule sets matched, by who answered.", "engine", matches)
        yield _counter("rooted_rules_stood_in", "Matches of the evaluator in a child's place.", "why", why)
        yield _counter("rooted_rules_shadow", "Answers compared with the evaluator's.", "result", shadow)
        yield _counter("rooted_rules_children_events", "What befell children.", "what", children)
        yield CounterMetricFamily(
            "rooted_rules_quarantined", "Rule sets kept from the engine.", counted["quarantined"]
        )
        yield CounterMetricFamily("rooted_rules_loads", "Rule sets compiled in a child.", counted["loaded"])
        yield CounterMetricFamily("rooted_rules_evictions", "Rule sets a child let go.", counted["evicted"])
        yield GaugeMetricFamily("rooted_rules_children", "Children that run.", len(self._pool.pids))
        yield GaugeMetricFamily(
            "rooted_rules_children_resident_bytes",
            "Memory of all children.",
            sum(map(resident_bytes, self._pool.pids)),
        )
        family = GaugeMetricFamily("rooted_rules_kept", "What children hold.", labels=["what"])
        for name, number in held.items():
            family.add_metric([name], number)
        yield family


def _counter(name: str, description: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, description, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def watch(pool: DurablePool, metrics: Metrics) -> None:
    """Tell what this pool does from now on."""
    metrics.registry.register(PoolMeters(pool))
    histogram = metrics.histogram(
        "rooted_rules_match_seconds", "Time to match one rule set, waiting included.", buckets=SECONDS
    )
    pool.observe = histogram.observe
