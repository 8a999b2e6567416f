"""Logs of past requests, replayed through the API."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import click
import uvloop
from rich.console import Console

from service import hosting, ids
from service.cli import running
from service.cli.parameters import EXISTING_FILE
from service.people.invitations import Invitee
from service.replay import commands
from service.replay import demo as demonstration
from service.replay import report as reporting
from service.replay.client import Access
from service.replay.commands import Files, Prepared
from service.replay.report import Report
from service.settings import Settings


@click.command("replay")
@click.option("--mapping", type=EXISTING_FILE, required=True, help="How to read the log (YAML).")
@click.option("--file", "log", type=EXISTING_FILE, required=True, help="The log: CSV, CSV.xz or CSV.gz.")
@click.option(
    "--policy",
    "policies",
    type=EXISTING_FILE,
    multiple=True,
    required=True,
    help="May be given several times.",
)
@click.option(
    "--calendar",
    "calendars",
    type=EXISTING_FILE,
    multiple=True,
    required=True,
    help="May be given several times.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many cases.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--url", help="An API that runs already; else one is started on the embedded database.")
@click.option("--client-id", help="With --url: an application of a sandbox tenant.")
@click.option("--client-secret", envvar="ROOTED_CLIENT_SECRET", help="With --url; or ROOTED_CLIENT_SECRET.")
@click.pass_obj
def replay_log(settings: Settings, *, limit: int | None, as_json: bool, **given: Any) -> None:
    """Replay a log of past requests and compare what became of its promises with the log's own verdicts."""
    files = Files(
        mapping=given["mapping"], log=given["log"], policies=given["policies"], calendars=given["calendars"]
    )
    console = Console(stderr=as_json)

    async def run(prepared: Prepared) -> Report:
        async with _access(settings, prepared, given) as access:
            return await commands.replay(access, prepared, console=None if as_json else console)

    def replay() -> Report:
        with commands.prepared(files, limit=limit) as prepared:
            return uvloop.run(run(prepared))

    report = running.refusing(replay)
    if as_json:
        click.echo(reporting.to_json(report))
    else:
        reporting.show(report, console)
    if report.decided == 0:
        raise SystemExit(1)


@click.command("demo")
@click.option("--serve", "stay", is_flag=True, help="Keep the server running afterwards.")
@click.pass_obj
def demo(settings: Settings, *, stay: bool) -> None:
    """Replay 1,000 real incidents: what was promised, kept and broken; what is forecast, and who is told."""
    console = Console()

    async def run(prepared: Prepared) -> None:
        async with _access(settings, prepared, {}, members=demonstration.COLLEAGUES) as access:
            await demonstration.demo(access, prepared, console=console, serving=stay)
            if stay:
                console.print("Serving until Ctrl-C.")
                await asyncio.Event().wait()

    def show() -> None:
        with commands.prepared(demonstration.sample()) as prepared, suppress(KeyboardInterrupt):
            uvloop.run(run(prepared))

    running.refusing(show)


@asynccontextmanager
async def _access(
    settings: Settings,
    prepared: Prepared,
    given: dict[str, Any],
    *,
    members: Sequence[tuple[str, str]] = (),
) -> AsyncGenerator[Access]:
    """Access to the API that was named, or to one of our own with a new sandbox tenant.

    Args:
        settings: of the operator.
        prepared: what is to be replayed.
        given: options of the command.
        members: names and roles of who is in a tenant of our own.
    """
    if given.get("url"):
        if not given["client_id"] or not given["client_secret"]:
            raise click.UsageError("--url needs --client-id and --client-secret.")
        yield Access(
            base_url=given["url"], client_id=given["client_id"], client_secret=given["client_secret"]
        )
        return
    running.tell_worked_on(settings)
    slug = f"replay-{ids.new_id().hex[-12:]}"
    invitees = [
        Invitee(f"{name.partition(' ')[0].lower()}@{slug}.example", name, (role,)) for name, role in members
    ]
    async with hosting.hosted(
        settings,
        data_folder=running.data_folder(settings),
        slug=slug,
        clock_at=prepared.clock_at,
        members=invitees,
    ) as hosted:
        yield Access(
            base_url=hosted.url,
            client_id=hosted.credentials.client_id,
            client_secret=hosted.credentials.client_secret,
        )
