"""Queries of major incidents. Every statement names the tenant on every table that it touches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from service.commitments.models import CommitmentRow
from service.db import TenantSession
from service.ids import ClientId, CommitmentId, MajorIncidentId, RequestId, ServiceId
from service.requests.domain import State as RequestState
from service.requests.major_incidents.domain import State
from service.requests.major_incidents.errors import MajorIncidentExists, MajorIncidentNotFound
from service.requests.major_incidents.models import (
    MajorIncidentClientRow,
    MajorIncidentReportRow,
    MajorIncidentRequestRow,
    MajorIncidentRow,
)
from service.requests.models import RequestRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which major incidents of the list are asked for; None leaves a filter out.

    Attributes:
        request_id: one that is linked to it.
    """

    state: State | None = None
    request_id: RequestId | None = None


def _mine(session: TenantSession) -> Select[MajorIncidentRow]:
    return (
        select(MajorIncidentRow)
        .where(MajorIncidentRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


def _affected(session: TenantSession) -> Select[MajorIncidentClientRow]:
    return (
        select(MajorIncidentClientRow)
        .where(MajorIncidentClientRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


def _linked_to(session: TenantSession, request_id: RequestId) -> Select[UUID]:
    """The major incidents that a request is linked to; a client's own session knows of its requests only."""
    row = MajorIncidentRequestRow
    return select(row.major_incident_id).where(
        row.tenant_id == session.tenant_id, row.request_id == request_id
    )


async def get(
    session: TenantSession, incident_id: MajorIncidentId, *, lock: bool = False
) -> MajorIncidentRow:
    query = _mine(session).where(MajorIncidentRow.id == incident_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise MajorIncidentNotFound(incident_id)
    return row


async def add(session: TenantSession, request_id: RequestId, **values: Any) -> None:
    """Insert a major incident. Raises MajorIncidentExists when its request leads one that is open."""
    added = await session.db.execute(
        upsert(MajorIncidentRow)
        .values(tenant_id=session.tenant_id, request_id=request_id, **values)
        .on_conflict_do_nothing()
        .returning(MajorIncidentRow.id)
    )
    if added.first() is None:
        raise MajorIncidentExists(request_id)


async def change(session: TenantSession, incident_id: MajorIncidentId, **values: Any) -> None:
    """Write columns of a major incident that the caller has locked."""
    row = MajorIncidentRow
    await session.db.execute(
        update(row).where(row.tenant_id == session.tenant_id, row.id == incident_id).values(**values)
    )


async def change_copies(session: TenantSession, incident_id: MajorIncidentId, **values: Any) -> None:
    """Write what client organizations know of it."""
    row = MajorIncidentClientRow
    await session.db.execute(
        update(row)
        .where(row.tenant_id == session.tenant_id, row.major_incident_id == incident_id)
        .values(**values)
    )


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[MajorIncidentRow]:
    """Major incidents, the youngest first."""
    row = MajorIncidentRow
    query = _mine(session).order_by(row.id.desc()).limit(limit)
    if sought.state is not None:
        query = query.where(row.state == sought.state.value)
    if sought.request_id is not None:
        query = query.where(row.id.in_(_linked_to(session, sought.request_id)))
    if before is not None:
        query = query.where(row.id < before)
    return list(await session.db.scalars(query))


async def open_count(session: TenantSession) -> int:
    row = MajorIncidentRow
    query = select(func.count()).where(row.tenant_id == session.tenant_id, row.state == State.OPEN.value)
    return (await session.db.scalars(query)).one()


async def open_of_service(session: TenantSession, service_id: ServiceId) -> MajorIncidentRow | None:
    """The oldest open major incident that concerns a service."""
    row = MajorIncidentRow
    query = (
        _mine(session)
        .where(row.state == State.OPEN.value, row.services.contains([str(service_id)]))
        .order_by(row.id)
        .limit(1)
    )
    return await session.db.scalar(query)


async def affected(
    session: TenantSession, incident_ids: Collection[MajorIncidentId]
) -> list[MajorIncidentClientRow]:
    """Whom these affect, in the order in which they were found to."""
    row = MajorIncidentClientRow
    query = _affected(session).where(row.major_incident_id.in_(incident_ids)).order_by(row.id)
    return list(await session.db.scalars(query))


async def copy_of(
    session: TenantSession, client_id: ClientId, incident_id: MajorIncidentId
) -> MajorIncidentClientRow:
    """What a client organization may know of one that affects it. Raises MajorIncidentNotFound."""
    row = MajorIncidentClientRow
    query = _affected(session).where(row.client_id == client_id, row.major_incident_id == incident_id)
    found = await session.db.scalar(query)
    if found is None:
        raise MajorIncidentNotFound(incident_id)
    return found


async def copies_of(
    session: TenantSession, client_id: ClientId, sought: Sought, *, before: UUID | None, limit: int
) -> list[MajorIncidentClientRow]:
    """What a client organization may know of those that affect it, the youngest first."""
    row = MajorIncidentClientRow
    mine = _affected(session).where(row.client_id == client_id)
    query = mine.order_by(row.major_incident_id.desc()).limit(limit)
    if sought.state is not None:
        query = query.where(row.state == sought.state.value)
    if sought.request_id is not None:
        query = query.where(row.major_incident_id.in_(_linked_to(session, sought.request_id)))
    if before is not None:
        query = query.where(row.major_incident_id < before)
    return list(await session.db.scalars(query))


async def add_all(
    session: TenantSession,
    rows: Sequence[MajorIncidentClientRow] | Sequence[MajorIncidentReportRow],
) -> None:
    session.db.add_all(rows)
    await session.db.flush()


async def link(
    session: TenantSession,
    incident_id: MajorIncidentId,
    request: tuple[RequestId, ClientId | None],
    *,
    link_id: UUID,
    now: datetime,
) -> None:
    """Link a request, unless it is linked already."""
    request_id, client_id = request
    await session.db.execute(
        upsert(MajorIncidentRequestRow)
        .values(
            tenant_id=session.tenant_id,
            id=link_id,
            major_incident_id=incident_id,
            request_id=request_id,
            client_id=client_id,
            linked_at=now,
        )
        .on_conflict_do_nothing()
    )


async def is_linked(session: TenantSession, request_id: RequestId) -> bool:
    """Was the request ever linked to a major incident?"""
    row = MajorIncidentRequestRow
    query = select(row.id).where(row.tenant_id == session.tenant_id, row.request_id == request_id).limit(1)
    return await session.db.scalar(query) is not None


async def links(
    session: TenantSession, incident_ids: Collection[MajorIncidentId]
) -> list[tuple[MajorIncidentId, RequestId]]:
    """The requests that are linked to these; a client's own session sees those of that client."""
    row = MajorIncidentRequestRow
    query = (
        select(row.major_incident_id, row.request_id)
        .where(row.tenant_id == session.tenant_id, row.major_incident_id.in_(incident_ids))
        .order_by(row.id)
    )
    if session.client_id is not None:
        query = query.where(row.client_id == session.client_id)
    found = await session.db.execute(query)
    return [(MajorIncidentId(each[0]), RequestId(each[1])) for each in found]


async def reports(
    session: TenantSession,
    incident_id: MajorIncidentId,
    *,
    client_id: ClientId | None,
    before: UUID | None,
    limit: int,
) -> list[MajorIncidentReportRow]:
    """The reports, the youngest first: the tenant's copies, or those of a client organization."""
    row = MajorIncidentReportRow
    query = (
        select(row)
        .where(
            row.tenant_id == session.tenant_id,
            row.major_incident_id == incident_id,
            row.client_id.is_not_distinct_from(client_id),
        )
        .order_by(row.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(row.id < before)
    return list(await session.db.scalars(query))


async def clients_on(session: TenantSession, services: Collection[ServiceId]) -> list[ClientId]:
    """The client organizations with an open request on one of the services."""
    row = RequestRow
    query = (
        select(row.client_id)
        .where(
            row.tenant_id == session.tenant_id,
            row.service_id.in_(services),
            row.state == RequestState.OPEN.value,
            row.client_id.is_not(None),
        )
        .distinct()
    )
    return sorted(ClientId(found) for found in await session.db.scalars(query) if found is not None)


async def dues(
    session: TenantSession, commitment_ids: Collection[CommitmentId]
) -> dict[CommitmentId, datetime | None]:
    """When each of these promises is due."""
    row = CommitmentRow
    query = select(row.id, row.due_at, row.clock).where(
        row.tenant_id == session.tenant_id, row.id.in_(commitment_ids)
    )
    found = await session.db.execute(query)
    return {CommitmentId(each.id): None if each.clock == "stopped" else each.due_at for each in found}
