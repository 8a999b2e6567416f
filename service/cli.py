"""Operator commands: `rooted <command>`, or `python -m service <command>`."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import click
import msgspec
import uvloop
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import ArgumentError, DBAPIError

from service import console, embedded, ids, instants, operations, schema, serving
from service.audit import report as audit_report
from service.audit.chain import GENESIS
from service.audit.verification import Verdict
from service.calendars import compute as calendar_computing
from service.clock import SystemClock
from service.errors import ServiceError
from service.limits import service as limits
from service.limits.domain.table import LIMITS, Limits
from service.operations import FirstAdmin
from service.people.domain import Link, Role
from service.people.invitations import Invitee
from service.replay import commands
from service.replay import demo as demonstration
from service.replay import report as reporting
from service.replay.client import Access
from service.replay.commands import Files, Prepared
from service.replay.report import Report
from service.rules import conformance
from service.rules.conformance import Outcome
from service.rules.language.trial import evaluate_expression
from service.sealing import service as sealing
from service.sealing.service import Rotated, Standing
from service.settings import Settings
from service.tenants.domain import Application, oauth_client_id

T = TypeVar("T")

NO_DATABASE = (ConnectionError, socket.gaierror, ArgumentError, DBAPIError, asyncpg.PostgresError)
"""What a command meets when the database's address is wrong, or nobody answers there as it should."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read an RFC 3339 moment, such as 2026-01-05T09:00:00Z."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a moment such as 2026-01-05T09:00:00Z: {error}", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone; end it with Z.", param, ctx)
        if not instants.is_usable(moment):
            self.fail(instants.refusal(moment), param, ctx)
        return moment.astimezone(UTC)


class _Digest(click.ParamType[bytes]):
    name = "digest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Read a SHA-256 digest in hexadecimal."""
        try:
            digest = bytes.fromhex(value)
        except ValueError as error:
            self.fail(f"{value!r} is not hexadecimal: {error}", param, ctx)
        if len(digest) != len(GENESIS.digest):
            self.fail(f"{value!r} has not the {2 * len(GENESIS.digest)} digits of a digest.", param, ctx)
        return digest


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """Rooted: promises for IT operations, their clocks, and why."""
    try:
        context.obj = Settings()
    except ValidationError as error:
        faults = [f"ROOTED_{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors()]
        raise click.UsageError("\n  ".join(["Check the environment.", *faults])) from error


@main.command()
@click.option("--worker/--no-worker", "with_worker", default=True, help="Also run a worker in this process.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of ROOTED_PORT; 0 takes a free one.")
@click.option("--tied", is_flag=True, help="End too when standard input ends.")
@click.pass_obj
def serve(settings: Settings, *, with_worker: bool, port: int | None, tied: bool) -> None:
    """Run the API, and a worker beside it."""
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    _run(
        serving.serve(
            settings, data_folder=_data_folder(settings), with_worker=with_worker, ready=_ready, tied=tied
        )
    )


@main.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Run a worker: it watches the promises' clocks and delivers webhooks."""
    _run(serving.work(settings, data_folder=_data_folder(settings)))


@main.command("log-in")
@click.option("--url", help="The service's address. Left out: ROOTED_ISSUER.")
@click.option(
    "--scope", "scopes", multiple=True, help="May be given several times; all that your roles permit."
)
@click.pass_obj
def log_in(settings: Settings, *, url: str | None, scopes: tuple[str, ...]) -> None:
    """Log in by a browser, as a member of a tenant, and print an access token."""

    def show(address: str) -> None:
        click.echo(f"Open this address in a browser:\n\n  {address}\n", err=True)

    token = _run(console.log_in(url or settings.issuer, scopes=scopes, show=show))
    click.echo(token.access_token)
    click.echo(f"It counts for {token.expires_in // 60} minutes, for: {token.scope}", err=True)


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Bring the database to the schema that this program needs."""

    async def bring() -> None:
        async with operations.database(settings, data_folder=_data_folder(settings)) as database:
            if database.owner_url is None:
                raise click.ClickException(
                    "Set ROOTED_OWNER_DATABASE_URL to the role that owns the database."
                )
            await schema.upgrade(database.owner_url)
            async with (
                operations.sessions(database, pool_size=1) as sessions,
                operations.prepared_vault(settings, sessions, data_folder=_data_folder(settings)),
            ):
                pass

    _run(bring())
    click.echo(f"The database is at {schema.head()}.")


@main.command()
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Say what answers and what does not. Exits 1 when something is missing."""
    findings = _run(serving.examine(settings, data_folder=_data_folder(settings)))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'BAD '} {finding.subject}: {finding.detail}")
    if not all(finding.fine for finding in findings):
        raise SystemExit(1)


