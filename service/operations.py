"""What the operator does by command: prepare a database, create tenants and applications."""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import text

from service import embedded, schema, vault
from service.api.oauth import store as signing_keys
from service.api.oauth.credentials import parse_client
from service.audit import service as audit
from service.audit import verification
from service.audit.domain import PLATFORM, Actor, Deed
from service.audit.verification import Verdict
from service.clock import Clock
from service.db import (
    UNBOUNDED,
    Sessions,
    TenantSession,
    Timeouts,
    create_engine,
    create_sessions,
    tenant_transaction,
)
from service.ids import TenantId
from service.limits import service as limits
from service.limits.domain.table import APPLICATIONS, RATES, Limits
from service.people import invitations, passwords
from service.people.domain import Link, Origin, Role
from service.people.invitations import Acceptance, Delivery, Invitee
from service.platform import PlatformSession, platform_transaction
from service.rules import policies
from service.sealing import service as sealing
from service.sealing.service import Progress, Rotated
from service.settings import Settings
from service.tenants import applications, domain, service
from service.tenants.domain import Approval
from service.tenants.errors import ApplicationNotFound
from service.tenants.registration import Registration
from service.vault import GivenKeys, KeyFile, MasterKeyMissing, Vault

SECRET_BYTES = 32

PLATFORM_TRAIL = "(platform)"
"""What the trail of what concerns every tenant is called; no slug looks like it."""
KEY_ID_BYTES = 4
MASTER_KEY = "master.key"
MIGRATED = text("select to_regclass('alembic_version') is not null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the data is: the address for the service, and that of the owner where it is known."""

    app_url: str = field(repr=False)
    owner_url: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An application's client id and secret. The secret is shown once and kept nowhere."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """A tenant to be.

    Attributes:
        sandbox_at: where a sandbox's clock starts; None makes a live tenant.
        approval: where its policies are reviewed; None means by its members, and in a sandbox by nobody.
    """

    slug: str
    name: str
    sandbox_at: datetime | None = None
    approval: Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """Whom to invite to a new tenant, by a link that begins with the public address of this service."""

    email: str
    issuer: str


@asynccontextmanager
async def database(settings: Settings, *, data_folder: Path) -> AsyncGenerator[Database]:
    """The operator's own PostgreSQL, or the embedded one, which runs as long as somebody uses it."""
    if settings.database_url is not None:
        owner = settings.owner_database_url
        yield Database(
            app_url=settings.database_url.get_secret_value(),
            owner_url=None if owner is None else owner.get_secret_value(),
        )
        return
    async with embedded.running(data_folder) as running:
        await schema.upgrade(running.owner_url)
        yield Database(app_url=running.app_url, owner_url=running.owner_url)


@asynccontextmanager
async def sessions(
    database: Database, *, pool_size: int, timeouts: Timeouts = UNBOUNDED
) -> AsyncGenerator[Sessions]:
    engine = create_engine(database.app_url, pool_size=pool_size, timeouts=timeouts)
    try:
        yield create_sessions(engine)
    finally:
        await engine.dispose()


def open_vault(settings: Settings, *, data_folder: Path) -> Vault:
    """The vault under the operator's master keys; with the embedded database, under a key made for it.

    Raises:
        MasterKeyMissing, MasterKeysUnusable
    """
    if settings.master_key_file is not None:
        return Vault(KeyFile(settings.master_key_file))
    if settings.master_keys is not None:
        return Vault(GivenKeys(settings.master_keys.get_secret_value()))
    if settings.database_url is not None:
        raise MasterKeyMissing
    return Vault(vault.ensure_file(data_folder / MASTER_KEY, new_master_key()))


@asynccontextmanager
async def prepared_vault(settings: Settings, opened: Sessions, *, data_folder: Path) -> AsyncGenerator[Vault]:
    """The vault; what an older version left in the clear is sealed, once the schema has room for that.

    Raises:
        MasterKeyMissing, MasterKeysUnusable, MasterKeyUnknown
    """
    found = open_vault(settings, data_folder=data_folder)
    if await _is_migrated(opened):
        await sealing.prepare(opened, found)
    yield found


async def missing_master_keys(opened: Sessions, found: Vault) -> list[str]:
    """The ids of master keys without which no token can be signed; none as long as the schema is another."""
    return await sealing.missing_keys(opened, found) if await _is_migrated(opened) else []


async def _is_migrated(opened: Sessions) -> bool:
    async with opened() as db:
        has_revision = (await db.execute(MIGRATED)).scalar_one()
        return bool(has_revision) and await schema.revision(db) == schema.head()


def new_master_key() -> str:
    """A fresh random master key as a line of the file, named at random too."""
    return vault.new_key_line(
        secrets.token_bytes(vault.KEY_BYTES), key_id=f"k{secrets.token_hex(KEY_ID_BYTES)}"
    )


async def create_tenant(opened: Sessions, clock: Clock, new: NewTenant) -> domain.Tenant:
    """Create a tenant. Raises SlugTaken, RegistrationInvalid."""
    async with tenant_transaction(opened, service.new_tenant_id()) as session:
        return await _create_tenant(session, new, now=clock.now())


async def create_tenant_with_admin(opened: Sessions, clock: Clock, new: NewTenant, admin: FirstAdmin) -> Link:
    """Create a tenant and invite its first admin, both or neither. Returns the link of the invitation.

    Raises:
        SlugTaken, RegistrationInvalid, MemberInvalid
    """
    now = clock.now()
    async with tenant_transaction(opened, service.new_tenant_id()) as session:
        await _create_tenant(session, new, now=now)
        invitee = Invitee(admin.email, admin.email, (Role.ADMIN,))
        delivery = Delivery(admin.issuer, vault=None)
        return (await invitations.invite(session, Actor(), invitee, delivery, now=now)).link


async def _create_tenant(session: TenantSession, new: NewTenant, *, now: datetime) -> domain.Tenant:
    tenant = await service.create(
        session,
        slug=new.slug,
        name=new.name,
        sandbox_at=new.sandbox_at,
        created_at=now,
        approval=new.approval,
    )
    await policies.set_up(session)
    return tenant


async def invite_member(
    opened: Sessions, clock: Clock, invitee: Invitee, *, tenant: str, issuer: str
) -> Link:
    """Invite a member of the tenant with this slug, by a link to be handed over.

    Raises:
        TenantNotFound, MemberInvalid, EmailTaken
    """
    async with tenant_transaction(opened, await _tenant_id(opened, tenant)) as session:
        delivery = Delivery(issuer, vault=None)
        return (await invitations.invite(session, Actor(), invitee, delivery, now=clock.now())).link


async def admit_member(
    opened: Sessions, clock: Clock, vault: Vault, invitee: Invitee, *, tenant: str
) -> None:
    """Have somebody accept an invitation at once, with a password that nobody knows: a member to look at.

    Raises:
        TenantNotFound, MemberInvalid, EmailTaken, AccountExists
    """
    link = await invite_member(opened, clock, invitee, tenant=tenant, issuer="")
    acceptance = Acceptance(invitee.name, secrets.token_urlsafe(SECRET_BYTES), Origin())
    secret = link.url.rpartition(".")[2]
    async with tenant_transaction(opened, await _tenant_id(opened, tenant)) as session:
        await invitations.accept_invitation(session, vault, secret, acceptance, now=clock.now())


async def reset_person(opened: Sessions, clock: Clock, *, email: str, clears_totp: bool, issuer: str) -> Link:
    """A link by which a person sets a new password. Raises PersonNotFound."""
    async with platform_transaction(opened) as platform:
        return await passwords.operators_reset(
            platform, email, clears_totp=clears_totp, issuer=issuer, now=clock.now()
        )


async def change_limit(
    opened: Sessions, clock: Clock, *, tenant: str, name: str, value: int | None
) -> Limits:
    """Give the tenant with this slug a limit of its own; None puts the default into its place again.

    Raises:
        TenantNotFound, LimitUnknown, LimitOutOfRange
    """
    limit = limits.find(name)
    async with tenant_transaction(opened, await _tenant_id(opened, tenant)) as session:
        return await limits.change(session, Actor(), limit, value, now=clock.now())


async def lift_rates(opened: Sessions, clock: Clock, *, tenant: str) -> None:
    """Let a tenant that is the operator's own ask as often as a tenant may at most. Raises TenantNotFound."""
    for limit in RATES:
        await change_limit(opened, clock, tenant=tenant, name=limit.name, value=limit.most)


async def limits_of(opened: Sessions, *, tenant: str) -> Limits:
    """What holds for the tenant with this slug. Raises TenantNotFound."""
    async with tenant_transaction(opened, await _tenant_id(opened, tenant)) as session:
        return await limits.get(session)


async def _tenant_id(opened: Sessions, slug: str) -> TenantId:
    async with platform_transaction(opened) as platform:
        return (await service.find(platform, slug)).id


async def create_application(
    opened: Sessions,
    clock: Clock,
    *,
    tenant: str,
    name: str,
    scopes: Sequence[str],
    client: str | None = None,
) -> Credentials:
    """Create an OAuth client of the tenant with this slug, or of a client organization of it.

    Without `scopes` it gets all that it may hold.

    Raises:
        TenantNotFound, ClientNotFound, ApplicationInvalid, ApplicationsTooMany
    """
    async with platform_transaction(opened) as platform:
        found = await service.find(platform, tenant)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    async with tenant_transaction(opened, found.id) as session:
        client_id = None if client is None else (await service.find_client(session, client)).id
        asked = Registration(
            name=name, scopes=scopes or tuple(domain.scopes_open_to(client_id)), client_id=client_id
        )
        application = await applications.create(
            session, applications.OPERATOR, asked, secret=secret, now=clock.now()
        )
    return Credentials(client_id=domain.oauth_client_id(found.slug, application.id), client_secret=secret)


async def list_applications(opened: Sessions, *, tenant: str) -> list[domain.Application]:
    """The applications of the tenant with this slug, revoked ones too. Raises TenantNotFound."""
    async with tenant_transaction(opened, await _tenant_id(opened, tenant)) as session:
        return await applications.list_applications(session, after=None, limit=APPLICATIONS.most)


async def revoke_application(opened: Sessions, clock: Clock, *, client_id: str) -> domain.Application:
    """Let the application with this OAuth client id call no more. Running processes know within a minute.

    Raises:
        TenantNotFound, ApplicationNotFound, ApplicationFixed
    """
    named = parse_client(client_id)
    if named is None:
        raise ApplicationNotFound(client_id)
    slug, application_id = named
    async with tenant_transaction(opened, await _tenant_id(opened, slug)) as session:
        held = await applications.get(session, application_id, lock=True)
        return await applications.revoke(session, Actor(), held, now=clock.now())


async def verify_audit(
    opened: Sessions,
    clock: Clock,
    *,
    tenant: str | None,
    head: bytes | None,
    told: Callable[[str, int], None],
) -> AsyncGenerator[tuple[str, Verdict]]:
    """Compute the chains of audit records anew: of the tenant with this slug, or of all and the platform's.

    Args:
        opened: on the login role.
        clock: tells how old a record is.
        tenant: a slug, or None.
        head: the digest of a link that must be in the chain.
        told: is told whose trail it is in, and how many links and records were looked at since.

    Raises:
        TenantNotFound
    """
    async with platform_transaction(opened) as platform:
        if tenant is None:
            trails = [(PLATFORM_TRAIL, PLATFORM), *await service.slugs_of_all(platform)]
        else:
            trails = [(tenant, (await service.find(platform, tenant)).id)]
    for name, tenant_id in trails:
        yield (
            name,
            await verification.verify(
                opened, tenant_id, sought=head, now=clock.now(), told=partial(told, name)
            ),
        )


async def rotate_signing_key(opened: Sessions, clock: Clock, vault: Vault) -> str:
    """Add a signing key, which takes over once every process knows it. Returns its name."""
    now = clock.now()
    async with tenant_transaction(opened, PLATFORM) as session:
        key = await signing_keys.rotate(PlatformSession(session.db), vault, now=now)
        deed = Deed("signing_key.added", f"signing_key:{key.kid}", after={"created_at": key.created_at})
        await audit.record(session, Actor(), deed, now=now)
    return key.kid


async def rotate_secrets(
    opened: Sessions, clock: Clock, vault: Vault, *, report: Callable[[Progress], None]
) -> Rotated:
    """Seal everything under the current master key; see `sealing.rotate`."""
    rotated = await sealing.rotate(opened, vault, report=report)
    async with tenant_transaction(opened, PLATFORM) as session:
        after = {"sealed": rotated.sealed, "broken": rotated.broken}
        deed = Deed("secrets.sealed_anew", f"master_key:{vault.current_key_id}", after=after)
        await audit.record(session, Actor(), deed, now=clock.now())
    return rotated
