"""Processes: the API, a worker, the schema, and what answers."""

import sys

import click

from service import operations, schema, serving
from service.cli import running
from service.settings import Settings


@click.command("serve")
@click.option("--worker/--no-worker", "with_worker", default=True, help="Also run a worker in this process.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of ROOTED_PORT; 0 takes a free one.")
@click.option("--tied", is_flag=True, help="End too when standard input ends.")
@click.pass_obj
def serve(settings: Settings, *, with_worker: bool, port: int | None, tied: bool) -> None:
    """Run the API, and a worker beside it."""
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    running.tell_worked_on(settings)
    running.run(
        serving.serve(
            settings,
            data_folder=running.data_folder(settings),
            with_worker=with_worker,
            ready=_ready,
            tied=tied,
        )
    )


@click.command("worker")
@click.pass_obj
def worker(settings: Settings) -> None:
    """Run a worker: it watches the promises' clocks and delivers webhooks."""
    running.tell_worked_on(settings)
    running.run(serving.work(settings, data_folder=running.data_folder(settings)))


@click.command("auditor")
@click.pass_obj
def auditor(settings: Settings) -> None:
    """Run the auditor alone. It also runs beside the API and beside each worker."""
    running.tell_worked_on(settings)
    running.run(serving.audit(settings, data_folder=running.data_folder(settings)))


@click.command("migrate")
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to the schema that this program needs."""

    async def bring() -> None:
        async with operations.database(settings, data_folder=running.data_folder(settings)) as database:
            if database.owner_url is None:
                raise click.ClickException(
                    "Set ROOTED_OWNER_DATABASE_URL to the role that owns the database."
                )
            await schema.upgrade(database.owner_url)
            async with (
                operations.sessions(database, pool_size=1) as sessions,
                operations.prepared_vault(settings, sessions, data_folder=running.data_folder(settings)),
            ):
                pass

    running.run(bring())
    running.tell_written(running.place(settings))
    click.echo(f"The database is at {schema.head()}.")


@click.command("doctor")
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Say what answers and what does not. Exits 1 when something is missing."""
    findings = running.run(serving.examine(settings, data_folder=running.data_folder(settings)))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'BAD '} {finding.subject}: {finding.detail}")
    if not all(finding.fine for finding in findings):
        raise SystemExit(1)


def _ready(url: str) -> None:
    click.echo(f"Rooted answers at {url}")
    sys.stdout.flush()
