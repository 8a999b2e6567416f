"""The events that are told of a promise. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from service.commitments.domain import Cancelled, Happening, HappeningKind, LedgerEntry, Level
from service.commitments.models import Commitment
from service.commitments.risks import Risk
from service.outbox.models import EventDraft

SUBJECT_KIND = "commitment"

LATE_AFTER = timedelta(minutes=1)
"""What is told later than this after it came about is marked late."""


def because_of(happening: Happening, entries: Iterable[LedgerEntry]) -> str:
    """What somebody said of a correction, or of a cancellation."""
    if happening.recorded is not None:
        return happening.recorded.because
    if happening.kind is not HappeningKind.CANCELLED:
        return ""
    return next((entry.because for entry in entries if isinstance(entry, Cancelled)), "")


def event(
    commitment: Commitment,
    happening: Happening,
    *,
    sequence: int,
    now: datetime,
    risk: Risk,
    because: str,
) -> EventDraft:
    kind = "made" if happening.kind is HappeningKind.STARTED else happening.kind.value
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=commitment.id,
        sequence=sequence,
        occurred_at=happening.at,
        payload={
            "commitment_id": commitment.id,
            "request_id": commitment.request_id,
            "metric": commitment.metric,
            "cycle": happening.cycle,
            "clock": commitment.clock.value,
            "outcome": commitment.outcome.value,
            "due_at": happening.due_at,
            "was_due_at": happening.was_due_at,
            "fulfilled_at": happening.fulfilled_at,
            "lateness_seconds": happening.lateness.total_seconds(),
            "born_broken": happening.born_broken,
            "silent": happening.silent,
            "reason": because,
            "late": now - happening.at > LATE_AFTER,
            **(_forecast(risk) if happening.kind is HappeningKind.AT_RISK else {}),
        },
        client_id=commitment.client_id,
        internal=commitment.level is not Level.SLA,
    )


def _forecast(risk: Risk) -> dict[str, Any]:
    """What was forecast, for the event that tells of it; others may be told to clients."""
    curve_id = None if risk.curves is None else risk.curves.id
    return {"miss_chance": risk.chance, "curve_id": curve_id}
