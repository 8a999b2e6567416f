"""Applications: OAuth clients that act for a tenant."""

import click

from service import operations
from service.cli import running
from service.clock import SystemClock
from service.settings import Settings
from service.tenants.domain import Application, oauth_client_id


@click.group("application")
def application() -> None:
    """Applications: OAuth clients that act for a tenant."""


@application.command("create")
@click.argument("tenant_slug", metavar="TENANT")
@click.option("--name", default="application", show_default=True)
@click.option(
    "--scope", "scopes", multiple=True, help="May be given several times; all that it may hold when left out."
)
@click.option("--client", help="The name of the client organization it acts for, and sees alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def create_application(
    settings: Settings,
    tenant_slug: str,
    *,
    name: str,
    scopes: tuple[str, ...],
    client: str | None,
    as_json: bool,
) -> None:
    """Create an application of TENANT and print its client id and secret, once."""

    async def create() -> operations.Credentials:
        async with running.writing(settings) as sessions:
            return await operations.create_application(
                sessions,
                SystemClock(),
                tenant=tenant_slug,
                name=name,
                scopes=scopes,
                client=client,
            )

    created = running.run(create())
    if as_json:
        running.print_json({"client_id": created.client_id, "client_secret": created.client_secret})
    else:
        click.echo(f"client id      {created.client_id}\nclient secret  {created.client_secret}")
        click.echo("The secret is shown this once; it is not kept.", err=True)


@application.command("list")
@click.argument("tenant_slug", metavar="TENANT")
@click.pass_obj
def list_applications(settings: Settings, tenant_slug: str) -> None:
    """List the applications of TENANT: client id, how each proves itself, its name."""

    async def find() -> list[Application]:
        async with running.opened(settings) as sessions:
            return await operations.list_applications(sessions, tenant=tenant_slug)

    for found in running.run(find()):
        how = found.auth_method.value if found.revoked_at is None else "revoked"
        click.echo(f"{oauth_client_id(tenant_slug, found.id)}  {how:<15}  {found.name}")


@application.command("revoke")
@click.argument("client_id")
@click.pass_obj
def revoke_application(settings: Settings, client_id: str) -> None:
    """Let the application with this CLIENT_ID call no more, for good."""

    async def revoke() -> Application:
        async with running.writing(settings) as sessions:
            return await operations.revoke_application(sessions, SystemClock(), client_id=client_id)

    click.echo(f"Revoked {running.run(revoke()).name}; it is refused within a minute.")
