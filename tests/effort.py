"""How much processor time something takes."""

import time
from collections.abc import Callable

RUNS = 3


def cpu_seconds(run: Callable[[], object]) -> float:
    """Of the quickest of some runs: the garbage collector and whoever else is at work only add to it."""
    seconds: list[float] = []
    for _ in range(RUNS):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return min(seconds)
