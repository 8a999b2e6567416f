"""Use cases of this slice: load, decide, save. One public function per user intention."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import ApplicationId, ClientId, ServiceId, TenantId
from service.limits import service as limits
from service.limits.domain.table import CLIENTS, SERVICES
from service.names import faults_of_name
from service.platform import PlatformSession
from service.tenants import domain, profiles, store
from service.tenants.domain import Application, Approval, Client, OperatedService, Tenant, TenantKind
from service.tenants.errors import OwnerNeeded, RegistrationInvalid
from service.tenants.models import ClientRow, ServiceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry:
    """What is registered of a service."""

    name: str
    owner_group: str | None = None
    criticality: str | None = None
    hours: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEntry:
    """What is registered of a client organization; see `domain.Client`."""

    name: str
    tier: str | None = None
    profile: dict[str, Any] = field(default_factory=dict[str, Any])
    calendar: str | None = None


async def now(session: TenantSession) -> datetime:
    """What time it is for this tenant: the database's, or a sandbox's own, held till the transaction ends."""
    return await store.now(session)


async def create(
    session: TenantSession,
    *,
    slug: str,
    name: str,
    sandbox_at: datetime | None,
    created_at: datetime,
    approval: Approval | None = None,
) -> Tenant:
    """Create the tenant of this session, whose id is new.

    Args:
        session: opened for the id that the tenant is to have.
        slug: its short name in client ids; never changes.
        name: its name for people.
        sandbox_at: where a sandbox's clock starts; None makes a live tenant.
        created_at: the wall clock's now.
        approval: where policies are reviewed; None means by members, and in a sandbox by nobody here.

    Raises:
        SlugTaken, RegistrationInvalid
    """
    _refuse(domain.faults_of_slug(slug) + faults_of_name(name))
    kind = TenantKind.LIVE if sandbox_at is None else TenantKind.SANDBOX
    approval = approval or domain.approval_unless_said(kind)
    tenant = Tenant(id=session.tenant_id, slug=slug, name=name, kind=kind, approval=approval)
    await store.add_tenant(session, tenant, created_at=created_at)
    if sandbox_at is not None:
        await store.add_sandbox_clock(session, at=sandbox_at)
    await store.add_application(session, domain.console_of(session.tenant_id, created_at))
    after = {"name": name, "kind": kind.value, "approval": approval.value}
    await audit.record(
        session, Actor(), Deed("tenant.created", f"tenant:{slug}", after=after), now=created_at
    )
    return tenant


async def get(session: TenantSession, *, lock: bool = False) -> Tenant:
    return (await store.tenant(session, lock=lock)).to_domain()


async def change(session: TenantSession, actor: Actor, *, approval: Approval, now: datetime) -> Tenant:
    """Record where the tenant's policies are reviewed.

    Raises:
        OwnerNeeded: applications do not let themselves publish what nobody has approved.
    """
    row = await store.tenant(session, lock=True)
    if approval is Approval.GIT and row.approval != approval and actor.is_application:
        raise OwnerNeeded
    before, row.approval = row.approval, approval.value
    row.version += 1
    await session.db.flush()
    deed = Deed(
        "tenant.changed",
        f"tenant:{row.slug}",
        before={"approval": before},
        after={"approval": row.approval},
    )
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def find(platform: PlatformSession, slug: str) -> Tenant:
    """The tenant of this slug, before any is set. Raises TenantNotFound."""
    return await store.tenant_of_slug(platform, slug)


async def slugs_of_all(platform: PlatformSession) -> list[tuple[str, TenantId]]:
    """Every tenant there is, by its slug, for what an operator looks at in each."""
    return await store.tenant_slugs(platform)


async def ids_of_all(platform: PlatformSession) -> list[TenantId]:
    """Every tenant there is, for what is looked after in each."""
    return await store.tenant_ids(platform)


async def find_application(session: TenantSession, application_id: ApplicationId) -> Application | None:
    row = await store.application(session, application_id)
    return None if row is None else row.to_domain()


async def create_client(
    session: TenantSession,
    actor: Actor,
    entry: ClientEntry,
    *,
    calendars: Collection[str] = (),
    now: datetime,
) -> Client:
    """Register a client organization.

    Args:
        session: of the tenant.
        actor: who registers it.
        entry: what is said of it.
        calendars: the names of the calendars that it may go by.
        now: the tenant's now.

    Raises:
        RegistrationInvalid, NameTaken, ClientsTooMany
    """
    _refuse(_faults_of_client(entry, calendars))
    await limits.make_room(session, CLIENTS, lambda: store.count(session, ClientRow))
    client = Client(id=ClientId(ids.new_id()), version=1, created_at=now, **asdict(entry))
    await store.add(session, ClientRow, client.id, version=1, created_at=now, **asdict(entry))
    deed = Deed("client.created", f"client:{client.id}", after=asdict(entry))
    await audit.record(session, actor, deed, now=now)
    return client


async def change_client(
    session: TenantSession,
    actor: Actor,
    client_id: ClientId,
    entry: ClientEntry,
    *,
    calendars: Collection[str],
    now: datetime,
) -> Client:
    """Replace what is said of a client organization; see `create_client`.

    What was decided stays as it is: the next decision on each of its requests reads the new facts.

    Raises:
        RegistrationInvalid, ClientNotFound, NameTaken
    """
    _refuse(_faults_of_client(entry, calendars))
    row = await store.client(session, client_id, lock=True)
    before, after = {key: getattr(row, key) for key in asdict(entry)}, asdict(entry)
    for key, value in after.items():
        setattr(row, key, value)
    row.version += 1
    await store.save_client(session, row)
    deed = Deed("client.changed", f"client:{client_id}", before=before, after=after)
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def get_client(session: TenantSession, client_id: ClientId, *, lock: bool = False) -> Client:
    return (await store.client(session, client_id, lock=lock)).to_domain()


async def find_client(session: TenantSession, name: str) -> Client:
    return (await store.client_named(session, name)).to_domain()


async def client_count(session: TenantSession) -> int:
    return await store.count(session, ClientRow)


async def service_count(session: TenantSession) -> int:
    return await store.count(session, ServiceRow)


async def list_clients(session: TenantSession, *, after: UUID | None, limit: int) -> list[Client]:
    return [row.to_domain() for row in await store.listed(session, ClientRow, after=after, limit=limit)]


async def register_service(
    session: TenantSession, actor: Actor, entry: ServiceEntry, *, now: datetime
) -> OperatedService:
    """Add an entry to the service register. Raises RegistrationInvalid, NameTaken, ServicesTooMany."""
    _refuse(faults_of_name(entry.name))
    await limits.make_room(session, SERVICES, lambda: store.count(session, ServiceRow))
    service_id = ServiceId(ids.new_id())
    await store.add(session, ServiceRow, service_id, **asdict(entry), version=1, created_at=now)
    subject = f"service:{service_id}"
    await audit.record(session, actor, Deed("service.registered", subject, after=asdict(entry)), now=now)
    return OperatedService(id=service_id, version=1, created_at=now, **asdict(entry))


async def change_service(
    session: TenantSession, actor: Actor, service_id: ServiceId, entry: ServiceEntry, *, now: datetime
) -> OperatedService:
    """Replace an entry of the service register. Raises RegistrationInvalid, ServiceNotFound, NameTaken."""
    _refuse(faults_of_name(entry.name))
    row = await store.operated_service(session, service_id, lock=True)
    before, after = {key: getattr(row, key) for key in asdict(entry)}, asdict(entry)
    for key, value in after.items():
        setattr(row, key, value)
    row.version += 1
    await store.save_service(session, row)
    subject = f"service:{service_id}"
    await audit.record(session, actor, Deed("service.changed", subject, before=before, after=after), now=now)
    return row.to_domain()


async def get_service(
    session: TenantSession, service_id: ServiceId, *, lock: bool = False
) -> OperatedService:
    return (await store.operated_service(session, service_id, lock=lock)).to_domain()


async def find_service(session: TenantSession, name: str) -> OperatedService:
    return (await store.service_named(session, name)).to_domain()


async def list_services(session: TenantSession, *, after: UUID | None, limit: int) -> list[OperatedService]:
    return [row.to_domain() for row in await store.listed(session, ServiceRow, after=after, limit=limit)]


def new_tenant_id() -> TenantId:
    return TenantId(ids.new_id())


def _faults_of_client(entry: ClientEntry, calendars: Collection[str]) -> list[Fault]:
    faults = faults_of_name(entry.name) + profiles.faults_of_profile(entry.profile)
    if entry.calendar is not None and entry.calendar not in calendars:
        faults.append(Fault("/calendar", f"There is no calendar {entry.calendar!r} for it; create it first."))
    return faults


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise RegistrationInvalid(faults)
