"""Use cases of gates: lay them, see where they stand, let them go. What satisfies them is in `recording`.

What follows above this slice is the caller's: it holds the request's row locked, so that what is found and
recorded comes one after another, and has ladders follow the promises that come back.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import ArrangementId, GateId, RequestId, ServiceId
from service.outbox import service as outbox
from service.rationalization import verdicts
from service.rationalization.approvals import service as approvals
from service.rationalization.gates import judging, store, telling
from service.rationalization.gates.domain import BY_RECORD, Finding, GateStanding, Kind, State
from service.rationalization.gates.errors import (
    GateNotFound,
)
from service.rationalization.gates.judging import FindChanges
from service.rationalization.gates.models import Gate, GateRecord, GateRow
from service.rationalization.gates.store import Sought
from service.rationalization.involvement import service as involvement
from service.rationalization.matters import Matter

NOT_JUDGED = "It is yet to be looked at."

__all__ = [
    "FindChanges",
    "Sought",
    "close",
    "conflict_gates",
    "edited",
    "get",
    "hold_changes",
    "list_gates",
    "list_records",
    "open_all",
    "standings",
]


async def open_all(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    requires: Sequence[verdicts.Gate],
    *,
    now: datetime,
) -> list[Commitment]:
    """Lay the gates of a verdict. Nothing is judged yet, so that a client's own transaction can do it."""
    gates = [_laid(matter, arrangement_id, asks, position, now=now) for position, asks in enumerate(requires)]
    await store.add(session, gates)
    made: list[Commitment] = []
    for gate in gates:
        if isinstance(gate.asks, verdicts.ApprovalGate):
            made += await approvals.ask(session, matter, gate.id, gate.asks, now=now)
    return made


async def standings(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    *,
    changes: FindChanges,
    now: datetime,
) -> list[GateStanding]:
    """Judge the gates of an arrangement, and tell of those that came to stand otherwise.

    In a client's own transaction nothing is judged, nor where they are closed: they stand as they were judged
    last.
    """
    rows = await store.of_arrangement(session, matter.request_id, arrangement_id)
    gates = [row.to_domain() for row in rows]
    if session.client_id is not None or all(gate.closed_at is not None for gate in gates):
        return [gate.standing for gate in gates]
    found = await judging.judged(session, matter, gates, changes=changes, now=now)
    return [
        await _judged(session, matter, row, finding, now=now)
        for row, finding in zip(rows, found, strict=True)
    ]


