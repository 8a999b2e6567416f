"""What is told and recorded of a major incident, and what its row says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service.commitments import wire
from service.db import TenantSession
from service.ids import ClientId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.requests.major_incidents import store
from service.requests.major_incidents.domain import MajorIncident

SUBJECT_KIND = "major_incident"


async def tell(
    session: TenantSession,
    incident: MajorIncident,
    kind: str,
    whom: Sequence[ClientId | None],
    said: dict[str, Any],
    *,
    now: datetime,
) -> MajorIncident:
    """Tell the tenant, and client organizations: these only what concerns all of them."""
    open_to_all = {
        "major_incident_id": incident.id,
        "title": incident.title,
        "state": incident.state.value,
        "declared_at": incident.declared_at,
        "ended_at": incident.ended_at,
        **said,
    }
    drafts = [
        EventDraft(
            type=kind,
            subject_kind=SUBJECT_KIND,
            subject_id=incident.id,
            sequence=sequence,
            occurred_at=now,
            payload=open_to_all if client_id is not None else {**open_to_all, **fields(incident)},
            client_id=client_id,
        )
        for sequence, client_id in enumerate(whom, start=incident.sequence + 1)
    ]
    await outbox.append(session, drafts)
    told = replace(incident, sequence=incident.sequence + len(drafts))
    await store.change(session, incident.id, sequence=told.sequence)
    return told


def label(incident: MajorIncident) -> str:
    return f"major_incident:{incident.id}"


def fields(incident: MajorIncident) -> dict[str, Any]:
    """What the audit trail and the tenant's own events say of it."""
    return {
        "request_id": incident.request_id,
        "title": incident.title,
        "state": incident.state.value,
        "services": list(incident.services),
        "update_every": wire.target_document(incident.update_every),
        "calendar_version_id": incident.calendar,
        "problem": incident.problem,
        "declared_by": incident.declared_by,
    }


def columns(incident: MajorIncident) -> dict[str, Any]:
    """All columns but the tenant's and the lead request's."""
    return {
        "id": incident.id,
        "title": incident.title,
        "state": incident.state.value,
        "services": [str(each) for each in incident.services],
        "update_every": wire.target_document(incident.update_every),
        "calendar_version_id": None if incident.calendar is None else UUID(incident.calendar),
        "problem": incident.problem,
        "declared_by": incident.declared_by,
        "declared_at": incident.declared_at,
        "ended_at": incident.ended_at,
        "version": incident.version,
        "sequence": incident.sequence,
    }