@main.group()
def tenant() -> None:
    """Tenants: business groups that share nothing."""


@tenant.command("create")
@click.argument("slug")
@click.option("--name", help="Its name for people; the slug when left out.")
@click.option("--sandbox", is_flag=True, help="A tenant with a clock of its own, for rehearsals.")
@click.option("--clock-at", type=_Moment(), help="Where a sandbox's clock starts; now when left out.")
@click.option("--admin", metavar="EMAIL", help="Invite its first admin; the link is printed once.")
@click.pass_obj
def create_tenant(
    settings: Settings,
    slug: str,
    *,
    name: str | None,
    sandbox: bool,
    clock_at: datetime | None,
    admin: str | None,
) -> None:
    """Create a tenant named SLUG: 3 to 40 lower-case letters, digits and hyphens."""
    clock = SystemClock()
    if clock_at is not None and not sandbox:
        raise click.UsageError("--clock-at is for a --sandbox; a live tenant's time is the database's.")
    starts_at = (clock_at or clock.now()) if sandbox else None

    async def create() -> Link | None:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            if admin is None:
                await operations.create_tenant(
                    sessions, clock, slug=slug, name=name or slug, sandbox_at=starts_at
                )
                return None
            first = FirstAdmin(email=admin, issuer=settings.issuer)
            return await operations.create_tenant_with_admin(
                sessions, clock, slug=slug, name=name or slug, sandbox_at=starts_at, admin=first
            )

    link = _run(create())
    click.echo(f"Created the {'sandbox' if sandbox else 'live'} tenant {slug}.")
    if link is not None:
        _print_link(link)


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
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            if name is None or (value is None and not as_default):
                return await operations.limits_of(sessions, tenant=slug)
            return await operations.change_limit(sessions, SystemClock(), tenant=slug, name=name, value=value)

    found = _run(show())
    for limit in LIMITS.values() if name is None else (_refusing(lambda: limits.find(name)),):
        own = "" if limit.name in found.own else "  (default)"
        click.echo(f"{limit.name:32} {found.of(limit):>10} {limit.unit}{own}")


@main.group()
def member() -> None:
    """Members: people in a tenant, with roles."""


@member.command("invite")
@click.argument("tenant_slug", metavar="TENANT")
@click.argument("email")
@click.option("--name", help="The name for people; the address when left out.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="May be given several times.",
)
@click.pass_obj
def invite_member(
    settings: Settings, tenant_slug: str, email: str, *, name: str | None, roles: tuple[str, ...]
) -> None:
    """Invite EMAIL to be a member of TENANT, and print the link, once."""

    async def invite() -> Link:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            invitee = Invitee(email, name or email, roles)
            return await operations.invite_member(
                sessions, SystemClock(), invitee, tenant=tenant_slug, issuer=settings.issuer
            )

    _print_link(_run(invite()))


@main.group()
def person() -> None:
    """People: accounts, which belong to nobody but the person."""


@person.command("reset")
@click.argument("email")
@click.option("--authenticator", is_flag=True, help="Take the authenticator and recovery codes away too.")
@click.pass_obj
def reset_person(settings: Settings, email: str, *, authenticator: bool) -> None:
    """Print a link by which the person with this EMAIL sets a new password, once, within a day."""

    async def reset() -> Link:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            return await operations.reset_person(
                sessions, SystemClock(), email=email, clears_totp=authenticator, issuer=settings.issuer
            )

    _print_link(_run(reset()))


@main.group()
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
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            return await operations.create_application(
                sessions,
                SystemClock(),
                tenant=tenant_slug,
                name=name,
                scopes=scopes,
                client=client,
            )

    created = _run(create())
    if as_json:
        _print_json({"client_id": created.client_id, "client_secret": created.client_secret})
    else:
        click.echo(f"client id      {created.client_id}\nclient secret  {created.client_secret}")
        click.echo("The secret is shown this once; it is not kept.", err=True)


@application.command("list")
@click.argument("tenant_slug", metavar="TENANT")
@click.pass_obj
def list_applications(settings: Settings, tenant_slug: str) -> None:
    """List the applications of TENANT: client id, how each proves itself, its name."""

    async def find() -> list[Application]:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            return await operations.list_applications(sessions, tenant=tenant_slug)

    for found in _run(find()):
        how = found.auth_method.value if found.revoked_at is None else "revoked"
        click.echo(f"{oauth_client_id(tenant_slug, found.id)}  {how:<15}  {found.name}")


