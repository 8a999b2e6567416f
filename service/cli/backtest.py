"""Policies, calendars and types, tried on past requests: on a server, or on one of our own started for it."""

from collections.abc import Coroutine
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from typing import Any

import click
from rich.console import Console

from service import hosting
from service.cli import running
from service.cli.backtest_options import Options
from service.cli.connection import Connection, connected, opened
from service.cli.parameters import EXISTING_FILE, Moment
from service.clock import SystemClock
from service.people.domain import Role
from service.people.invitations import Invitee
from service.remote import backtest_report, backtests, gates, history, history_report, sandbox
from service.remote import files as reading
from service.remote.backtest_report import CHANGES_SHOWN
from service.remote.backtests import Asked, Backtest, Found
from service.remote.gates import Gates
from service.remote.history import Source
from service.remote.sandbox import Bench
from service.replay import commands, log, progress
from service.replay.client import Access, Client
from service.replay.progress import IMPORT, Advance, Wording
from service.settings import Settings

EXCEEDED, NOT_RUN = 1, 2
"""Exit codes, beside 0."""
AGAINST_NOTHING = (
    "Compared with no policy, where each request has the default promise. Name what is in effect: --against."
)
TRY = Wording("deciding", "decided")


@click.command("backtest")
@click.option("--policy", "policies", type=EXISTING_FILE, multiple=True, help="Tried; several times.")
@click.option(
    "--try-calendar",
    "tried_calendars",
    type=EXISTING_FILE,
    multiple=True,
    help="Tried in the place of the current version of the calendar of its name; several times.",
)
@click.option(
    "--try-type",
    "tried_types",
    type=EXISTING_FILE,
    multiple=True,
    help="Tried in the place of the type of request of its name; several times.",
)
@click.option("--file", type=EXISTING_FILE, help="On a log, without any server: CSV, CSV.xz or CSV.gz.")
@click.option("--mapping", type=EXISTING_FILE, help="With --file: how to read it (YAML).")
@click.option("--calendar", "calendars", type=EXISTING_FILE, multiple=True, help="With --file.")
@click.option(
    "--against",
    type=EXISTING_FILE,
    multiple=True,
    help="With --file: a policy as it is in effect, to compare with.",
)
@click.option(
    "--type", "types", type=EXISTING_FILE, multiple=True, help="With --file: a type of request in effect."
)
@click.option(
    "--ladder", "ladders", type=EXISTING_FILE, multiple=True, help="With --file: one that policies name."
)
@click.option("--limit", type=click.IntRange(min=1), help="With --file: only the first so many cases.")
@click.option("--log", help="On a log that `rooted history import` has brought in, by its name.")
@click.option("--from", "since", type=Moment(), help="On the tenant's own requests, opened from here on.")
@click.option("--to", type=Moment(), help="And before this.")
@click.option("--max-new-breaches", type=click.IntRange(min=0), help="Exit with 1 when more are broken.")
@click.option("--max-changed", type=click.IntRange(min=0), help="Exit with 1 when more requests change.")
@click.option("--no-wait", is_flag=True, help="Start it, print its id, and go.")
@click.option("--again", metavar="ID", help="Wait for a backtest that was started before, and show it.")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Write what changes there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@connected
@click.pass_obj
def backtest(
    settings: Settings,
    *,
    connection: Connection,
    max_new_breaches: int | None,
    max_changed: int | None,
    **given: Any,
) -> None:
    """Try policies, calendars and types of request on past requests and show what would be different.

    Exits with 0, with 1 when more is different than may be, and with 2 when the backtest could not be run.
    """
    options = Options(**given)
    options.check()
    console = Console(stderr=options.as_json)
    found = _run(_found(settings, connection, options, console))
    if found is None:
        return
    passage = gates.passage(Gates(new_breaches=max_new_breaches, changed=max_changed), found.count)
    if options.as_json:
        running.print_json(backtest_report.to_json(found, passage))
    else:
        backtest_report.show(found, passage, console)
    if passage.exceeded:
        raise SystemExit(EXCEEDED)
    if passage.undecided:
        raise SystemExit(NOT_RUN)


