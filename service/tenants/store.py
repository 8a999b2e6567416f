"""Queries of this slice. Every statement of a tenant names the tenant."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from service.db import TenantRow, TenantSession, run
from service.ids import ApplicationId, ClientId, ContactId, ServiceId, TenantId
from service.platform import PlatformSession
from service.tenants.domain import Application, Tenant
from service.tenants.errors import (
    ApplicationNotFound,
    ClientNotFound,
    ContactExists,
    ContactInUse,
    ContactNotFound,
    NameTaken,
    ServiceNotFound,
    SlugTaken,
    TenantNotFound,
)
from service.tenants.models import (
    ApplicationRow,
    ClientRow,
    ContactRow,
    SandboxClockRow,
    ServiceRow,
    TenantRecord,
)

Row = TypeVar("Row", bound=TenantRow)

NOW = """
select coalesce((select now_at from sandbox_clock where tenant_id = $1 for share), clock_timestamp())
"""
"""A sandbox's clock is held while we work by it, so that it cannot move past a wake-up not yet written."""


def _mine(session: TenantSession, row: type[Row]) -> Select[Row]:
    return select(row).where(row.tenant_id == session.tenant_id)


async def now(session: TenantSession) -> datetime:
    return (await run(session.db, NOW, session.tenant_id)).scalar_one()