@application.command("revoke")
@click.argument("client_id")
@click.pass_obj
def revoke_application(settings: Settings, client_id: str) -> None:
    """Let the application with this CLIENT_ID call no more, for good."""

    async def revoke() -> Application:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            return await operations.revoke_application(sessions, SystemClock(), client_id=client_id)

    click.echo(f"Revoked {_run(revoke()).name}; it is refused within a minute.")


@main.group()
def keys() -> None:
    """Keys: what access tokens are signed with."""


@keys.command("rotate")
@click.pass_obj
def rotate_keys(settings: Settings) -> None:
    """Add a signing key. Tokens of the one before it count until they expire."""

    async def rotate() -> str:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            vault = operations.open_vault(settings, data_folder=_data_folder(settings))
            return await operations.rotate_signing_key(sessions, SystemClock(), vault)

    click.echo(f"The key {_run(rotate())} signs from ten minutes on; the one before it is still honoured.")


@main.group("secrets")
def secrets_group() -> None:
    """Secrets: what is sealed in the database, and the master keys that it takes to open it."""


@secrets_group.command("new-key")
def new_key() -> None:
    """Print a new master key, a line for the file of keys. The first line there is the current one."""
    click.echo(operations.new_master_key())


@secrets_group.command("rotate")
@click.pass_obj
def rotate_secrets(settings: Settings) -> None:
    """Seal every secret under the current master key, while the service runs. Safe to end and to repeat."""
    console = Console(stderr=True)

    async def rotate() -> Rotated:
        async with (
            serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions,
            operations.prepared_vault(settings, sessions, data_folder=_data_folder(settings)) as vault,
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

    rotated = _run(rotate())
    click.echo(f"Sealed {rotated.sealed} secrets anew.")
    if rotated.broken:
        raise click.ClickException("\n  ".join(["Some cannot be opened:", *rotated.broken]))


@secrets_group.command("status")
@click.pass_obj
def secrets_status(settings: Settings) -> None:
    """Say how many secrets need which master key. Exits 1 when a key is missing, or something is in clear."""

    async def look() -> tuple[Standing, set[str]]:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            vault = operations.open_vault(settings, data_folder=_data_folder(settings))
            found = await sealing.standing(sessions, vault)
            return found, {key_id for key_id in found.rows if not vault.knows(key_id)}

    found, missing = _run(look())
    for key_id, rows in sorted({found.current: 0, **found.rows}.items()):
        remarks = [" (current)"] * (key_id == found.current) + [" MISSING"] * (key_id in missing)
        click.echo(f"{key_id}: {rows} secrets{''.join(remarks)}")
    click.echo(f"not sealed: {found.in_clear}")
    if missing or found.in_clear:
        raise SystemExit(1)


@main.group("audit")
def audit_group() -> None:
    """The audit trail: who did what, chained so that nothing of it can be changed unnoticed."""


@audit_group.command("verify")
@click.option("--tenant", "tenant_slug", help="Only this tenant's; all when left out.")
@click.option("--head", type=_Digest(), help="The digest of an earlier head, which must be in the chain.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def verify_audit(settings: Settings, *, tenant_slug: str | None, head: bytes | None, as_json: bool) -> None:
    """Compute the chains of audit records anew. Exits 1 where one does not hold, or lacks the --head."""

    async def verify() -> list[tuple[str, Verdict]]:
        async with serving.opened(settings, data_folder=_data_folder(settings), pool_size=1) as sessions:
            found = operations.verify_audit(
                sessions, SystemClock(), tenant=tenant_slug, head=head, told=_audit_progress()
            )
            return [each async for each in found]

    if head is not None and tenant_slug is None:
        raise click.UsageError("--head is of one tenant's chain; name it with --tenant.")
    verdicts = _run(verify())
    if as_json:
        _print_json({name: audit_report.described(verdict) for name, verdict in verdicts})
    else:
        for name, verdict in verdicts:
            click.echo(audit_report.line(name, verdict))
    if not all(verdict.sound for _, verdict in verdicts):
        raise SystemExit(1)


def _audit_progress() -> Callable[[str, int], None]:
    """Says on standard error how far it has come, every so many links and records."""
    seen: dict[str, int] = {}

    def tell(name: str, count: int) -> None:
        before = seen.get(name, 0)
        seen[name] = before + count
        if seen[name] // audit_report.PROGRESS_EVERY > before // audit_report.PROGRESS_EVERY:
            click.echo(f"{name}: {seen[name]:,} links and records looked at", err=True)

    return tell


@main.group()
def calendar() -> None:
    """Calendars: working time, computed offline."""


@calendar.command("compute")
@click.argument("file", type=EXISTING_FILE)
def compute(file: Path) -> None:
    """Compute every item of FILE, a JSON list of {id?, calendar, op, input} or an object with "vectors"."""
    _print_json(_refusing(lambda: calendar_computing.compute_file(file.read_bytes())))


@main.group()
def rules() -> None:
    """Rules: conditions, evaluated offline."""


@rules.command("evaluate")
@click.argument("expression")
@click.option("--facts", type=click.File("rb"), help="A JSON object; `-` reads standard input.")
def evaluate(expression: str, *, facts: Any) -> None:
    """Evaluate EXPRESSION on the facts of a file: its value or error, and why."""
    found = {} if facts is None else _json_object(facts.read(), "--facts")
    _print_json(evaluate_expression(expression, found, None))


@rules.command("conformance")
@click.argument("file", type=EXISTING_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def conformance_of(file: Path, *, as_json: bool) -> None:
    """Run the CEL conformance tests of FILE. Exits 1 when one fails that the language claims to pass."""
    try:
        found = conformance.judge(conformance.read(file.read_bytes()))
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    counts = {outcome.name.lower(): len(found.of(outcome)) for outcome in Outcome}
    if as_json:
        _print_json({**counts, "tests": found.verdicts})
    else:
        for verdict in found.verdicts:
            click.echo(f"{verdict.outcome:12} {verdict.id}{verdict.reason and ': '}{verdict.reason}")
        told = ", ".join(f"{len(found.of(outcome))} {outcome}" for outcome in Outcome)
        click.echo(f"{len(found.verdicts)} tests: {told}")
    if found.of(Outcome.FAILED):
        raise SystemExit(1)


@main.command("replay")
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

    report = _refusing(replay)
    if as_json:
        click.echo(reporting.to_json(report))
    else:
        reporting.show(report, console)
    if report.decided == 0:
        raise SystemExit(1)


@main.command()
@click.option("--serve", "stay", is_flag=True, help="Keep the server running afterwards.")
@click.pass_obj
def demo(settings: Settings, *, stay: bool) -> None:
    """Replay 1,000 real incidents and show what was promised, kept and broken."""
    console = Console()

    async def run(prepared: Prepared) -> None:
        async with _access(settings, prepared, {}) as access:
            await demonstration.demo(access, prepared, console=console, serving=stay)
            if stay:
                console.print("Serving until Ctrl-C.")
                await asyncio.Event().wait()

    def show() -> None:
        with commands.prepared(demonstration.sample()) as prepared, suppress(KeyboardInterrupt):
            uvloop.run(run(prepared))

    _refusing(show)


@asynccontextmanager
async def _access(settings: Settings, prepared: Prepared, given: dict[str, Any]) -> AsyncGenerator[Access]:
    """Access to the API that was named, or to one of our own with a new sandbox tenant."""
    if given.get("url"):
        if not given["client_id"] or not given["client_secret"]:
            raise click.UsageError("--url needs --client-id and --client-secret.")
        yield Access(
            base_url=given["url"], client_id=given["client_id"], client_secret=given["client_secret"]
        )
        return
    slug = f"replay-{ids.new_id().hex[-12:]}"
    async with serving.hosted(
        settings, data_folder=_data_folder(settings), slug=slug, clock_at=prepared.clock_at
    ) as hosted:
        yield Access(
            base_url=hosted.url,
            client_id=hosted.credentials.client_id,
            client_secret=hosted.credentials.client_secret,
        )


def _data_folder(settings: Settings) -> Path:
    return settings.data_dir or embedded.default_data_folder(os.environ, Path.home())  # noqa: TID251


def _ready(url: str) -> None:
    click.echo(f"Rooted answers at {url}")
    sys.stdout.flush()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to the end; a failure we foresaw is told with its faults, and becomes exit code 1."""
    try:
        return _refusing(lambda: uvloop.run(work))
    except NO_DATABASE as error:
        raise click.ClickException(f"The database does not answer as it should: {error}") from error


def _refusing(work: Callable[[], T]) -> T:
    try:
        return work()
    except ServiceError as error:
        untold = [fault.detail for fault in error.faults if fault.detail not in str(error)]
        raise click.ClickException("\n  ".join([str(error), *untold])) from error


def _json_object(content: bytes, name: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"{name} is not a JSON object: {error}") from error


def _print_link(link: Link) -> None:
    click.echo(link.url)
    click.echo(f"The link works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC.", err=True)


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
