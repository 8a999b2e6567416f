"""Groups what is to be sent by the clock. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.replay.steps import Step
from service.requests.domain import AHEAD_MAX

STEPS_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Window:
    """What may be sent while the clock stands at `clock_at`: per case one chain, in the case's order."""

    clock_at: datetime
    chains: tuple[tuple[Step, ...], ...]


def windows(
    steps: Iterable[Step], *, span: timedelta = AHEAD_MAX, steps_max: int = STEPS_MAX
) -> Iterator[Window]:
    """Cut the steps into windows.

    Args:
        steps: in the order of `post_at`, and each case in its own order.
        span: how long a window is at most.
        steps_max: how many steps a window holds at most, which bounds the memory.
    """
    clock_at: datetime | None = None
    held: dict[str, list[Step]] = {}
    count = 0
    for step in steps:
        if clock_at is None or step.post_at - clock_at > span or count >= steps_max:
            if clock_at is not None:
                yield _window(clock_at, held)
            clock_at, held, count = step.post_at, {}, 0
        held.setdefault(step.case, []).append(step)
        count += 1
    if clock_at is not None:
        yield _window(clock_at, held)


def _window(clock_at: datetime, held: dict[str, list[Step]]) -> Window:
    return Window(clock_at, tuple(tuple(chain) for chain in held.values()))
