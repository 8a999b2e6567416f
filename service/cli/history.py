"""Logs of past requests, brought into a tenant to try policies on."""

from pathlib import Path
from time import monotonic

import click
import uvloop
from rich.console import Console

from service.cli import running
from service.cli.connection import Connection, connected, opened, tell_server
from service.cli.parameters import EXISTING_FILE
from service.remote import history as remote
from service.remote import history_report
from service.remote.history import Imported, Source
from service.replay import commands, log, progress
from service.replay.log import Cases
from service.replay.progress import IMPORT


@click.group("history")
def history() -> None:
    """Logs of past requests, to try policies on."""


@history.command("import")
@click.option("--mapping", type=EXISTING_FILE, required=True, help="How to read the log (YAML).")
@click.option("--file", "path", type=EXISTING_FILE, required=True, help="The log: CSV, CSV.xz or CSV.gz.")
@click.option("--name", help="What the log is to be called; the file's name when left out.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many cases.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@connected
def import_log(
    *,
    connection: Connection,
    mapping: Path,
    path: Path,
    name: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Bring a log of past requests in. Repeated, it goes on where it stopped, and doubles nothing."""
    access = connection.access
    console = Console(stderr=as_json)

    async def bring_in(cases: Cases) -> Imported:
        source = Source(
            name=name or path.name.partition(".")[0],
            source=cases.mapping.source,
            mapping_sha256=remote.fingerprint(mapping),
            cases=cases,
        )
        total = cases.count()
        shown = progress.shown(None if as_json else console, total=total, stopwatch=monotonic, what=IMPORT)
        async with opened(access) as client:
            with shown as advance:
                return await remote.bring_in(client, source, total=total, advance=advance)

    def work() -> Imported:
        with log.read_cases(path, commands.read_mapping(mapping), limit=limit) as cases:
            return uvloop.run(bring_in(cases))

    imported = running.refusing(work)
    if as_json:
        running.print_json(history_report.to_json(imported))
    else:
        history_report.show(imported, console)
        tell_server(access)
