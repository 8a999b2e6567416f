"""Keys that sign tokens, and the master keys that secrets are sealed under."""

import click
from rich.console import Console

from service import operations
from service.cli import running
from service.clock import SystemClock
from service.sealing import service as sealing
from service.sealing.service import Rotated, Standing
from service.settings import Settings


@click.group("keys")
def keys() -> None:
    """Keys: what access tokens are signed with."""


@keys.command("rotate")
@click.pass_obj
def rotate_keys(settings: Settings) -> None:
    """Add a signing key. Tokens of the one before it count until they expire."""

    async def rotate() -> str:
        async with running.writing(settings) as sessions:
            vault = operations.open_vault(settings, data_folder=running.data_folder(settings))
            return await operations.rotate_signing_key(sessions, SystemClock(), vault)

    click.echo(
        f"The key {running.run(rotate())} signs from ten minutes on; the one before it is still honoured."
    )


@click.group("secrets")
def secrets() -> None:
    """Secrets: what is sealed in the database, and the master keys that it takes to open it."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new master key, a line for the file of keys. The first line there is the current one."""
    click.echo(operations.new_master_key())


@secrets.command("rotate")
@click.pass_obj
def rotate_secrets(settings: Settings) -> None:
    """Seal every secret under the current master key, while the service runs. Safe to end and to repeat."""
    console = Console(stderr=True)

    async def rotate() -> Rotated:
        async with (
            running.writing(settings) as sessions,
            operations.prepared_vault(settings, sessions, data_folder=running.data_folder(settings)) as vault,
        ):
            with console.status("Sealing anew …") as status:
                return await operations.rotate_secrets(
                    sessions,
                    SystemClock(),
                    vault,
                    report=lambda at: status.update(
                        f"Sealed {at.sealed} anew; {at.tenants_done} of {at.tenants} tenants seen"
                    ),
                )

    rotated = running.run(rotate())
    click.echo(f"Sealed {rotated.sealed} secrets anew.")
    if rotated.broken:
        raise click.ClickException("\n  ".join(["Some cannot be opened:", *rotated.broken]))


@secrets.command("status")
@click.pass_obj
def secrets_status(settings: Settings) -> None:
    """Say how many secrets need which master key. Exits 1 when a key is missing, or something is in clear."""

    async def look() -> tuple[Standing, set[str]]:
        async with running.opened(settings) as sessions:
            vault = operations.open_vault(settings, data_folder=running.data_folder(settings))
            found = await sealing.standing(sessions, vault)
            return found, {key_id for key_id in found.rows if not vault.knows(key_id)}

    found, missing = running.run(look())
    for key_id, rows in sorted({found.current: 0, **found.rows}.items()):
        remarks = [" (current)"] * (key_id == found.current) + [" MISSING"] * (key_id in missing)
        click.echo(f"{key_id}: {rows} secrets{''.join(remarks)}")
    click.echo(f"not sealed: {found.in_clear}")
    if missing or found.in_clear:
        raise SystemExit(1)
