"""The reference evaluator as an engine: in this process. It cannot crash, only be slow."""

import time
from collections.abc import Callable, Mapping
from typing import cast

from service.recent import Recent
from service.rules.language import closures
from service.rules.language.values import Facts
from service.rules.matching import Matches, MatchingTooSlow, RuleSet

Condition = Callable[[Facts], object]
SLICE = 64
"""Conditions between two looks at the clock."""


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
        budget_seconds: float = 1.0,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._kept: Recent[str, tuple[Condition, ...]] = Recent(conditions_max, weigh=len)

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        return self.match_now(ruleset, facts)

    async def close(self) -> None:
        self._kept.clear()

    def match_now(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        """Match without giving way to other tasks.

        Raises:
            MatchingTooSlow: the budget is used up.
        """
        late_at = self._clock() + self._budget_seconds
        conditions, bound = self._conditions(ruleset), cast("Facts", facts)
        true: list[int] = []
        errors: list[int] = []
        for start in range(0, len(conditions), SLICE):
            for index, condition in enumerate(conditions[start : start + SLICE], start):
                result = condition(bound)
                if result is True:
                    true.append(index)
                elif result is not False:
                    errors.append(index)
            if self._clock() > late_at:
                raise MatchingTooSlow(ruleset.key, self._budget_seconds)
        return Matches(tuple(true), tuple(errors), "reference")

    def _conditions(self, ruleset: RuleSet) -> tuple[Condition, ...]:
        kept = self._kept.get(ruleset.key)
        if kept is not None:
            return kept
        compiled = tuple(map(closures.compile_closure, ruleset.conditions))
        self._kept.put(ruleset.key, compiled)
        return compiled