async def tenant(session: TenantSession, *, lock: bool = False) -> TenantRecord:
    query = select(TenantRecord).where(TenantRecord.id == session.tenant_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise TenantNotFound(str(session.tenant_id))
    return row


async def tenant_of_slug(platform: PlatformSession, slug: str) -> Tenant:
    row = await platform.db.scalar(select(TenantRecord).where(TenantRecord.slug == slug))
    if row is None:
        raise TenantNotFound(slug)
    return row.to_domain()


async def tenant_slugs(platform: PlatformSession) -> list[tuple[str, TenantId]]:
    query = select(TenantRecord.slug, TenantRecord.id).order_by(TenantRecord.slug)
    return [(slug, TenantId(row_id)) for slug, row_id in await platform.db.execute(query)]


async def tenant_ids(platform: PlatformSession) -> list[TenantId]:
    return [TenantId(row_id) for row_id in await platform.db.scalars(select(TenantRecord.id))]


async def add_tenant(session: TenantSession, tenant: Tenant, *, created_at: datetime) -> None:
    added = await session.db.execute(
        upsert(TenantRecord)
        .values(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            kind=tenant.kind.value,
            approval=tenant.approval.value,
            version=tenant.version,
            created_at=created_at,
        )
        .on_conflict_do_nothing()
        .returning(TenantRecord.id)
    )
    if added.first() is None:
        raise SlugTaken(tenant.slug)


async def add_sandbox_clock(session: TenantSession, *, at: datetime) -> None:
    await session.db.execute(
        insert(SandboxClockRow).values(
            tenant_id=session.tenant_id, id=session.tenant_id, now_at=at, target_at=at
        )
    )


async def application(session: TenantSession, application_id: ApplicationId) -> ApplicationRow | None:
    return await session.db.scalar(_mine(session, ApplicationRow).where(ApplicationRow.id == application_id))


async def known_application(
    session: TenantSession, application_id: ApplicationId, *, lock: bool = False
) -> ApplicationRow:
    query = _mine(session, ApplicationRow).where(ApplicationRow.id == application_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ApplicationNotFound(application_id)
    return row


async def applications(session: TenantSession, *, after: UUID | None, limit: int) -> list[ApplicationRow]:
    return await listed(session, ApplicationRow, after=after, limit=limit)


async def application_count(session: TenantSession) -> int:
    """How many applications may still call."""
    row = ApplicationRow
    mine = row.tenant_id == session.tenant_id, row.revoked_at.is_(None)
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def save_application(session: TenantSession, application: Application) -> None:
    await session.db.merge(ApplicationRow.of(application))
    await session.db.flush()


async def add_application(session: TenantSession, application: Application) -> None:
    session.db.add(ApplicationRow.of(application))
    await session.db.flush()


async def count(session: TenantSession, row: type[Row]) -> int:
    """How many rows the tenant has."""
    query = select(func.count()).where(row.tenant_id == session.tenant_id)
    return (await session.db.execute(query)).scalar_one()


async def add(session: TenantSession, row: type[Row], row_id: UUID, **values: Any) -> None:
    """Insert one named row. Raises NameTaken."""
    added = await session.db.execute(
        upsert(row)
        .values(tenant_id=session.tenant_id, id=row_id, **values)
        .on_conflict_do_nothing()
        .returning(row.id)
    )
    if added.first() is None:
        raise NameTaken(values["name"])


async def client(session: TenantSession, client_id: ClientId, *, lock: bool = False) -> ClientRow:
    query = _mine(session, ClientRow).where(ClientRow.id == client_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ClientNotFound(client_id)
    return row


async def save_client(session: TenantSession, row: ClientRow) -> None:
    await _save(session, row.name)


def _my_contacts(session: TenantSession) -> Select[ContactRow]:
    """All of the tenant's, or those of the client organization that the session is confined to."""
    query = _mine(session, ContactRow)
    return query if session.client_id is None else query.where(ContactRow.client_id == session.client_id)


async def contact(session: TenantSession, contact_id: ContactId, *, lock: bool = False) -> ContactRow:
    query = _my_contacts(session).where(ContactRow.id == contact_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ContactNotFound(contact_id)
    return row


async def contact_named(
    session: TenantSession, external_id: str, contact_id: ContactId | None, *, client_id: ClientId | None
) -> ContactRow | None:
    """A contact of this client by id or external id, held so that it stays while it is written down."""
    row = ContactRow
    by_name = row.external_id == external_id
    query = _mine(session, row).where(
        row.client_id.is_not_distinct_from(client_id),
        by_name if contact_id is None else by_name | (row.id == contact_id),
    )
    return await session.db.scalar(
        query.order_by(by_name).limit(1).with_for_update(read=True, key_share=True)
    )


async def contacts(
    session: TenantSession, *, client_id: ClientId | None, after: UUID | None, limit: int
) -> list[ContactRow]:
    query = _my_contacts(session).order_by(ContactRow.id).limit(limit)
    if client_id is not None:
        query = query.where(ContactRow.client_id == client_id)
    if after is not None:
        query = query.where(ContactRow.id > after)
    return list(await session.db.scalars(query))


async def contacts_with(
    session: TenantSession, *, contact_ids: Collection[ContactId] = (), emails: Collection[str] = ()
) -> list[ContactRow]:
    """The contacts with one of these ids, or at one of these mail addresses, which are in small letters."""
    row = ContactRow
    query = _my_contacts(session).where(or_(row.id.in_(contact_ids), func.lower(row.email).in_(emails)))
    return list(await session.db.scalars(query))


async def contact_count(session: TenantSession, client_id: ClientId | None) -> int:
    """How many contacts a client organization has, or, without one, the tenant itself."""
    row = ContactRow
    mine = row.client_id.is_not_distinct_from(client_id)
    query = select(func.count()).where(row.tenant_id == session.tenant_id, mine)
    return (await session.db.execute(query)).scalar_one()


async def add_contact(session: TenantSession, row: ContactRow) -> None:
    session.db.add(row)
    await save_contact(session, row)


async def save_contact(session: TenantSession, row: ContactRow) -> None:
    external_id = row.external_id
    try:
        await session.db.flush()
    except IntegrityError as error:
        raise ContactExists(external_id) from error


async def remove_contact(session: TenantSession, row: ContactRow) -> None:
    contact_id = row.id
    await session.db.delete(row)
    try:
        await session.db.flush()
    except IntegrityError as error:
        raise ContactInUse(contact_id) from error


async def operated_service(
    session: TenantSession, service_id: ServiceId, *, lock: bool = False
) -> ServiceRow:
    query = _mine(session, ServiceRow).where(ServiceRow.id == service_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ServiceNotFound(service_id)
    return row


async def save_service(session: TenantSession, row: ServiceRow) -> None:
    await _save(session, row.name)


async def _save(session: TenantSession, name: str) -> None:
    """Write what was changed of a named row. Raises NameTaken."""
    try:
        await session.db.flush()
    except IntegrityError as error:
        raise NameTaken(name) from error


async def client_named(session: TenantSession, name: str) -> ClientRow:
    row = await session.db.scalar(_mine(session, ClientRow).where(ClientRow.name == name))
    if row is None:
        raise ClientNotFound(name)
    return row


async def service_named(session: TenantSession, name: str) -> ServiceRow:
    row = await session.db.scalar(_mine(session, ServiceRow).where(ServiceRow.name == name))
    if row is None:
        raise ServiceNotFound(name)
    return row


async def listed(session: TenantSession, row: type[Row], *, after: UUID | None, limit: int) -> list[Row]:
    """Rows in the order of their ids, which is that of their making."""
    query = _mine(session, row).order_by(row.id).limit(limit)
    if after is not None:
        query = query.where(row.id > after)
    return list(await session.db.scalars(query))
