"""Windows of maintenance as everybody reads them. What they do to requests is in `requests.maintenance`."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from service.db import TenantSession
from service.ids import ServiceId
from service.tenants import spells
from service.tenants.models import MaintenanceWindowRow
from service.tenants.spells import MaintenanceWindow


async def current(
    session: TenantSession, service_ids: Collection[ServiceId], *, now: datetime
) -> dict[ServiceId, datetime]:
    """Those of the services that are in maintenance at `now`, each with the instant that it lasts until.

    That is the end of what is known now: where windows overlap or follow one another, of the last of them.
    """
    found: dict[ServiceId, list[MaintenanceWindow]] = {}
    for window in await windows(session, service_ids, since=now):
        found.setdefault(window.service_id, []).append(window)
    ends = {service_id: spells.end_of_spell(held, now) for service_id, held in found.items()}
    return {service_id: end for service_id, end in ends.items() if end is not None}


async def windows(
    session: TenantSession, service_ids: Collection[ServiceId], *, since: datetime
) -> list[MaintenanceWindow]:
    """The windows of the services that are, or were planned to be, over after `since`, by their start."""
    if not service_ids:
        return []
    row = MaintenanceWindowRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.service_id.in_(service_ids), row.ends_at > since)
        .order_by(row.starts_at, row.id)
        .execution_options(populate_existing=True)
    )
    return [found.to_domain() for found in await session.db.scalars(query)]
