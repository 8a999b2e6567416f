"""The events and the records of the audit trail that an approval is told by. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from service.audit.domain import Deed
from service.outbox.models import EventDraft
from service.rationalization.approvals.domain import Answered, Entry, Standing
from service.rationalization.approvals.models import Approval

SUBJECT_KIND = "approval"


def event(
    kind: str, approval: Approval, standing: Standing, at: datetime, entry: Entry | None = None
) -> EventDraft:
    """An event of an approval that has counted it already.

    Args:
        kind: "asked", "answered" or "settled".
        approval: as it stands after what is told.
        standing: of it.
        at: when that came about.
        entry: that brought it about; an answer is told with who gave it, and why.
    """
    answer = answer_document(entry) if isinstance(entry, Answered) else None
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=approval.id,
        sequence=approval.sequence,
        occurred_at=at,
        payload={**_payload(approval, standing), "answer": answer},
        client_id=approval.client_id,
    )


def asking(approval: Approval, standing: Standing, at: datetime, *, cannot_be_met: bool) -> EventDraft:
    """That it is asked: of whom, until when, and whether there are people enough to grant it."""
    asked = event("asked", approval, standing, at)
    return replace(asked, payload={**asked.payload, "cannot_be_met": cannot_be_met})


def answer_document(answer: Answered) -> dict[str, Any]:
    return {
        "at": answer.at,
        "by": answer.by,
        "on_behalf_of": answer.on_behalf_of,
        "seats": sorted(answer.seats),
        "approves": answer.approves,
        "reason": answer.because,
    }


def deed(action: str, after: Approval, *, before: Approval | None = None, **more: object) -> Deed:
    """What the audit trail says of it."""
    was = {} if before is None else _recorded(before)
    return Deed(f"{SUBJECT_KIND}.{action}", label(after), before=was, after={**_recorded(after), **more})


def label(approval: Approval) -> str:
    return f"{SUBJECT_KIND}:{approval.id}"


def _payload(approval: Approval, standing: Standing) -> dict[str, Any]:
    return {
        "approval_id": approval.id,
        "request_id": approval.request_id,
        "source": approval.source,
        "external_id": approval.external_id,
        "name": approval.gate.name,
        "wanted_of": approval.seats,
        "everyone": approval.wanted.everyone,
        "persons_min": approval.wanted.persons_min,
        "state": standing.state.value,
        "since": standing.since,
        "approved_by": standing.approved_by,
        "seats_open": sorted(standing.seats_open),
        "persons_missing": standing.persons_missing,
        "deadline_at": standing.deadline_at,
        "commitment_id": approval.commitment_id,
    }


def _recorded(approval: Approval) -> dict[str, Any]:
    return {
        "request_id": approval.request_id,
        "name": approval.gate.name,
        "state": approval.state.value,
        "persons_min": approval.wanted.persons_min,
        "deadline_at": approval.deadline_at,
        "commitment_id": approval.commitment_id,
    }
