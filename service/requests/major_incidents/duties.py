"""The duty to report, one promise to each client organization that a major incident affects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service import ids
from service.commitments import service as commitments
from service.commitments.domain import (
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Origin,
    Retermed,
)
from service.commitments.models import Made
from service.commitments.service import Offer
from service.db import TenantSession
from service.escalations.runs import service as runs
from service.ids import ClientId, DecisionId
from service.requests.domain import Request
from service.requests.major_incidents import domain, store
from service.requests.major_incidents.domain import REPORT, MajorIncident
from service.requests.major_incidents.models import Affected, MajorIncidentClientRow

BECAUSE_ENDED = "the major incident ended"


async def owe(
    session: TenantSession,
    incident: MajorIncident,
    request: Request,
    clients: Sequence[ClientId],
    *,
    by: str,
    now: datetime,
) -> None:
    """Promise progress to each of these, who are affected from now on."""
    made = Made(origin=Origin.MAJOR_INCIDENT, what=f"To report on: {incident.title}", by=by)
    offers = [
        Offer(
            request_id=request.id,
            client_id=client_id,
            service_id=request.service_id,
            terms=(domain.duty(incident.update_every, incident.calendar),),
            decision_id=DecisionId(incident.id),
            at=now,
            source_sequence=0,
            received_at=now,
            entry_id=EntryId(str(ids.new_id())),
            made=made,
        )
        for client_id in clients
    ]
    promised = await commitments.promise(session, offers, now=now)
    rows = [
        MajorIncidentClientRow(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            major_incident_id=incident.id,
            client_id=promise.client_id,
            commitment_id=promise.id,
            title=incident.title,
            state=incident.state.value,
            declared_at=incident.declared_at,
            joined_at=now,
            ended_at=None,
        )
        for promise in promised
    ]
    await store.add_all(session, rows)
    await runs.follow(session, promised, now=now)


async def fulfil(session: TenantSession, affected: Sequence[Affected], *, now: datetime) -> None:
    """They were told: the next report is owed from now on."""
    for each in affected:
        await _append(session, each, [Fulfilled(**_when(now), by=REPORT)], now=now)


async def reterm(
    session: TenantSession, incident: MajorIncident, affected: Sequence[Affected], *, now: datetime
) -> None:
    """Reports are owed more or less often."""
    terms = domain.duty(incident.update_every, incident.calendar)
    for each in affected:
        entry = Retermed(**_when(now), terms=terms, decision=str(incident.id))
        await _append(session, each, [entry], now=now)


async def cancel(session: TenantSession, affected: Sequence[Affected], *, now: datetime) -> None:
    """Nothing is owed any more."""
    for each in affected:
        await _append(session, each, [Cancelled(**_when(now), because=BECAUSE_ENDED)], now=now)


async def _append(
    session: TenantSession, owed: Affected, entries: Sequence[LedgerEntry], *, now: datetime
) -> None:
    """Append what happened to one of the duties, and let its ladders follow."""
    stands = await commitments.append(session, owed.commitment_id, entries, now=now)
    await runs.follow(session, [stands], now=now)


def _when(now: datetime) -> dict[str, Any]:
    return {"at": now, "received_at": now, "id": EntryId(str(ids.new_id()))}
