"""`rooted replay`, without the command line: files in, a sandbox tenant to talk to, a report out."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

from rich.console import Console

from service.replay import log, parsing, progress, run, setup
from service.replay.client import Access, Client, open_http
from service.replay.errors import SetupUnreadable
from service.replay.log import Plan
from service.replay.mapping import EventRows, Immaterial, LogMapping
from service.replay.report import Report
from service.replay.run import CONCURRENCY, Pace
from service.replay.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What `rooted replay` is given.

    Attributes:
        immaterial: what becomes of rows that change nothing, if not what the mapping says.
    """

    mapping: Path
    log: Path
    policies: Sequence[Path]
    calendars: Sequence[Path]
    immaterial: Immaterial | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A log, read and checked, and what is to be installed before its first event."""

    plan: Plan
    setup: Setup

    @property
    def clock_at(self) -> datetime:
        """Where the sandbox tenant's clock is to stand when the tenant is created."""
        return run.starts_at(self.plan)


@contextmanager
def prepared(files: Files, *, limit: int | None = None) -> Generator[Prepared]:
    """Read everything before anything is sent, so that a fault in a file costs nothing.

    Args:
        files: paths as the user gave them.
        limit: only the first so many cases of the log.

    Raises:
        MappingInvalid, LogUnreadable, SetupUnreadable
    """
    mapping = read_mapping(files.mapping)
    if files.immaterial is not None and isinstance(mapping.rows, EventRows):
        mapping = replace(mapping, rows=replace(mapping.rows, immaterial=files.immaterial))
    installed = setup.load(files.calendars, files.policies)
    with log.read(files.log, mapping, limit=limit) as plan:
        yield Prepared(plan, installed)


def read_mapping(path: Path) -> LogMapping:
    """The mapping in a file. Raises SetupUnreadable, MappingInvalid."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupUnreadable(path.name, f"{error}.") from error
    return parsing.parse(text, name=path.name)


async def replay(
    access: Access, prepared: Prepared, *, console: Console | None, concurrency: int = CONCURRENCY
) -> Report:
    """Replay on the sandbox tenant that `access` belongs to.

    Args:
        access: to a sandbox tenant whose clock stands at `prepared.clock_at` or earlier.
        prepared: the log and its setup.
        console: where to show the progress; None shows nothing.
        concurrency: how many requests are under way at once.

    Raises:
        ReplayRefused, ClockPast, ServerUnreachable
    """
    async with open_http(access.base_url, connections=concurrency) as http:
        report, _ = await replay_with(
            Client(http, access), prepared, console=console, concurrency=concurrency
        )
    return report


async def replay_with(
    client: Client, prepared: Prepared, *, console: Console | None, concurrency: int = CONCURRENCY
) -> tuple[Report, dict[str, str]]:
    """The same with a client at hand; also the API's request id of each case."""
    total = prepared.plan.steps.count
    with progress.shown(console, total=total, stopwatch=monotonic) as advance:
        pace = Pace(concurrency=concurrency, stopwatch=monotonic, advance=advance)
        return await run.replay(client, prepared.plan, prepared.setup, pace)
