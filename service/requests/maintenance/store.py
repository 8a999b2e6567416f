"""Queries of maintenance. Every statement names the tenant on every table that it touches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select, update

from service.commitments.domain import ClockState
from service.commitments.models import CommitmentRow
from service.db import TenantSession
from service.ids import ClientId, MaintenanceId, RequestId, ServiceId
from service.requests.domain import State
from service.requests.maintenance.errors import MaintenanceWindowNotFound
from service.requests.models import RequestRow
from service.tenants.models import MaintenanceWindowRow


def _mine(session: TenantSession) -> Select[MaintenanceWindowRow]:
    return (
        select(MaintenanceWindowRow)
        .where(MaintenanceWindowRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


async def get(
    session: TenantSession, window_id: MaintenanceId, *, lock: bool = False
) -> MaintenanceWindowRow:
    query = _mine(session).where(MaintenanceWindowRow.id == window_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise MaintenanceWindowNotFound(window_id)
    return row


async def add(session: TenantSession, row: MaintenanceWindowRow) -> None:
    session.db.add(row)
    await session.db.flush()


async def change(session: TenantSession, window_id: MaintenanceId, **values: Any) -> None:
    """Write columns of a window that the caller has locked."""
    row = MaintenanceWindowRow
    await session.db.execute(
        update(row).where(row.tenant_id == session.tenant_id, row.id == window_id).values(**values)
    )


async def listed(
    session: TenantSession,
    *,
    service_id: ServiceId | None,
    over_after: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[MaintenanceWindowRow]:
    """Windows in the order of their planning; with `over_after`, those that were not over by then."""
    row = MaintenanceWindowRow
    query = _mine(session).order_by(row.id).limit(limit)
    if service_id is not None:
        query = query.where(row.service_id == service_id)
    if over_after is not None:
        query = query.where(row.ends_at > over_after, row.called_off_at.is_(None))
    if after is not None:
        query = query.where(row.id > after)
    return list(await session.db.scalars(query))


async def count_not_over(session: TenantSession, now: datetime) -> int:
    row = MaintenanceWindowRow
    query = select(func.count()).where(
        row.tenant_id == session.tenant_id, row.ends_at > now, row.called_off_at.is_(None)
    )
    return (await session.db.scalars(query)).one()


async def running_requests(
    session: TenantSession,
    service_id: ServiceId,
    *,
    received_since: datetime | None,
    after: UUID | None,
    limit: int,
) -> Sequence[RequestId]:
    """The requests of a service that are open, or have a promise that runs, in the order of their ids."""
    row = RequestRow
    runs = exists().where(
        CommitmentRow.tenant_id == session.tenant_id,
        CommitmentRow.request_id == row.id,
        CommitmentRow.clock != ClockState.STOPPED.value,
    )
    query = (
        select(row.id)
        .where(
            row.tenant_id == session.tenant_id,
            row.service_id == service_id,
            or_(row.state == State.OPEN.value, runs),
        )
        .order_by(row.id)
        .limit(limit)
    )
    if received_since is not None:
        query = query.where(row.received_at >= received_since)
    if after is not None:
        query = query.where(row.id > after)
    return [RequestId(found) for found in await session.db.scalars(query)]


async def clients_of(
    session: TenantSession, service_id: ServiceId, *, received_since: datetime
) -> list[ClientId]:
    """The client organizations with a request on the service that is open, or was received since."""
    row = RequestRow
    query = (
        select(row.client_id)
        .where(
            row.tenant_id == session.tenant_id,
            row.service_id == service_id,
            row.client_id.is_not(None),
            or_(row.state == State.OPEN.value, row.received_at >= received_since),
        )
        .distinct()
        .order_by(row.client_id)
    )
    return [ClientId(found) for found in await session.db.scalars(query) if found is not None]
