"""What people put on record for a gate: whether it can be taken, how it is kept, and whom it makes consent.

Whoever calls holds the request's row locked, and has ladders follow the promises that come back.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments.models import Commitment
from service.db import TenantSession
from service.errors import Fault
from service.ids import GateId
from service.outbox import service as outbox
from service.people import directory
from service.rationalization.approvals import service as approvals
from service.rationalization.gates import documents, records, store, telling
from service.rationalization.gates.documents import Document, RiskAnswers, Withdrawal
from service.rationalization.gates.domain import BY_RECORD, Kind, windows
from service.rationalization.gates.errors import (
    GateClosed,
    GateRecordInvalid,
    GateRecordMissing,
    GateRecordsTooMany,
    RiskOfOwnConsent,
)
from service.rationalization.gates.models import Gate, GateRecord
from service.rationalization.involvement import service as involvement
from service.rationalization.matters import Matter
from service.rationalization.risks import service as risks
from service.rationalization.risks.errors import QuestionnaireMissing
from service.rationalization.verdicts import RiskAssessment

RECORDS_MAX = 200
"""Of one gate, by people."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was put on record, and the promises that ladders are to follow now."""

    record: GateRecord
    commitments: tuple[Commitment, ...] = ()


async def record(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    gate_id: GateId,
    document: Document,
    *,
    now: datetime,
) -> Recorded:
    """Put something on record for a gate. The last record counts; all of them stay.

    Raises:
        GateNotFound, GateClosed, GateRecordInvalid, GateRecordsTooMany, GateRecordMissing,
        QuestionnaireMissing, AnswersInvalid, RiskOfOwnConsent
    """
    row = await store.get(session, gate_id, lock=True)
    gate = row.to_domain()
    await _refuse(session, gate, document, matter, now=now)
    await _refuse_who_consented(session, actor, gate, document, now=now)
    kept = await _document(session, gate, document)
    counted = replace(gate, version=gate.version + 1, sequence=gate.sequence + 1)
    made = GateRecord(
        id=ids.new_id(),
        gate_id=gate.id,
        number=counted.version,
        recorded_at=now,
        recorded_by=actor.name,
        kind=documents.kind_of(document),
        document=kept,
    )
    commitments = await _wanting_two(session, counted, made, now=now)
    await store.save(session, row, replace(counted, two_persons=gate.two_persons or commitments is not None))
    await store.add_record(session, made)
    await _note_who_assessed(session, actor, matter, gate, document, now=now)
    await outbox.append(session, [telling.recorded(counted, made, matter)])
    await audit.record(session, actor, telling.deed(counted, made), now=now)
    return Recorded(made, tuple(commitments or ()))


async def _refuse(
    session: TenantSession, gate: Gate, document: Document, matter: Matter, *, now: datetime
) -> None:
    """Refuse what cannot be recorded, and say why."""
    if gate.closed_at is not None:
        raise GateClosed(gate.id)
    if await store.count_records(session, gate.id) >= RECORDS_MAX:
        raise GateRecordsTooMany(gate.id, RECORDS_MAX)
    faults = _faults_of_kind(gate, document) or documents.faults_of(
        document, windows.planned(matter.facts), now
    )
    if not faults and (named := documents.groups_of(document)):
        faults = _faults_of_groups(named, await directory.team_names(session))
    if faults:
        raise GateRecordInvalid(faults)


async def _refuse_who_consented(
    session: TenantSession, actor: Actor, gate: Gate, document: Document, *, now: datetime
) -> None:
    """Nobody lessens a risk that they have already agreed to run. Raises RiskOfOwnConsent."""
    if not isinstance(document, RiskAnswers) or actor.member_id is None:
        return
    if actor.member_id in await approvals.consenting(session, await _approvals(session, gate), now=now):
        raise RiskOfOwnConsent


async def _note_who_assessed(
    session: TenantSession, actor: Actor, matter: Matter, gate: Gate, document: Document, *, now: datetime
) -> None:
    """Whoever assesses the risk does not approve what is judged by it; a withdrawal leaves nobody's word."""
    if gate.kind is Kind.RISK_ASSESSMENT:
        who = actor.member_id if isinstance(document, RiskAnswers) else None
        await involvement.assessed(session, matter, gate.id, who, now=now)


async def _approvals(session: TenantSession, gate: Gate) -> list[GateId]:
    """The approvals that the same arrangement waits for."""
    rows = await store.of_arrangement(session, gate.request_id, gate.arrangement_id)
    return [GateId(row.id) for row in rows if row.closed_at is None and row.kind == Kind.APPROVAL.value]


def _faults_of_kind(gate: Gate, document: Document) -> list[Fault]:
    if gate.kind is Kind.APPROVAL:
        return [Fault("", f"It asks for people's consent: answer it at /v1/approvals/{gate.id}.")]
    if gate.kind not in BY_RECORD:
        return [
            Fault("", f"A gate of kind {gate.kind} is judged by what is planned; nothing is recorded for it.")
        ]
    if isinstance(document, Withdrawal) or documents.kind_of(document) == gate.kind:
        return []
    return [Fault("/kind", f"This gate asks for {gate.kind}, and is given {documents.kind_of(document)}.")]


def _faults_of_groups(named: dict[str, str], known: Collection[str]) -> list[Fault]:
    return [
        Fault(pointer, f"There is no group {name!r}; create it, or name who is told in `others`.")
        for pointer, name in named.items()
        if name not in known
    ]


async def _document(session: TenantSession, gate: Gate, document: Document) -> dict[str, Any]:
    """A document as it is kept."""
    match document:
        case RiskAnswers(answers=answers):
            version = await risks.named(session, gate.name)
            if version is None:
                raise QuestionnaireMissing(gate.name)
            return records.of_assessment(version, answers, risks.assess(version, answers))
        case Withdrawal():
            latest = (await store.latest_records(session, [gate.id])).get(gate.id)
            if latest is None or records.is_withdrawal(latest.to_domain()):
                raise GateRecordMissing(gate.id)
            return {**records.of_document(document), "number": latest.number}
        case _:
            return records.of_document(document)


async def _wanting_two(
    session: TenantSession, gate: Gate, made: GateRecord, *, now: datetime
) -> list[Commitment] | None:
    """Have every approval of the arrangement need two persons, if the risk asks for it; None if it does not.

    They go on to need two, whatever is assessed later: whoever lessens the answers does not lessen the guard.
    """
    if not isinstance(gate.asks, RiskAssessment) or records.is_withdrawal(made):
        return None
    if not records.scored(made).calls_for_two(gate.asks.two_persons_from):
        return None
    return await approvals.need_two(session, await _approvals(session, gate), now=now)
