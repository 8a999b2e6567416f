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
PARTS_PER_LOOK = 100
"""Parts of conditions between two looks at the clock."""
BUDGET_SECONDS = 0.15
"""Of the process that answers requests; with what else a decision takes, a quarter of a second."""


class ReferenceEngine:
    """Keeps the compiled closures of the rule sets used last.

    Args:
        conditions_max: how many conditions are kept; the least recently used rule sets go first.
        budget_seconds: of processor time for one snapshot of facts.
        clock: seconds of processor time, which a busy machine does not use up.
    """

    def __init__(
        self,
        *,
        conditions_max: int = 50_000,
        budget_seconds: float = BUDGET_SECONDS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
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
            MatchingTooSlow: the budget is used up.
        """
        compiled = self._compiled(ruleset)
        try:
            true, errors = _matched(compiled, cast("Facts", facts), Meter(self._budget_seconds, self._clock))
        except OutOfTime as error:
            raise MatchingTooSlow(ruleset.key, self._budget_seconds) from error
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
