"""How long an evaluation may take. Whoever evaluates says so; macros, which multiply what is asked, obey.

It is a variable of the context, because an evaluation is a tree of calls of which hardly any needs to know.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

STEP_SECONDS_MAX = 0.05


class OutOfTime(Exception):
    """An evaluation takes longer than it may."""


def _never() -> bool:
    return False


IS_LATE: ContextVar[Callable[[], bool]] = ContextVar("is_late", default=_never)


@contextmanager
def limited(is_late: Callable[[], bool]) -> Generator[None]:
    """Within the block evaluations raise OutOfTime soon after `is_late` says so."""
    token = IS_LATE.set(is_late)
    try:
        yield
    finally:
        IS_LATE.reset(token)


class Meter:
    """Says whether a budget is used up. Ask it often.

    A step that took longer than any evaluation of one part can was interrupted, by the garbage collector as
    a rule, and counts as `STEP_SECONDS_MAX`.

    Args:
        budget_seconds: what may be spent.
        clock: seconds of processor time.
    """

    def __init__(self, budget_seconds: float, clock: Callable[[], float]) -> None:
        self._left = budget_seconds
        self._clock = clock
        self._looked_at = clock()

    def __call__(self) -> bool:
        now = self._clock()
        self._left -= min(now - self._looked_at, STEP_SECONDS_MAX)
        self._looked_at = now
        return self._left < 0
