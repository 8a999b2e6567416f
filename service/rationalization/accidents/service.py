"""Use cases of the register of accidents: record one, say more of it, read it.

Nobody has to be named: what is asked for is what happened, what it came of, and what is done about it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed, difference
from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.ids import AccidentId, CommitmentId, RequestId, SubjectId
from service.limits import service as limits
from service.limits.domain.table import ACCIDENTS
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.people import service as people
from service.rationalization.accidents import domain, models, store
from service.rationalization.accidents.domain import Accident, Report
from service.rationalization.accidents.errors import AccidentInvalid
from service.rationalization.accidents.models import AccidentEntryRow
from service.rationalization.accidents.store import Behind, Sought
from service.rationalization.improvements.domain import Evidence, Finding, Source

SUBJECT_KIND = "accident"

__all__ = [
    "SUBJECT_KIND",
    "Behind",
    "Report",
    "Sought",
    "change",
    "count",
    "entries",
    "finding",
    "get",
    "list_accidents",
    "record",
]


async def record(
    session: TenantSession, actor: Actor, report: Report, known: Collection[RequestId], *, now: datetime
) -> Accident:
    """Record an accident.

    Args:
        session: of the tenant.
        actor: who records it, which need not be who had it.
        report: what is said of it.
        known: those of the requests that it names which there are.
        now: the tenant's now.

    Raises:
        AccidentInvalid, AccidentsTooMany
    """
    broken = await _vetted(session, report, known, now=now)
    await limits.make_room(session, ACCIDENTS, lambda: store.not_withdrawn(session))
    accident = Accident(
        id=AccidentId(ids.new_id()),
        report=report,
        recorded_by=actor.name,
        recorded_at=now,
        version=1,
        sequence=0,
    )
    await store.add(session, models.columns(accident))
    await store.put_links(session, accident.id, _links(report, broken))
    await _write_down(session, actor, None, accident, now=now)
    return await _tell(session, accident, "accident.recorded", now=now)


async def change(
    session: TenantSession,
    actor: Actor,
    accident_id: AccidentId,
    report: Report,
    known: Collection[RequestId],
    *,
    now: datetime,
) -> Accident:
    """Say of an accident what is known of it by now; what was said before stays in its history.

    Raises:
        AccidentNotFound, AccidentInvalid
    """
    row = await store.get(session, accident_id, lock=True)
    before = row.to_domain((await store.links(session, [accident_id])).get(accident_id, ()))
    broken = await _vetted(session, report, known, now=now)
    after = replace(before, report=report, version=before.version + 1)
    await store.change(session, accident_id, models.changing_columns(after))
    await store.put_links(session, accident_id, _links(report, broken))
    await _write_down(session, actor, before, after, now=now)
    return await _tell(session, after, "accident.changed", now=now)


async def count(session: TenantSession) -> int:
    """How many accidents are not withdrawn."""
    return await store.not_withdrawn(session)


async def get(session: TenantSession, accident_id: AccidentId, *, lock: bool = False) -> Accident:
    """One accident. Raises AccidentNotFound."""
    row = await store.get(session, accident_id, lock=lock)
    return row.to_domain((await store.links(session, [accident_id])).get(accident_id, ()))


async def list_accidents(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int, now: datetime
) -> list[Accident]:
    """Accidents, the one that was recorded last first."""
    rows = await store.listed(session, sought, before=before, limit=limit, now=now)
    links = await store.links(session, [row.id for row in rows])
    return [row.to_domain(links.get(row.id, ())) for row in rows]


async def entries(
    session: TenantSession, accident_id: AccidentId, *, after: int, limit: int
) -> list[AccidentEntryRow]:
    """What became of an accident, in order. Raises AccidentNotFound."""
    await store.get(session, accident_id)
    return await store.entries(session, accident_id, after=after, limit=limit)


def finding(accident: Accident, title: str) -> Finding:
    """What is to be made better because of an accident."""
    evidence = Evidence(
        kind=SUBJECT_KIND, id=str(accident.id), at=accident.report.began_at, what=accident.report.title
    )
    return Finding(
        title=title, source=Source.ACCIDENT, came_from=SubjectId(accident.id), evidence=(evidence,)
    )


async def _vetted(
    session: TenantSession, report: Report, known: Collection[RequestId], *, now: datetime
) -> dict[CommitmentId, Commitment]:
    """The promises that the report names. Raises AccidentInvalid unless it can be kept as it stands."""
    promises = await commitments.last_seen(session, report.promises)
    owners = [action.owner_id for action in report.actions if action.owner_id is not None]
    members = await people.members(session, owners)
    faults = [*domain.faults_of(report, now)]
    if report.change_id is not None and report.change_id not in known:
        faults.append(Fault("/caused_by", f"There is no request {report.change_id}."))
    faults += _strangers("/requests", "request", report.requests, known)
    faults += _strangers("/promises", "promise", report.promises, promises)
    faults += [
        Fault(pointer_to("/measures", at, "owner_id"), f"There is no member {action.owner_id}.")
        for at, action in enumerate(report.actions)
        if action.owner_id is not None and action.owner_id not in members
    ]
    if faults:
        raise AccidentInvalid(faults)
    return promises


def _strangers(pointer: str, kind: str, named: Sequence[UUID], known: Collection[UUID]) -> list[Fault]:
    return [
        Fault(pointer_to(pointer, at), f"There is no {kind} {each}.")
        for at, each in enumerate(named)
        if each not in known
    ]


def _links(report: Report, broken: dict[CommitmentId, Commitment]) -> list[dict[str, Any]]:
    requests = [(request_id, None) for request_id in report.requests]
    promises = [(broken[each].request_id, each) for each in report.promises]
    return [
        {"id": ids.new_id(), "request_id": request_id, "commitment_id": commitment_id, "place": place}
        for place, (request_id, commitment_id) in enumerate([*requests, *promises])
    ]


async def _write_down(
    session: TenantSession, actor: Actor, before: Accident | None, after: Accident, *, now: datetime
) -> None:
    """Write down what changed, in the accident's own history and in the audit trail."""
    was = {} if before is None else models.report_fields(before.report)
    is_now = models.report_fields(after.report)
    await store.add_entry(
        session,
        {
            "id": ids.new_id(),
            "accident_id": after.id,
            "version": after.version,
            "recorded_by": actor.name,
            "recorded_at": now,
            "changes": difference(was, is_now),
        },
    )
    action = "accident.recorded" if before is None else "accident.changed"
    deed = Deed(action, f"{SUBJECT_KIND}:{after.id}", before=was, after=is_now)
    await audit.record(session, actor, deed, now=now)


async def _tell(session: TenantSession, accident: Accident, kind: str, *, now: datetime) -> Accident:
    told = replace(accident, sequence=accident.sequence + 1)
    draft = EventDraft(
        type=kind,
        subject_kind=SUBJECT_KIND,
        subject_id=told.id,
        sequence=told.sequence,
        occurred_at=now,
        payload={"accident_id": told.id, **models.report_fields(told.report)},
    )
    await outbox.append(session, [draft])
    await store.change(session, told.id, {"sequence": told.sequence})
    return told
