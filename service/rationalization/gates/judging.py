"""Load what gates are judged by, and judge them. Nothing is written."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from service.calendars import service as calendars
from service.calendars.domain import WorkingTime
from service.db import TenantSession
from service.ids import GateId, RequestId, ServiceId
from service.rationalization import verdicts
from service.rationalization.approvals import service as approvals
from service.rationalization.gates import records, store
from service.rationalization.gates.domain import BY_RECORD, Finding, Kind, consents, judging, windows
from service.rationalization.gates.domain.conflicts import OtherChange, bounds
from service.rationalization.gates.domain.judging import Plan
from service.rationalization.gates.domain.windows import Bounds, Planned, Span, Unclear
from service.rationalization.gates.models import Gate, GateRecord
from service.rationalization.matters import Matter
from service.rationalization.risks import service as risks
from service.tenants import maintenance, spells

FindChanges: TypeAlias = Callable[[TenantSession, ServiceId, RequestId], Awaitable[Sequence[OtherChange]]]
"""Other open changes of a service but for one: `requests.neighbours.changes`, which stands above."""

LOOK_AROUND = timedelta(days=366)
"""How far around the work a window is followed, so that all of it is named."""

LOOK_AHEAD = timedelta(days=366)
"""How far from now, or from the planned start, a window is looked for that would fit."""

WINDOWS = (Kind.FREEZE_WINDOW, Kind.MAINTENANCE_WINDOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the gates of one arrangement are judged by.

    Attributes:
        open_times: of the calendars that are there, by name.
        others: open changes of the same service.
        spells: when that is in maintenance.
        latest: what somebody recorded last, by gate.
        questionnaires: the names of those that are there.
        consents: where the approvals stand.
    """

    when: Planned | Unclear
    now: datetime
    has_service: bool
    open_times: Mapping[str, WorkingTime] = field(default_factory=dict[str, WorkingTime])
    others: Sequence[OtherChange] = ()
    spells: Sequence[Span] = ()
    latest: Mapping[GateId, GateRecord] = field(default_factory=dict[GateId, GateRecord])
    questionnaires: frozenset[str] = frozenset()
    consents: Mapping[GateId, approvals.Standing] = field(default_factory=dict[GateId, approvals.Standing])


async def judged(
    session: TenantSession,
    matter: Matter,
    gates: Sequence[Gate],
    *,
    changes: FindChanges,
    now: datetime,
) -> list[Finding]:
    """What is found of each gate, in their order.

    Whoever looks for conflicts on a service holds a lock of it until its transaction ends, so that of two
    changes that are looked at at once one sees the other.
    """
    ground = await _ground(session, matter, gates, changes=changes, now=now)
    plan = _plan(gates, ground)
    return [_found(gate, ground, plan) for gate in gates]


async def _ground(
    session: TenantSession,
    matter: Matter,
    gates: Sequence[Gate],
    *,
    changes: FindChanges,
    now: datetime,
) -> Ground:
    when = windows.with_end(windows.planned(matter.facts))
    latest = await store.latest_records(session, [gate.id for gate in gates if gate.kind in BY_RECORD])
    kept = {gate_id: row.to_domain() for gate_id, row in latest.items()}
    others, overlaps = await _neighbours(session, matter, gates, when, changes=changes)
    return Ground(
        when=when,
        now=now,
        has_service=matter.service_id is not None,
        open_times=await _open_times(session, gates),
        others=others,
        spells=overlaps,
        latest={gate_id: record for gate_id, record in kept.items() if not records.is_withdrawal(record)},
        questionnaires=await _questionnaires(session, gates),
        consents=await _consents(session, gates, now=now),
    )


async def _open_times(session: TenantSession, gates: Sequence[Gate]) -> dict[str, WorkingTime]:
    names = {gate.name for gate in gates if gate.kind in WINDOWS}
    versions = await calendars.current_versions(session, (), also=names)
    return {name: await calendars.working_time(session, version) for name, version in versions.items()}


async def _neighbours(
    session: TenantSession,
    matter: Matter,
    gates: Sequence[Gate],
    when: Planned | Unclear,
    *,
    changes: FindChanges,
) -> tuple[Sequence[OtherChange], Sequence[Span]]:
    """Other open changes of the service, and when that is in maintenance."""
    is_asked = any(gate.kind is Kind.CHANGE_CONFLICT for gate in gates)
    if not is_asked or matter.service_id is None or isinstance(when, Unclear):
        return (), ()
    await store.lock_changes(session, matter.service_id)
    others = await changes(session, matter.service_id, matter.request_id)
    planned = await maintenance.windows(session, [matter.service_id], since=when.start)
    return others, [(spell.start, spell.end) for spell in spells.spells(planned)]


