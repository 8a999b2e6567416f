"""The events and the records of the audit trail that an objection is told by. Pure."""

from datetime import datetime
from typing import Any

from service.audit.domain import Deed
from service.outbox.models import EventDraft
from service.rationalization.matters import Matter
from service.rationalization.objections.models import Objection

SUBJECT_KIND = "objection"


def event(kind: str, objection: Objection, matter: Matter, at: datetime) -> EventDraft:
    """An event of an objection that has counted it already. It names no member.

    Args:
        kind: "raised", "decided" or "withdrawn".
        objection: as it stands after what is told.
        matter: the request that it is about.
        at: when that came about.
    """
    plea, standing = objection.plea, objection.standing
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=objection.id,
        sequence=objection.sequence,
        occurred_at=at,
        payload={
            "objection_id": objection.id,
            "request_id": objection.request_id,
            "source": matter.source,
            "external_id": matter.external_id,
            "subject": {"kind": plea.subject.kind.value, "id": plea.subject.id},
            "commitment_id": objection.commitment_id,
            "raised_by": objection.raised_by.partition(":")[0],
            "cause": plea.cause.value,
            "words": plea.words,
            "asks_for": plea.asks_for,
            "state": standing.state.value,
            "due_at": standing.due_at,
            "overdue": standing.is_overdue(at),
            "reason": standing.reason,
        },
        client_id=objection.client_id,
    )


def deed(action: str, after: Objection, *, before: Objection | None = None) -> Deed:
    """What the audit trail says of it."""
    fields = {} if before is None else _recorded(before)
    return Deed(
        f"{SUBJECT_KIND}.{action}", f"{SUBJECT_KIND}:{after.id}", before=fields, after=_recorded(after)
    )


def _recorded(objection: Objection) -> dict[str, Any]:
    plea, standing = objection.plea, objection.standing
    return {
        "request_id": objection.request_id,
        "subject": f"{plea.subject.kind.value}:{plea.subject.id}",
        "cause": plea.cause.value,
        "words": plea.words,
        "asks_for": plea.asks_for,
        "state": standing.state.value,
        "due_at": standing.due_at,
        "decided_by": objection.decided_by,
        "reason": standing.reason,
    }
