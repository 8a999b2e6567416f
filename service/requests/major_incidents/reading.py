"""Use cases of major incidents that only read: what the tenant knows, and what a client organization may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db import TenantSession
from service.ids import ClientId, MajorIncidentId, RequestId
from service.requests.major_incidents import store
from service.requests.major_incidents.domain import MajorIncident
from service.requests.major_incidents.models import Affected, MajorIncidentClientRow, Report
from service.requests.major_incidents.store import Sought


@dataclass(frozen=True, slots=True)
class Account:
    """A major incident with whom it affects, when each is to hear of it next, and what is linked to it."""

    incident: MajorIncident
    affected: tuple[tuple[Affected, datetime | None], ...]
    requests: tuple[RequestId, ...]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one client organization may know of a major incident, with its requests that are linked."""

    affected: Affected
    due_at: datetime | None
    requests: tuple[RequestId, ...]


async def get(session: TenantSession, incident_id: MajorIncidentId, *, lock: bool = False) -> Account:
    """One major incident, as the tenant knows it. Raises MajorIncidentNotFound."""
    row = await store.get(session, incident_id, lock=lock)
    return (await _accounts(session, [row.to_domain()]))[0]


async def list_all(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[Account]:
    """Major incidents as the tenant knows them, the youngest first."""
    rows = await store.listed(session, sought, before=before, limit=limit)
    return await _accounts(session, [row.to_domain() for row in rows])


async def glimpse(session: TenantSession, incident_id: MajorIncidentId, client_id: ClientId) -> Glimpse:
    """What a client organization may know of one that affects it. Raises MajorIncidentNotFound."""
    found = await store.copy_of(session, client_id, incident_id)
    return (await _glimpses(session, [found]))[0]


async def glimpses(
    session: TenantSession, client_id: ClientId, sought: Sought, *, before: UUID | None, limit: int
) -> list[Glimpse]:
    """What a client organization may know of those that affect it, the youngest first."""
    rows = await store.copies_of(session, client_id, sought, before=before, limit=limit)
    return await _glimpses(session, rows)


async def reports(
    session: TenantSession,
    incident_id: MajorIncidentId,
    *,
    client_id: ClientId | None,
    before: UUID | None,
    limit: int,
) -> list[Report]:
    """The reports, the youngest first; to a client organization, those that it was told.

    Raises:
        MajorIncidentNotFound
    """
    if client_id is None:
        await store.get(session, incident_id)
    else:
        await glimpse(session, incident_id, client_id)
    rows = await store.reports(session, incident_id, client_id=client_id, before=before, limit=limit)
    return [row.to_domain() for row in rows]


async def _accounts(session: TenantSession, incidents: Sequence[MajorIncident]) -> list[Account]:
    these = [incident.id for incident in incidents]
    affected = [row.to_domain() for row in await store.affected(session, these)]
    dues = await store.dues(session, [each.commitment_id for each in affected])
    linked = await store.links(session, these)
    return [
        Account(
            incident,
            tuple(
                (each, dues[each.commitment_id]) for each in affected if each.major_incident_id == incident.id
            ),
            tuple(request_id for incident_id, request_id in linked if incident_id == incident.id),
        )
        for incident in incidents
    ]


async def _glimpses(session: TenantSession, rows: Sequence[MajorIncidentClientRow]) -> list[Glimpse]:
    affected = [row.to_domain() for row in rows]
    dues = await store.dues(session, [each.commitment_id for each in affected])
    linked = await store.links(session, [each.major_incident_id for each in affected])
    return [
        Glimpse(
            each,
            dues[each.commitment_id],
            tuple(request_id for incident_id, request_id in linked if incident_id == each.major_incident_id),
        )
        for each in affected
    ]