async def _questionnaires(session: TenantSession, gates: Sequence[Gate]) -> frozenset[str]:
    names = {gate.name for gate in gates if gate.kind is Kind.RISK_ASSESSMENT}
    return await risks.known(session, names)


async def _consents(
    session: TenantSession, gates: Sequence[Gate], *, now: datetime
) -> Mapping[GateId, approvals.Standing]:
    gate_ids = [gate.id for gate in gates if gate.kind is Kind.APPROVAL]
    return await approvals.standings(session, gate_ids, now=now) if gate_ids else {}


def _plan(gates: Sequence[Gate], ground: Ground) -> Plan:
    """When the work is planned, and when it would fit by all gates that say something of it."""
    if isinstance(ground.when, Unclear):
        return Plan(when=ground.when)
    earliest, length = max(ground.when.start, ground.now), ground.when.length
    until = earliest + LOOK_AHEAD + length
    found = [
        each for each in (_bounds(gate, ground, (earliest, until)) for gate in gates) if each is not None
    ]
    fits = windows.next_fit(found, earliest, length, until=until)
    return Plan(when=ground.when, fits=fits)


def _bounds(gate: Gate, ground: Ground, ahead: Span) -> Bounds | None:
    match gate.asks:
        case verdicts.ChangeConflict() as asks:
            return bounds(_others(asks, ground), timedelta(seconds=asks.margin_seconds))
        case verdicts.FreezeWindow(calendar=name) | verdicts.MaintenanceWindow(calendar=name):
            if name not in ground.open_times:
                return None
            inside = gate.kind is Kind.MAINTENANCE_WINDOW
            return Bounds(tuple(ground.open_times[name].intervals(*ahead)), inside=inside)
        case _:
            return None


def _found(gate: Gate, ground: Ground, plan: Plan) -> Finding:
    match gate.asks:
        case verdicts.ApprovalGate(roles=roles, groups=groups):
            return consents.of_approval(ground.consents[gate.id], [*roles, *groups])
        case verdicts.RiskAssessment(questionnaire=name):
            return _of_risk(gate, ground, exists=name in ground.questionnaires)
        case verdicts.FreezeWindow() | verdicts.MaintenanceWindow():
            return _of_window(gate, ground, plan)
        case verdicts.ChangeConflict() as asks:
            return _of_conflicts(asks, ground, plan)
        case verdicts.Readiness():
            return judging.READINESS
        case verdicts.RollbackPlan() | verdicts.TestEvidence() | verdicts.CommunicationPlan():
            return _of_record(gate, ground)


def _of_conflicts(asks: verdicts.ChangeConflict, ground: Ground, plan: Plan) -> Finding:
    if not ground.has_service:
        return judging.NO_SERVICE
    margin = timedelta(seconds=asks.margin_seconds)
    return judging.of_conflicts(_others(asks, ground), margin, plan, maintenance=ground.spells)


def _others(asks: verdicts.ChangeConflict, ground: Ground) -> list[OtherChange]:
    """The other changes, each with an end."""
    return [other.lasting(timedelta(seconds=asks.assumed_seconds)) for other in ground.others]


def _of_record(gate: Gate, ground: Ground) -> Finding:
    record = ground.latest.get(gate.id)
    if record is not None and records.is_failed_test(record):
        return judging.of_failed_test(record.recorded_at, edited_at=gate.edited_at)
    recorded_at = None if record is None else record.recorded_at
    return judging.of_record(gate.kind, recorded_at, edited_at=gate.edited_at)


def _of_risk(gate: Gate, ground: Ground, *, exists: bool) -> Finding:
    record = ground.latest.get(gate.id)
    if record is None:
        return judging.of_no_assessment(gate.name, exists=exists)
    score_max = gate.asks.score_max if isinstance(gate.asks, verdicts.RiskAssessment) else None
    return judging.of_assessment(
        records.scored(record), score_max, recorded_at=record.recorded_at, edited_at=gate.edited_at
    )


def _of_window(gate: Gate, ground: Ground, plan: Plan) -> Finding:
    open_time = ground.open_times.get(gate.name)
    if open_time is None:
        return judging.of_calendar_missing(gate.name)
    spans: list[Span] = []
    if isinstance(plan.when, Planned):
        start, end = plan.when.span
        spans = open_time.intervals(start - LOOK_AROUND, end + LOOK_AROUND)
    if gate.kind is Kind.FREEZE_WINDOW:
        return judging.of_freeze(spans, plan)
    return judging.of_maintenance(spans, plan)
