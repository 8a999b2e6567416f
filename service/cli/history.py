"""Logs of past requests, brought into a tenant to try policies on."""

from collections import Counter
from pathlib import Path
from time import monotonic

import click
import uvloop
from rich.console import Console

from service.cli import running
from service.cli.connection import Connection, connected, opened
from service.cli.parameters import EXISTING_FILE
from service.remote import history as remote
from service.remote.history import Imported, Source
from service.replay import commands, log, progress
from service.replay import report as reporting
from service.replay.log import Cases
from service.replay.progress import Wording

IMPORT = Wording("importing", "imported")
FATES = {
    "added": "added",
    "known": "there already",
    "different": "left as they are there, where they say something else",
    "refused": "refused",
}


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
        running.print_json(_told(imported))
    else:
        _show(imported, console)


def _show(imported: Imported, console: Console) -> None:
    found = imported.log
    count = imported.fates.total()
    told = ", ".join(
        f"{imported.fates[fate]:,} {words}" for fate, words in FATES.items() if imported.fates[fate]
    )
    console.print(f"{count:,} cases of the log {found.name!r}: {told}.", markup=False, highlight=False)
    reporting.show_bad_rows(imported.bad_rows, console)
    refused = imported.fates["refused"]
    if refused:
        console.print(f"{refused:,} cases were refused:", highlight=False)
        lines = (f"  line {one.line} ({one.external_id}): {one.reason}" for one in imported.refusals)
        reporting.listed(lines, refused, console)
    console.print(
        f"It holds {found.cases:,} cases and is complete. Try a policy on it:\n"
        f"  rooted backtest --policy FILE --log {found.name}",
        markup=False,
        highlight=False,
    )


def _told(imported: Imported) -> dict[str, object]:
    fates: Counter[str] = imported.fates
    return {
        "id": imported.log.id,
        "name": imported.log.name,
        "cases": imported.log.cases,
        **{fate: fates[fate] for fate in FATES},
        "refusals_first": imported.refusals,
        "bad_rows": imported.bad_rows.count,
        "bad_rows_by_kind": dict(imported.bad_rows.by_kind),
        "bad_rows_first": imported.bad_rows.first,
    }
