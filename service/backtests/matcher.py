"""Matches rules in this very process, which may die of it: for a child that is restarted when it does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from service.rules.compile.plan import OutOfTime, Plan, TooManyTerms, plan
from service.rules.engine import EnginePoisoned, Session
from service.rules.language.values import Facts
from service.rules.matching import Matches, RuleSet
from service.rules.reference import ReferenceEngine

TERMS_MAX = 20_000
"""Of one rule set; a term takes about 23 KB."""
BUDGET_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Loaded:
    plan: Plan
    session: Session


class InProcess:
    """durable-rules where it takes a rule set, and the reference evaluator where it does not.

    Args:
        reference: answers for what the engine does not take.
        clock: seconds of processor time.
    """

    def __init__(self, reference: ReferenceEngine, *, clock: Callable[[], float] = time.process_time) -> None:
        self._reference = reference
        self._clock = clock
        self._loaded: dict[str, _Loaded | None] = {}

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        loaded = self._of(ruleset)
        if loaded is not None:
            late_at = self._clock() + BUDGET_SECONDS
            try:
                codes = loaded.plan.encode(cast("Facts", facts), is_late=lambda: self._clock() > late_at)
                true, errors = loaded.session.match(codes)
            except OutOfTime:
                return self._reference.match_now(ruleset, facts)
            except EnginePoisoned:
                self._give_up(ruleset.key)
            else:
                return Matches(tuple(true), tuple(errors), "durable")
        return self._reference.match_now(ruleset, facts)

    async def close(self) -> None:
        for key in list(self._loaded):
            self._give_up(key)
        await self._reference.close()

    def _of(self, ruleset: RuleSet) -> _Loaded | None:
        if ruleset.key not in self._loaded:
            self._loaded[ruleset.key] = _load(ruleset)
        return self._loaded[ruleset.key]

    def _give_up(self, key: str) -> None:
        """Leave a rule set to the evaluator."""
        loaded, self._loaded[key] = self._loaded.get(key), None
        if loaded is not None:
            loaded.session.close()


def _load(ruleset: RuleSet) -> _Loaded | None:
    try:
        compiled = plan(ruleset.conditions, terms_max=TERMS_MAX)
        return _Loaded(compiled, Session(compiled))
    except (ValueError, TooManyTerms, EnginePoisoned, MemoryError):
        return None
