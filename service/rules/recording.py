"""Writes down what happens to a policy: the step itself, the event that tells it, the audit record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import PolicyId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.rules import lifecycle, store
from service.rules.lifecycle import STAGE_OF, Basis, Step, Taken
from service.rules.models import PolicyRow

SUBJECT_KIND = "policy"
"""Of events and wake-ups."""

EVENTS = {step: f"policy.{step.value}" for step in Step} | {Step.WRITTEN: "policy.drafted"}
ENGINE_REFUSED = "policy.engine_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A step as it is to be recorded.

    Attributes:
        told: what the event and the audit record say besides.
        action: what the audit trail calls it, if not as the step is called.
    """

    version: int
    step: Step
    note: str | None = None
    effective_at: datetime | None = None
    basis: Basis | None = None
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    action: str | None = None


async def take(session: TenantSession, actor: Actor, row: PolicyRow, entry: Entry, *, now: datetime) -> None:
    """Record a step of a version of a policy that the caller holds locked.

    Raises:
        StepOutOfTurn
    """
    taken = (await store.steps(session, PolicyId(row.id), [entry.version]))[entry.version]
    before = lifecycle.stage_of(taken) if taken else None
    if before is not None:
        lifecycle.refuse_out_of_turn(entry.version, before, entry.step)
    row.revision += 1
    await store.add_step(session, PolicyId(row.id), _taken(entry, actor, row.revision, now))
    said = {
        "version": entry.version,
        "stage": STAGE_OF[entry.step].value,
        **_given(note=entry.note, effective_at=entry.effective_at, basis=entry.basis),
        **entry.told,
    }
    await _tell(session, row, EVENTS[entry.step], {"by": actor.name, **said}, now=now)
    deed = Deed(
        entry.action or f"policy.{entry.step.value}",
        f"policy:{row.id}",
        before=_given(stage=before),
        after=said,
    )
    await audit.record(session, actor, deed, now=now)


async def tell_refusal(
    session: TenantSession, row: PolicyRow, version: int, reason: str, *, now: datetime
) -> None:
    """Tell that the engine does not take a version."""
    row.revision += 1
    await _tell(session, row, ENGINE_REFUSED, {"version": version, "reason": reason}, now=now)


async def _tell(
    session: TenantSession, row: PolicyRow, event_type: str, said: Mapping[str, Any], *, now: datetime
) -> None:
    event = EventDraft(
        type=event_type,
        subject_kind=SUBJECT_KIND,
        subject_id=row.id,
        sequence=row.revision,
        occurred_at=now,
        payload={"policy_id": row.id, "name": row.name, "kind": row.kind, **said},
    )
    await outbox.append(session, [event])


def _taken(entry: Entry, actor: Actor, number: int, now: datetime) -> Taken:
    return Taken(
        version=entry.version,
        number=number,
        step=entry.step,
        at=now,
        by=actor.name,
        note=entry.note,
        effective_at=entry.effective_at,
        basis=entry.basis,
    )


def _given(**values: object) -> dict[str, Any]:
    """Those that are there."""
    return {name: value for name, value in values.items() if value is not None}
