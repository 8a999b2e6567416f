"""Tenants, and their limits."""

from datetime import datetime

import click

from service import operations
from service.cli import running
from service.cli.parameters import Moment
from service.clock import SystemClock
from service.limits import service as limits
from service.limits.domain.table import LIMITS, Limits
from service.operations import FirstAdmin, NewTenant
from service.people.domain import Link
from service.settings import Settings
from service.tenants.domain import Approval


@click.group("tenant")
def tenant() -> None:
    """Tenants: business groups that share nothing."""


@tenant.command("create")
@click.argument("slug")
@click.option("--name", help="Its name for people; the slug when left out.")
@click.option("--sandbox", is_flag=True, help="A tenant with a clock of its own, for rehearsals.")
@click.option("--clock-at", type=Moment(), help="Where a sandbox's clock starts; now when left out.")
@click.option("--admin", metavar="EMAIL", help="Invite its first admin; the link is printed once.")
@click.option(
    "--approval",
    type=click.Choice([each.value for each in Approval]),
    help="Where its policies are reviewed: by its members, or in git before they come. When left out: by"
    " members, and git in a sandbox.",
)
@click.pass_obj
def create_tenant(  # noqa: PLR0913 - a command names each of its options
    settings: Settings,
    slug: str,
    *,
    name: str | None,
    sandbox: bool,
    clock_at: datetime | None,
    admin: str | None,
    approval: str | None,
) -> None:
    """Create a tenant named SLUG: 3 to 40 lower-case letters, digits and hyphens."""
    clock = SystemClock()
    if clock_at is not None and not sandbox:
        raise click.UsageError("--clock-at is for a --sandbox; a live tenant's time is the database's.")
    new = NewTenant(
        slug=slug,
        name=name or slug,
        sandbox_at=(clock_at or clock.now()) if sandbox else None,
        approval=None if approval is None else Approval(approval),
    )

    async def create() -> Link | None:
        async with running.writing(settings) as sessions:
            if admin is None:
                await operations.create_tenant(sessions, clock, new)
                return None
            first = FirstAdmin(email=admin, issuer=settings.issuer)
            return await operations.create_tenant_with_admin(sessions, clock, new, first)

    link = running.run(create())
    click.echo(f"Created the {'sandbox' if sandbox else 'live'} tenant {slug}.")
    if link is not None:
        running.print_link(link)


@tenant.command("limit")
@click.argument("slug")
@click.argument("name", required=False)
@click.argument("value", type=int, required=False)
@click.option("--default", "as_default", is_flag=True, help="Put the default into its place again.")
@click.pass_obj
def limit_tenant(
    settings: Settings, slug: str, *, name: str | None, value: int | None, as_default: bool
) -> None:
    """Show the limits of the tenant SLUG, or the one named NAME; with VALUE, set it."""
    if as_default and (name is None or value is not None):
        raise click.UsageError("--default needs a NAME, and no VALUE.")

    async def show() -> Limits:
        if name is None or (value is None and not as_default):
            async with running.opened(settings) as sessions:
                return await operations.limits_of(sessions, tenant=slug)
        async with running.writing(settings) as sessions:
            return await operations.change_limit(sessions, SystemClock(), tenant=slug, name=name, value=value)

    found = running.run(show())
    for limit in LIMITS.values() if name is None else (running.refusing(lambda: limits.find(name)),):
        own = "" if limit.name in found.own else "  (default)"
        click.echo(f"{limit.name:32} {found.of(limit):>10} {limit.unit}{own}")