async def edited(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> list[Commitment]:
    """What was asked for was edited: approvals are asked for anew, and records are marked as older.

    When work may be done is judged anew by whoever asks next where the gates stand.
    """
    rows = await _open(session, matter.request_id, arrangement_id)
    for row in rows:
        gate = row.to_domain()
        await store.save(session, row, replace(gate, edited_at=now, version=gate.version + 1))
    return await approvals.ask_anew(session, matter, _approvals_among(rows), now=now)


async def close(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> list[Commitment]:
    """Nothing is wanted any more."""
    rows = await _open(session, matter.request_id, arrangement_id)
    for row in rows:
        gate = row.to_domain()
        await store.save(session, row, replace(gate, closed_at=now, version=gate.version + 1))
    await involvement.forget(session, matter, _assessments_among(rows))
    return await approvals.withdraw(session, _approvals_among(rows), now=now)


async def get(session: TenantSession, gate_id: GateId) -> Gate:
    """One gate, as it was judged last. Raises GateNotFound; clients are shown none."""
    if session.client_id is not None:
        raise GateNotFound(gate_id)
    return (await store.get(session, gate_id)).to_domain()


async def list_gates(session: TenantSession, sought: Sought, *, after: UUID | None, limit: int) -> list[Gate]:
    """Gates in the order of their laying; clients are shown none."""
    if session.client_id is not None:
        return []
    return [row.to_domain() for row in await store.listed(session, sought, after=after, limit=limit)]


async def list_records(
    session: TenantSession, gate_id: GateId, *, after: int | None, limit: int
) -> list[GateRecord]:
    """What was recorded for a gate and found of it, oldest first, after one of that number.

    Raises:
        GateNotFound
    """
    await get(session, gate_id)
    return [row.to_domain() for row in await store.records(session, gate_id, after=after, limit=limit)]


async def hold_changes(session: TenantSession, service_id: ServiceId) -> None:
    """Let nobody else judge, or let go, what changes of this service wait for, till the transaction ends."""
    await store.lock_changes(session, service_id)


async def conflict_gates(session: TenantSession, request_ids: Collection[RequestId]) -> list[Gate]:
    """The gates of these requests by which they are compared with other changes, in order."""
    found = await store.conflict_gates(session, request_ids) if request_ids else []
    return [row.to_domain() for row in found]


async def _open(
    session: TenantSession, request_id: RequestId, arrangement_id: ArrangementId
) -> list[GateRow]:
    rows = await store.of_arrangement(session, request_id, arrangement_id)
    return [row for row in rows if row.closed_at is None]


def _approvals_among(rows: Sequence[GateRow]) -> list[GateId]:
    return [GateId(row.id) for row in rows if row.kind == Kind.APPROVAL.value]


def _assessments_among(rows: Sequence[GateRow]) -> list[GateId]:
    return [GateId(row.id) for row in rows if row.kind == Kind.RISK_ASSESSMENT.value]


def _laid(
    matter: Matter, arrangement_id: ArrangementId, asks: verdicts.Gate, position: int, *, now: datetime
) -> Gate:
    kind = Kind(str(type(asks).__struct_config__.tag))
    return Gate(
        id=GateId(ids.new_id()),
        arrangement_id=arrangement_id,
        request_id=matter.request_id,
        client_id=matter.client_id,
        kind=kind,
        name=_name(asks, kind),
        position=position,
        asks=asks,
        state=State.OPEN,
        missing=(NOT_JUDGED,),
        since=now,
        detail={},
        two_persons=False,
        edited_at=None,
        closed_at=None,
        created_at=now,
        version=1,
        sequence=0,
    )


def _name(asks: verdicts.Gate, kind: Kind) -> str:
    match asks:
        case verdicts.ApprovalGate(name=name) | verdicts.RiskAssessment(questionnaire=name):
            return name
        case verdicts.FreezeWindow(calendar=name) | verdicts.MaintenanceWindow(calendar=name):
            return name
        case _:
            return kind.value


async def _judged(
    session: TenantSession, matter: Matter, row: GateRow, finding: Finding, *, now: datetime
) -> GateStanding:
    """Keep what was found of a gate, if it is anything new."""
    before = row.to_domain()
    found = (finding.state, finding.missing, dict(finding.detail))
    if found == (before.state, before.missing, before.detail):
        return before.standing
    is_otherwise = finding.state is not before.state
    is_told = is_otherwise and before.kind is not Kind.APPROVAL  # which tells of itself, under the same id
    after = replace(
        before,
        state=finding.state,
        missing=finding.missing,
        detail=finding.detail,
        since=now if is_otherwise else before.since,
        version=before.version + 1,
        sequence=before.sequence + is_told,
    )
    await store.save(session, row, after)
    if after.kind not in _BY_OTHERS and _essence(after) != _essence(before):
        await store.add_record(session, _found(after, now))
    if is_told:
        await outbox.append(session, [telling.settled(after, matter, now)])
    return replace(after.standing, has_turned=is_otherwise)


_BY_OTHERS = BY_RECORD | {Kind.APPROVAL}
"""Those of which there are records, or answers, by people."""


def _essence(gate: Gate) -> tuple[State, dict[str, Any]]:
    """What is worth a record; what would fit next changes as time goes by."""
    return gate.state, {name: said for name, said in gate.detail.items() if name != "next_fit"}


def _found(gate: Gate, now: datetime) -> GateRecord:
    """What the service found by itself."""
    return GateRecord(
        id=ids.new_id(),
        gate_id=gate.id,
        number=gate.version,
        recorded_at=now,
        recorded_by=None,
        kind=gate.kind.value,
        document={"state": gate.state.value, "missing": list(gate.missing), **gate.detail},
    )
