"""Policies kept as files, and the server that decides by them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop

from service.cli import running
from service.cli.connection import Connection, connected, opened, tell_server
from service.cli.parameters import EXISTING_FILE, Moment
from service.instants import rfc3339
from service.remote import files as reading
from service.remote import policies as remote
from service.remote import simulations
from service.remote.files import PolicyFile
from service.remote.policies import Fate, Publication, Result
from service.remote.simulations import Simulation, Tried
from service.replay.client import Answer
from service.rules.canonical import Change, Difference

VALUE_CHARACTERS_MAX = 60
MARKS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~", Change.MOVED: "^"}


@click.group("policy")
def policy() -> None:
    """Policies: kept as files, checked, tried and published."""


@policy.command("publish")
@click.argument("paths", metavar="FILE…", type=EXISTING_FILE, nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--effective-at", type=Moment(), help="From when on; now when left out.")
@click.option(
    "--running",
    type=click.Choice(["keep", "new_requests_only"]),
    help="Whether requests that were received before are decided by it too; `keep` when left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@connected
def publish(
    *,
    connection: Connection,
    paths: Sequence[Path],
    dry_run: bool,
    effective_at: datetime | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Publish policies that are kept in git: by name, only what changed, or ask for its approval."""
    access = connection.access
    publication = Publication(effective_at=effective_at, running=given["running"])

    async def work(files: Sequence[PolicyFile]) -> list[Result]:
        async with opened(access) as client:
            if dry_run:
                return await remote.compare(client, files)
            return await remote.publish(client, files, publication)

    results = running.refusing(lambda: uvloop.run(work([reading.read(path) for path in paths])))
    if as_json:
        running.print_json({"policies": [_told(result) for result in results]})
        return
    for result in results:
        for line in _lines(result, in_full=dry_run):
            click.echo(line)
    if not dry_run and any(result.fate is not Fate.UNCHANGED for result in results):
        tell_server(access)


@policy.command("simulate")
@click.argument("tried", metavar="FILE|NAME")
@click.option("--facts", type=EXISTING_FILE, help="On these facts (a JSON object).")
@click.option("--submission", type=EXISTING_FILE, help="On a request as it would be submitted (JSON).")
@click.option("--request", "request_id", metavar="ID", help="On a request that there is.")
@click.option("--at", type=Moment(), help="As of when; the tenant's now when left out.")
@click.option("--json", "as_json", is_flag=True, help="Print the server's answer and nothing else.")
@connected
def simulate(*, connection: Connection, tried: str, at: datetime | None, as_json: bool, **given: Any) -> None:
    """Say what a policy would do to a request: FILE, in the place of the policy of its name, or NAME.

    Nothing is saved, promised or told. Exits with 0 whatever follows.
    """
    access = connection.access
    if sum(value is not None for value in given.values()) != 1:
        raise click.UsageError("Say on what: --facts FILE, --submission FILE or --request ID.")

    def asked() -> tuple[Tried, dict[str, object]]:
        file = reading.read(Path(tried)) if Path(tried).is_file() else None
        on: dict[str, object] = {} if at is None else {"at": rfc3339(at)}
        for name, value in given.items():
            if value is not None:
                on[name] = reading.read_object(value) if isinstance(value, Path) else value
        return Tried(tried if file is None else file.name, file), on

    async def work() -> Answer:
        async with opened(access) as client:
            return await simulations.simulate(client, *asked())

    answer = running.refusing(lambda: uvloop.run(work()))
    if as_json:
        running.print_json(msgspec.Raw(answer.body))
        return
    found = running.refusing(lambda: answer.read(Simulation))
    for line in simulations.told(found):
        click.echo(line)


def _told(result: Result) -> dict[str, object]:
    return {
        "file": str(result.file.path),
        "name": result.file.name,
        "fate": result.fate,
        "version": result.version,
        "effective_at": result.effective_at,
        "differences": result.differences,
        "findings": result.findings,
    }


def _lines(result: Result, *, in_full: bool) -> list[str]:
    """What became of a file, for people."""
    version = "" if result.version is None else f" version {result.version}"
    verb = "is in effect as it stands" if result.fate is Fate.UNCHANGED else str(result.fate)
    since = "" if result.effective_at is None else f" for {rfc3339(result.effective_at)}"
    lines = [f"{result.file.name}:{version} {verb}{since}"]
    if in_full:
        lines += [difference_line(each) for each in result.differences]
    for finding in result.findings:
        place = result.file.place_of(finding.pointer)
        lines.append(f"  {finding.severity}: {place}: {finding.reason} {finding.remedy}".rstrip())
    return lines


def difference_line(difference: Difference) -> str:
    """One difference in a line: `~ night /then/promises/0/target/seconds: 3600 → 7200`."""
    mark, place = MARKS[difference.change], " ".join(filter(None, (difference.rule, difference.part)))
    match difference.change:
        case Change.CHANGED:
            values = f": {_value(difference.before)} → {_value(difference.after)}"
        case Change.ADDED | Change.REMOVED if difference.part:
            values = (
                f": {_value(difference.after if difference.change is Change.ADDED else difference.before)}"
            )
        case _:
            values = ""
    return f"  {mark} {place or '(all of it)'}{values}"


def _value(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[: VALUE_CHARACTERS_MAX - 1]}…"
