import io
from collections.abc import Callable
from itertools import count

import pytest
from rich.console import Console

from service.replay import progress


def _ticking() -> Callable[[], float]:
    ticks = count(0.0, 0.5)
    return lambda: next(ticks)


def _shown(*, terminal: bool, total: int = 40) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=80)
    with progress.shown(console, total=total, stopwatch=_ticking()) as advance:
        for _ in range(total):
            advance(1)
    return written.getvalue()


def test_without_a_terminal_ten_plain_lines_are_printed() -> None:
    lines = _shown(terminal=False).splitlines()

    assert len(lines) == progress.LINES
    assert lines[0].startswith("replayed 4 of 40 (")
    assert lines[-1].startswith("replayed 40 of 40 (")


def test_few_steps_print_few_lines() -> None:
    assert len(_shown(terminal=False, total=3).splitlines()) == 3


def test_on_a_terminal_a_bar_is_drawn() -> None:
    shown = _shown(terminal=True)

    assert "━" in shown
    assert "40/40" in shown


def test_nothing_is_shown_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown(None, total=1, stopwatch=_ticking()) as advance:
        advance(1)

    assert capsys.readouterr() == ("", "")
