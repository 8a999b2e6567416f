"""How a repinning ends: what is recorded of it, and told."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.requests.repinning import store
from service.requests.repinning.domain import Phase
from service.requests.repinning.models import Repinning

SUBJECT_KIND = "repinning"
ACTIONS = {
    Phase.DONE: "repinned",
    Phase.CANCELLED: "repinning_cancelled",
    Phase.FAILED: "repinning_failed",
}


async def end(
    session: TenantSession,
    repinning: Repinning,
    phase: Phase,
    *,
    actor: Actor,
    reason: str | None = None,
    now: datetime,
) -> Repinning:
    """End it, which the caller saves: recorded with its totals, and told unless it was a preview."""
    ended = replace(repinning, phase=phase, reason=reason, ended_at=now)
    if ended.preview_id is not None and phase is Phase.DONE:
        ended = replace(ended, deviation=await store.deviation(session, ended.id, ended.preview_id))
    if ended.is_preview and phase is Phase.DONE:
        return ended
    subject = ended.subject
    deed = Deed(f"{subject.kind}.{ACTIONS[phase]}", subject.label, after=totals(ended))
    await audit.record(session, actor, deed, now=now)
    if not ended.is_preview:
        await outbox.append(session, [_event(ended, now)])
    return ended


def totals(repinning: Repinning) -> dict[str, Any]:
    """What it came to."""
    return {
        "repinning_id": repinning.id,
        "version": repinning.subject.version,
        "state": repinning.phase.value,
        "failure": repinning.reason,
        "total": repinning.total,
        "done": repinning.done,
        "repinned": repinning.repinned,
        "changed": repinning.changed,
        "failed": repinning.failed,
        "promises": asdict(repinning.promises),
    }


def _event(repinning: Repinning, now: datetime) -> EventDraft:
    subject = repinning.subject
    return EventDraft(
        type=f"{subject.kind}.repinned",
        subject_kind=SUBJECT_KIND,
        subject_id=repinning.id,
        sequence=repinning.runs,
        occurred_at=now,
        payload={
            "policy_id": subject.policy_id,
            "calendar_id": subject.calendar_id,
            **totals(repinning),
        },
    )
