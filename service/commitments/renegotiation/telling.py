"""The events and the records of the audit trail that a renegotiation is told by. Pure."""

from datetime import datetime
from typing import Any

from service.audit.domain import Deed
from service.commitments.renegotiation.models import Renegotiation, remedies_document
from service.outbox.models import EventDraft

SUBJECT_KIND = "renegotiation"


def event(kind: str, renegotiation: Renegotiation, at: datetime) -> EventDraft:
    """An event of a renegotiation that has counted it already. It never shows the link.

    Args:
        kind: "proposed", "answered", "settled" or "withdrawn".
        renegotiation: as it stands after what is told.
        at: when that came about.
    """
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=renegotiation.id,
        sequence=renegotiation.sequence,
        occurred_at=at,
        payload=_payload(renegotiation),
        client_id=renegotiation.client_id,
    )


def deed(action: str, after: Renegotiation, *, before: Renegotiation | None = None) -> Deed:
    """What the audit trail says of it."""
    fields = {} if before is None else _recorded(before)
    return Deed(f"{SUBJECT_KIND}.{action}", label(after), before=fields, after=_recorded(after))


def label(renegotiation: Renegotiation) -> str:
    return f"{SUBJECT_KIND}:{renegotiation.id}"


def _payload(renegotiation: Renegotiation) -> dict[str, Any]:
    proposed, standing, answer = renegotiation.proposed, renegotiation.standing, renegotiation.answer
    distance, working = proposed.distance, renegotiation.working_distance
    return {
        "renegotiation_id": renegotiation.id,
        "commitment_id": renegotiation.commitment_id,
        "request_id": renegotiation.request_id,
        "metric": renegotiation.metric,
        "cycle": renegotiation.cycle,
        "state": standing.state.value,
        "by_silence": standing.by_silence,
        "reason": proposed.reason,
        "tried": proposed.tried,
        "remedies": remedies_document(proposed.remedies),
        "original_due_at": proposed.original_due_at,
        "proposed_due_at": proposed.due_at,
        "due_at": standing.due_at,
        "in_advance": proposed.in_advance,
        "distance_seconds": None if distance is None else distance.total_seconds(),
        "working_distance_seconds": None if working is None else working.total_seconds(),
        "answer_by": proposed.answer_by,
        "silence": proposed.silence.value,
        "reply": None if answer is None else answer.reply.value,
        "channel": None if answer is None else answer.channel.value,
        "comment": None if answer is None else answer.comment,
        "revised_id": renegotiation.revised_id,
    }


def _recorded(renegotiation: Renegotiation) -> dict[str, Any]:
    proposed, standing, answer = renegotiation.proposed, renegotiation.standing, renegotiation.answer
    return {
        "commitment_id": renegotiation.commitment_id,
        "state": standing.state.value,
        "due_at": standing.due_at,
        "reason": proposed.reason,
        "answer_by": proposed.answer_by,
        "in_advance": proposed.in_advance,
        "has_link": renegotiation.link_sha256 is not None,
        "reply": None if answer is None else answer.reply.value,
        "channel": None if answer is None else answer.channel.value,
        "revised_id": renegotiation.revised_id,
    }
