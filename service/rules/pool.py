"""The rules engine as the service sees it: children that match, the evaluator wherever they fail.

A caller always gets an answer or `MatchingTooSlow`; what a child does, up to dying, only decides who answers.
"""

import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

import structlog

from service.recent import Recent
from service.rules.frames import Kept, Limits, Reads, packed, reads
from service.rules.language.values import Facts
from service.rules.matching import Matches, MatchingTooSlow, RuleSet
from service.rules.reference import ReferenceEngine
from service.rules.slot import ChildFailed, Job, Slot, SlotLimits

READS_KEPT = 4_096

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How far the children are trusted.

    Attributes:
        children: processes; a rule set always goes to the same one.
        strikes_max: failures in a row after which a rule set is kept from the engine.
        quarantine_seconds: for so long.
        shadow_rate: the share of answers that are compared with the reference evaluator's, from 0 to 1.
    """

    children: int = 1
    strikes_max: int = 3
    quarantine_seconds: float = 600.0
    shadow_rate: float = 1 / 256


class Quarantine:
    """Which rule sets are kept from the engine, and which are on their way there."""

    def __init__(self, limits: PoolLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._strikes: Counter[str] = Counter()
        self._until: dict[str, float] = {}

    def holds(self, key: str) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._until[key]
        return False

    def strike(self, key: str) -> bool:
        """Count a failure; say whether it was one too many."""
        self._strikes[key] += 1
        if self._strikes[key] < self._limits.strikes_max:
            return False
        self.confine(key)
        return True

    def forgive(self, key: str) -> None:
        self._strikes.pop(key, None)

    def confine(self, key: str) -> None:
        self.forgive(key)
        self._until = {other: until for other, until in self._until.items() if self._clock() < until}
        self._until[key] = self._clock() + self._limits.quarantine_seconds


def _nobody(seconds: float) -> None:
    pass


class DurablePool:
    """Supervises the children. Use it on one event loop, and close it.

    Args:
        reference: answers when a child does not, and checks a sample of what they answer.
        sample: a number from 0 to 1, uniformly; below `shadow_rate` an answer is checked.
        clock: monotonic seconds.

    Attributes:
        counters: how often what happened: `durable`, `stood_in.<why>`, `checked`, `mismatch`, `quarantined`;
            and of the children `spawned`, `died`, `timeout`, `retired`, `loaded`, `evicted`.
        observe: told how many seconds each match took.
    """

    def __init__(
        self,
        *,
        reference: ReferenceEngine,
        sample: Callable[[], float],
        limits: PoolLimits | None = None,
        slot_limits: SlotLimits | None = None,
        child_limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.observe: Callable[[float], object] = _nobody
        self._reference = reference
        self._sample = sample
        self._clock = clock
        self._limits = limits or PoolLimits()
        self._quarantine = Quarantine(self._limits, clock)
        self._reads: Recent[str, Reads] = Recent(READS_KEPT)
        self._slots = [
            Slot(
                slot_limits or SlotLimits(),
                child_limits or Limits(),
                counters=self.counters,
                blame=self._blame,
                clock=clock,
            )
            for _ in range(self._limits.children)
        ]

    async def start(self) -> None:
        """Start the children now rather than with the first match."""
        for slot in self._slots:
            await slot.ready()

    @property
    def pids(self) -> list[int]:
        """Process ids of the children that run."""
        return [slot.pid for slot in self._slots if slot.pid]

    @property
    def kept(self) -> list[Kept]:
        """What each child held when it last loaded something."""
        return [slot.kept for slot in self._slots if slot.pid]

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        started = self._clock()
        try:
            return await self._match(ruleset, facts)
        finally:
            self.observe(self._clock() - started)

    async def _match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        if self._quarantine.holds(ruleset.key):
            return self._stand_in(ruleset, facts, "quarantined")
        try:
            snapshot = packed(cast("Facts", facts), self._reads_of(ruleset))
            answer = await self._slot(ruleset.key).ask(Job(ruleset, snapshot))
        except ValueError:
            return self._stand_in(ruleset, facts, "unsendable")
        except ChildFailed as failure:
            return self._stand_in(ruleset, facts, failure.why)
        self._quarantine.forgive(ruleset.key)
        self.counters["durable"] += 1
        found = Matches(tuple(answer.true), tuple(answer.errors), "durable")
        if self._sample() < self._limits.shadow_rate:
            return self._checked(ruleset, facts, found)
        return found

    async def close(self) -> None:
        for slot in self._slots:
            await slot.close()
        await self._reference.close()

    def _slot(self, key: str) -> Slot:
        return self._slots[zlib.crc32(key.encode(errors="surrogatepass")) % len(self._slots)]

    def _reads_of(self, ruleset: RuleSet) -> Reads:
        kept = self._reads.get(ruleset.key)
        if kept is None:
            kept = reads(ruleset.conditions)
            self._reads.put(ruleset.key, kept)
        return kept

    def _stand_in(self, ruleset: RuleSet, facts: Mapping[str, object], why: str) -> Matches:
        self.counters[f"stood_in.{why}"] += 1
        return self._reference.match_now(ruleset, facts)

    def _checked(self, ruleset: RuleSet, facts: Mapping[str, object], found: Matches) -> Matches:
        """Ask the evaluator too. Where they differ it is right, and the engine loses the rule set."""
        self.counters["checked"] += 1
        try:
            expected = self._reference.match_now(ruleset, facts)
        except MatchingTooSlow:
            return found
        if (expected.true, expected.errors) == (found.true, found.errors):
            return found
        self.counters["mismatch"] += 1
        self._blame(ruleset.key, f"answered {found}, not {expected}", is_final=True)
        return replace(expected, differed=True)

    def _blame(self, key: str, why: str, *, is_final: bool) -> None:
        log.warning("rules engine failed", ruleset=key, why=why)
        if is_final:
            self._quarantine.confine(key)
        if is_final or self._quarantine.strike(key):
            self.counters["quarantined"] += 1
