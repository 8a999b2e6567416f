"""The reference evaluator as an engine: in this process. It cannot crash, only be slow."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from service.recent import Recent
from service.rules.language import closures
from service.rules.language.effort import Meter, OutOfTime, limited
from service.rules.language.values import Facts
from service.rules.language.walk import cost_of
from service.rules.matching import Matches, MatchingTooSlow, RuleSet

Condition = Callable[[Facts], object]
LONG_SECONDS = 0.02
SHARE_MAX = 0.05
"""Of the time of this process that the long matches of one rule set may take, once they owe the following."""
DEBT_SECONDS_MAX = 0.5
DEBTORS_KEPT = 4_096
PARTS_PER_LOOK = 100
"""Parts of conditions between two looks at the clock."""
BUDGET_SECONDS = 0.15
"""Of the process that answers requests; with what else a decision takes, a quarter of a second."""


class Debts:
    """What rule sets have used of this process, as far as it was long, so that none takes it from all others.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._owed: Recent[str, tuple[float, float]] = Recent(DEBTORS_KEPT)

    def overdrawn(self, key: str) -> bool:
        return self._owes(key) > DEBT_SECONDS_MAX

    def charge(self, key: str, seconds: float) -> None:
        """Note how long a match took."""
        if seconds > LONG_SECONDS:
            self._owed.put(key, (self._owes(key) + seconds, self._now()))

    def _owes(self, key: str) -> float:
        seconds, since = self._owed.get(key) or (0.0, 0.0)
        return max(0.0, seconds - SHARE_MAX * (self._now() - since)) if seconds else 0.0


class ReferenceEngine:
    """Keeps the compiled closures of the rule sets used last.

    Args:
        conditions_max: how many conditions are kept; the least recently used rule sets go first.
        budget_seconds: of processor time for one snapshot of facts.
        clock: seconds of processor time, which a busy machine does not use up.
        now: monotonic seconds.
        is_rationed: whether a rule set that takes long again and again is not tried each time; then what is
            answered depends on what was asked before.
    """

    def __init__(
        self,
        *,
        conditions_max: int = 50_000,
        budget_seconds: float = BUDGET_SECONDS,
        clock: Callable[[], float] = time.thread_time,
        now: Callable[[], float] = time.monotonic,
        is_rationed: bool = True,
    ) -> None:
        self._is_rationed = is_rationed
        self._debts = Debts(now)
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._kept: Recent[str, Compiled] = Recent(conditions_max, weigh=len)

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        return self.match_now(ruleset, facts)

    async def close(self) -> None:
        self._kept.clear()

    def match_now(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        """Match without giving way to other tasks.

        Raises:
            MatchingTooSlow: the budget is used up, or the rule set had too many long matches lately.
        """
        if self._is_rationed and self._debts.overdrawn(ruleset.key):
            raise MatchingTooSlow(ruleset.key, self._budget_seconds)
        compiled, started = self._compiled(ruleset), self._clock()
        try:
            true, errors = _matched(compiled, cast("Facts", facts), Meter(self._budget_seconds, self._clock))
        except OutOfTime as error:
            raise MatchingTooSlow(ruleset.key, self._budget_seconds) from error
        finally:
            self._debts.charge(ruleset.key, self._clock() - started)
        return Matches(true, errors, "reference")

    def _compiled(self, ruleset: RuleSet) -> "Compiled":
        kept = self._kept.get(ruleset.key)
        if kept is None:
            kept = Compiled(tuple(map(closures.compile_closure, ruleset.conditions)), _looks(ruleset))
            self._kept.put(ruleset.key, kept)
        return kept


@dataclass(frozen=True, slots=True)
class Compiled:
    """One rule set. `looks`: the places of the conditions after which the clock is looked at."""

    conditions: tuple[Condition, ...]
    looks: frozenset[int]

    def __len__(self) -> int:
        return len(self.conditions)


def _matched(
    compiled: Compiled, facts: Facts, is_late: Callable[[], bool]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    true: list[int] = []
    errors: list[int] = []
    with limited(is_late):
        for index, condition in enumerate(compiled.conditions):
            result = condition(facts)
            if result is True:
                true.append(index)
            elif result is not False:
                errors.append(index)
            if index in compiled.looks and is_late():
                raise OutOfTime
    return tuple(true), tuple(errors)


def _looks(ruleset: RuleSet) -> frozenset[int]:
    """A long condition is worth a look of its own, short ones come together."""
    looks: set[int] = set()
    parts = 0
    for index, condition in enumerate(ruleset.conditions):
        parts += cost_of(condition, elements=1)
        if parts > PARTS_PER_LOOK or index + 1 == len(ruleset.conditions):
            looks.add(index)
            parts = 0
    return frozenset(looks)
