"""Members of a tenant, people's accounts, and the log-in of whoever sits here."""

import click

from service import console, operations
from service.cli import running
from service.clock import SystemClock
from service.people.domain import Link, Role
from service.people.invitations import Invitee
from service.settings import Settings

ROLES = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="May be given several times.",
)


@click.command("log-in")
@click.option("--url", help="The service's address. Left out: ROOTED_ISSUER.")
@click.option(
    "--scope", "scopes", multiple=True, help="May be given several times; all that your roles permit."
)
@click.pass_obj
def log_in(settings: Settings, *, url: str | None, scopes: tuple[str, ...]) -> None:
    """Log in by a browser, as a member of a tenant, and print an access token."""

    def show(address: str) -> None:
        click.echo(f"Open this address in a browser:\n\n  {address}\n", err=True)

    token = running.run(console.log_in(url or settings.issuer, scopes=scopes, show=show))
    click.echo(token.access_token)
    click.echo(f"It counts for {token.expires_in // 60} minutes, for: {token.scope}", err=True)


@click.group("member")
def member() -> None:
    """Members: people in a tenant, with roles."""


@member.command("invite")
@click.argument("tenant_slug", metavar="TENANT")
@click.argument("email")
@click.option("--name", help="The name for people; the address when left out.")
@ROLES
@click.pass_obj
def invite_member(
    settings: Settings, tenant_slug: str, email: str, *, name: str | None, roles: tuple[str, ...]
) -> None:
    """Invite EMAIL to be a member of TENANT, and print the link, once."""

    async def invite() -> Link:
        async with running.writing(settings) as sessions:
            invitee = Invitee(email, name or email, roles)
            return await operations.invite_member(
                sessions, SystemClock(), invitee, tenant=tenant_slug, issuer=settings.issuer
            )

    running.print_link(running.run(invite()))


@member.command("admit")
@click.argument("tenant_slug", metavar="TENANT")
@click.argument("email")
@click.option("--name", help="The name for people; the address when left out.")
@ROLES
@click.pass_obj
def admit_member(
    settings: Settings, tenant_slug: str, email: str, *, name: str | None, roles: tuple[str, ...]
) -> None:
    """Make EMAIL a member of TENANT at once, to rehearse who is told: nobody knows the password."""

    async def admit() -> None:
        vault = operations.open_vault(settings, data_folder=running.data_folder(settings))
        async with running.writing(settings) as sessions:
            invitee = Invitee(email, name or email, roles)
            await operations.admit_member(sessions, SystemClock(), vault, invitee, tenant=tenant_slug)

    running.run(admit())
    click.echo(f"{name or email} is a member of {tenant_slug}.")


@click.group("person")
def person() -> None:
    """People: accounts, which belong to nobody but the person."""


@person.command("reset")
@click.argument("email")
@click.option("--authenticator", is_flag=True, help="Take the authenticator and recovery codes away too.")
@click.pass_obj
def reset_person(settings: Settings, email: str, *, authenticator: bool) -> None:
    """Print a link by which the person with this EMAIL sets a new password, once, within a day."""

    async def reset() -> Link:
        async with running.writing(settings) as sessions:
            return await operations.reset_person(
                sessions, SystemClock(), email=email, clears_totp=authenticator, issuer=settings.issuer
            )

    running.print_link(running.run(reset()))
