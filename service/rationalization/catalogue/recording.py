"""Writes down what happens to a type: the step itself, the event that tells it, the audit record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import RequestTypeId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.rationalization.catalogue import lifecycle, store
from service.rationalization.catalogue.models import RequestTypeRow
from service.rules.documents import fingerprint
from service.rules.lifecycle import STAGE_OF, Basis, Stage, Step, Taken

SUBJECT_KIND = "request_type"
"""Of events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A step as it is to be recorded.

    Attributes:
        document: of a version that was written, of which the audit trail keeps the fingerprint.
        evidence: what a version that was written stands on.
    """

    version: int
    step: Step
    note: str | None = None
    basis: Basis | None = None
    document: Mapping[str, Any] | None = None
    evidence: dict[str, Any] | None = None


async def take(
    session: TenantSession, actor: Actor, row: RequestTypeRow, entry: Entry, *, now: datetime
) -> None:
    """Record a step of a version of a type that the caller holds locked.

    Raises:
        RequestTypeStepOutOfTurn
    """
    type_id = RequestTypeId(row.id)
    before = stage_before(await store.steps(session, type_id, [entry.version]), entry)
    row.revision += 1
    taken = Taken(
        version=entry.version,
        number=row.revision,
        step=entry.step,
        at=now,
        by=actor.name,
        note=entry.note,
        basis=entry.basis,
    )
    await store.add_step(session, row.id, taken, evidence=entry.evidence)
    said = _said(entry)
    if entry.step in lifecycle.TOLD:
        await outbox.append(session, [_event(row, actor, entry, said, now=now)])
    await audit.record(session, actor, _deed(row, before, entry, said), now=now)


def stage_before(steps: Mapping[int, list[Any]], entry: Entry) -> Stage | None:
    """The stage that a version takes a step in; None of one that is new. Raises RequestTypeStepOutOfTurn."""
    taken = [step.to_domain() for step in steps[entry.version]]
    if not taken:
        return None
    stage = lifecycle.stage_of(taken)
    lifecycle.refuse_out_of_turn(entry.version, stage, entry.step)
    return stage


def _said(entry: Entry) -> dict[str, Any]:
    """What the event and the audit trail both say of a step."""
    return {
        "version": entry.version,
        "stage": STAGE_OF[entry.step].value,
        **({} if entry.note is None else {"note": entry.note}),
        **({} if entry.basis is None else {"basis": entry.basis.value}),
    }


def _event(
    row: RequestTypeRow, actor: Actor, entry: Entry, said: Mapping[str, Any], *, now: datetime
) -> EventDraft:
    """An event of a type that has counted it already, in its revision."""
    return EventDraft(
        type=lifecycle.ACTIONS[entry.step],
        subject_kind=SUBJECT_KIND,
        subject_id=row.id,
        sequence=row.revision,
        occurred_at=now,
        payload={
            "request_type_id": row.id,
            "name": row.name,
            "family": row.family,
            "by": actor.name,
            **said,
        },
    )


def _deed(row: RequestTypeRow, before: Stage | None, entry: Entry, said: Mapping[str, Any]) -> Deed:
    """What the audit trail says of a step; of a document it keeps the digest."""
    after = dict(said)
    if entry.document is not None:
        after |= {"name": row.name, "family": row.family, "document_sha256": fingerprint(entry.document)}
    if entry.evidence is not None:
        after["evidence"] = msgspec.to_builtins(entry.evidence)
    return Deed(
        lifecycle.ACTIONS[entry.step],
        f"{SUBJECT_KIND}:{row.id}",
        before={} if before is None else {"stage": before.value},
        after=after,
    )
