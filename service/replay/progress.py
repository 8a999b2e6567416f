"""Shows how far a long run is: a bar on a terminal, plain lines elsewhere, nothing when not wanted."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int], None]

LINES = 10
"""How many lines are printed where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is done, while it goes on and afterwards."""

    doing: str
    done: str


REPLAY, IMPORT = Wording("replaying", "replayed"), Wording("importing", "imported")


def _nothing(count: int, /) -> None:
    """Take the count and show nothing."""


@contextmanager
def shown(
    console: Console | None, *, total: int, stopwatch: Callable[[], float], what: Wording = REPLAY
) -> Generator[Advance]:
    """A function to be told how many more are done.

    Args:
        console: where to show it; None shows nothing.
        total: how many there are.
        stopwatch: seconds that only grow, to compute a rate.
        what: is done with them.
    """
    if console is None:
        yield _nothing
    elif not console.is_terminal:
        yield _lines(console, total, stopwatch, what)
    else:
        with _bar(console) as bar:
            task = bar.add_task(what.doing, total=total, rate="")
            started, done = stopwatch(), 0

            def advance(count: int) -> None:
                nonlocal done
                done += count
                rate = done / max(stopwatch() - started, 1e-9)
                bar.update(task, completed=done, rate=f"{rate:,.0f}/s")

            yield advance


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _lines(console: Console, total: int, stopwatch: Callable[[], float], what: Wording) -> Advance:
    started, done, printed = stopwatch(), 0, 0

    def advance(count: int) -> None:
        nonlocal done, printed
        done += count
        part = LINES * done // max(total, 1)
        if part > printed:
            printed = part
            rate = done / max(stopwatch() - started, 1e-9)
            console.print(f"{what.done} {done:,} of {total:,} ({rate:,.0f}/s)", highlight=False)

    return advance