class CouldNotRun(click.ClickException):
    """There is no result, for whatever reason."""

    exit_code = NOT_RUN


def _run(work: Coroutine[Any, Any, Found | None]) -> Found | None:
    """Run it to the end; whatever keeps it from a result is told, and becomes exit code 2."""
    try:
        return running.run(work)
    except click.ClickException as error:
        raise CouldNotRun(error.message) from error
    except KeyboardInterrupt:
        raise SystemExit(NOT_RUN) from None


async def _found(
    settings: Settings, connection: Connection, options: Options, console: Console
) -> Found | None:
    if options.file is not None and options.mapping is not None:
        bench = sandbox.prepared(options.files)
        with log.read_cases(
            options.file, commands.read_mapping(options.mapping), limit=options.limit
        ) as cases:
            source = Source(
                name=options.file.name,
                source=cases.mapping.source,
                mapping_sha256=history.fingerprint(options.mapping),
                cases=cases,
            )
            return await _offline(settings, options, bench, source, console)
    async with opened(connection.access) as client:
        return await _online(client, options, console)


async def _offline(
    settings: Settings, options: Options, bench: Bench, source: Source, console: Console
) -> Found:
    """On a sandbox tenant of a server of our own, of which nothing but its log is left afterwards."""
    async with hosting.hosted_in_passing(
        settings,
        data_folder=running.data_folder(settings),
        slug="backtest",
        clock_at=SystemClock().now(),
        members=[Invitee(each, each, (Role.AGENT,)) for each in sorted(bench.members)],
    ) as hosted:
        access = Access(
            base_url=hosted.url,
            client_id=hosted.credentials.client_id,
            client_secret=hosted.credentials.client_secret,
        )
        async with opened(access) as client:
            total = source.cases.count()
            with _progress(options, console, total, IMPORT) as advance:
                imported = await sandbox.furnish(client, bench, source, total=total, advance=advance)
            history_report.show_losses(imported, console)
            if not options.against:
                console.print(AGAINST_NOTHING, highlight=False, soft_wrap=True)
            asked = Asked(
                name=options.name,
                files=bench.candidates,
                log=source.name,
                calendars=bench.tried_calendars,
                types=bench.tried_types,
            )
            return await _awaited(client, await backtests.start(client, asked), options, console)


async def _online(client: Client, options: Options, console: Console) -> Found | None:
    if options.again is not None:
        return await _awaited(client, await backtests.get(client, options.again), options, console)
    files = [reading.read(path) for path in options.policies]
    asked = Asked(
        name=options.name,
        files=files,
        log=options.log,
        since=options.since,
        to=options.to,
        calendars=sandbox.calendars_in(options.tried_calendars),
        types=sandbox.types_in(options.tried_types),
    )
    backtest = await backtests.start(client, asked)
    if not options.no_wait:
        return await _awaited(client, backtest, options, console)
    if options.as_json:
        running.print_json({"id": backtest.id, "state": backtest.state})
    else:
        click.echo(f"Backtest {backtest.id} is {backtest.state}. Its result: {backtests.again(backtest)}")
    return None


async def _awaited(client: Client, backtest: Backtest, options: Options, console: Console) -> Found:
    """What it finds, once it is done."""
    with _progress(options, console, backtest.total, TRY) as advance:
        done = await backtests.watch(client, backtest, advance, _tell, is_ours=options.again is None)
    found = await backtests.found_by(client, done, shown=CHANGES_SHOWN)
    if options.csv is not None:
        _write(options.csv, await backtests.changes_as_csv(client, done))
    return found


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _progress(
    options: Options, console: Console, total: int, what: Wording
) -> AbstractContextManager[Advance]:
    return progress.shown(None if options.as_json else console, total=total, stopwatch=monotonic, what=what)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from error
