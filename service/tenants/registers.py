"""Many entries of a tenant's registers at once, by their names."""

from collections.abc import Collection

from sqlalchemy import select

from service.db import TenantSession
from service.tenants.domain import Client, OperatedService
from service.tenants.models import ClientRow, ServiceRow


async def clients(session: TenantSession, names: Collection[str]) -> dict[str, Client]:
    """Those of the client organizations that there are."""
    query = select(ClientRow).where(ClientRow.tenant_id == session.tenant_id, ClientRow.name.in_(names))
    return {row.name: row.to_domain() for row in await session.db.scalars(query)} if names else {}


async def services(session: TenantSession, names: Collection[str]) -> dict[str, OperatedService]:
    """Those of the entries of the service register that there are."""
    query = select(ServiceRow).where(ServiceRow.tenant_id == session.tenant_id, ServiceRow.name.in_(names))
    return {row.name: row.to_domain() for row in await session.db.scalars(query)} if names else {}


async def calendars_of_clients(session: TenantSession) -> set[str]:
    """The names of the calendars that client organizations go by."""
    query = select(ClientRow.calendar).where(ClientRow.tenant_id == session.tenant_id).distinct()
    return {name for name in await session.db.scalars(query) if name is not None}


async def hours_of_services(session: TenantSession) -> set[str]:
    """The names of the calendars in which services are operated."""
    query = select(ServiceRow.hours).where(ServiceRow.tenant_id == session.tenant_id).distinct()
    return {name for name in await session.db.scalars(query) if name is not None}
