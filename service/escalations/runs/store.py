"""Queries of runs. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, exists, func, or_, select, update

from service import ids
from service.db import TenantSession, insert_rows, run
from service.escalations.runs import models
from service.escalations.runs.domain import Entry, State
from service.escalations.runs.errors import EscalationNotFound
from service.escalations.runs.models import (
    Affair,
    AffairRow,
    EscalationEntryRow,
    EscalationRow,
    Notice,
    NoticeRow,
    Run,
)
from service.ids import CommitmentId, EscalationId, MemberId, RequestId

RUNS = cast("Table", EscalationRow.__table__)
ENTRIES = cast("Table", EscalationEntryRow.__table__)
NOTICES = cast("Table", NoticeRow.__table__)
AFFAIRS = cast("Table", AffairRow.__table__)
_OF_AFFAIR = ", ".join(AFFAIRS.columns.keys())
AFFAIR = f"select {_OF_AFFAIR} from affair where tenant_id = $1 and id = $2"  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which runs are asked for; None leaves a filter out.

    Attributes:
        of_member: who has it, or was told by it.
    """

    state: State | None = None
    request_id: RequestId | None = None
    commitment_id: CommitmentId | None = None
    of_member: MemberId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtNotices:
    """Which notices are asked for; None leaves a filter out."""

    escalation_id: EscalationId | None = None
    of_member: MemberId | None = None
    late: bool | None = None


def _mine(session: TenantSession) -> Select[EscalationRow]:
    return (
        select(EscalationRow)
        .where(EscalationRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


async def affair(session: TenantSession, request_id: RequestId) -> Affair | None:
    row = (await run(session.db, AFFAIR, session.tenant_id, request_id)).first()
    return None if row is None else AffairRow(**row).to_domain()


async def affairs(session: TenantSession, request_ids: Collection[RequestId]) -> dict[RequestId, Affair]:
    """What is known of these requests, by their ids."""
    row = AffairRow
    query = select(row).where(row.tenant_id == session.tenant_id, row.id.in_(request_ids))
    found = [each.to_domain() for each in await session.db.scalars(query)]
    return {each.request_id: each for each in found}


async def left_over(
    session: TenantSession, request_id: RequestId
) -> tuple[datetime, list[CommitmentId]] | None:
    """When a request was last brought before its ladders, and the promises that were declined anew since."""
    row = AffairRow
    query = select(row.asked_at, row.declined).where(row.tenant_id == session.tenant_id, row.id == request_id)
    found = (await session.db.execute(query)).first()
    if found is None:
        return None
    return found.asked_at, [CommitmentId(ids.read_id(each)) for each in found.declined]


async def set_declined(
    session: TenantSession, request_id: RequestId, declined: Collection[CommitmentId]
) -> None:
    row = AffairRow
    changed = update(row).where(row.tenant_id == session.tenant_id, row.id == request_id)
    await session.db.execute(changed.values(declined=[str(each) for each in declined]))


async def leave(session: TenantSession, request_id: RequestId, *, now: datetime) -> None:
    """Write that something is left to do for whoever sees the tenant's ladders."""
    row = AffairRow
    changed = update(row).where(row.tenant_id == session.tenant_id, row.id == request_id)
    await session.db.execute(changed.values(left_at=func.coalesce(row.left_at, now)))


async def caught_up(session: TenantSession, request_id: RequestId) -> None:
    """Write that nothing is left to do."""
    row = AffairRow
    changed = update(row).where(row.tenant_id == session.tenant_id, row.id == request_id)
    await session.db.execute(changed.values(left_at=None, declined=[]))


async def add_affair(session: TenantSession, new: Affair, *, now: datetime) -> None:
    known = {"tenant_id": session.tenant_id, "declined": list[str]()}
    columns = {**known, **models.affair_columns(new, asked_at=now)}
    await insert_rows(session.db, AFFAIRS, [columns])


async def change_affair(session: TenantSession, changed: Affair, *, now: datetime) -> None:
    """Write who has the request now, and which ladders it climbs."""
    columns = models.affair_columns(changed, asked_at=now)
    row = AffairRow
    found = select(row).where(row.tenant_id == session.tenant_id, row.id == changed.request_id)
    kept = (await session.db.scalars(found)).one()
    for name, value in columns.items():
        if getattr(kept, name) != value:
            setattr(kept, name, value)
    await session.db.flush()


async def get(session: TenantSession, escalation_id: EscalationId, *, lock: bool = False) -> EscalationRow:
    query = _mine(session).where(EscalationRow.id == escalation_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise EscalationNotFound(escalation_id)
    return row


async def of_promises(
    session: TenantSession, commitment_ids: Collection[CommitmentId]
) -> list[EscalationRow]:
    """All runs of these promises, locked, in the order of their ids."""
    query = (
        _mine(session)
        .where(EscalationRow.commitment_id.in_(commitment_ids))
        .order_by(EscalationRow.id)
        .with_for_update()
    )
    return list(await session.db.scalars(query))


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[EscalationRow]:
    """Runs, the newest first."""
    row = EscalationRow
    query = _mine(session).order_by(row.id.desc()).limit(limit)
    if before is not None:
        query = query.where(row.id < before)
    if sought.state is not None:
        query = query.where(row.state == sought.state.value)
    if sought.request_id is not None:
        query = query.where(row.request_id == sought.request_id)
    if sought.commitment_id is not None:
        query = query.where(row.commitment_id == sought.commitment_id)
    if sought.of_member is not None:
        query = query.where(_concerns(session, sought.of_member))
    return list(await session.db.scalars(query))


def _concerns(session: TenantSession, member_id: MemberId) -> ColumnElement[bool]:
    told = exists().where(
        NoticeRow.tenant_id == session.tenant_id,
        NoticeRow.escalation_id == EscalationRow.id,
        NoticeRow.member_id == member_id,
    )
    return or_(EscalationRow.held_by == member_id, told)


async def ledgers(session: TenantSession, run_ids: Collection[UUID]) -> dict[UUID, list[Entry]]:
    """The ledger of each of these runs."""
    found: dict[UUID, list[Entry]] = {run_id: [] for run_id in run_ids}
    row = EscalationEntryRow
    query = (
        select(row).where(row.tenant_id == session.tenant_id, row.escalation_id.in_(run_ids)).order_by(row.id)
    )
    for each in await session.db.scalars(query):
        found[each.escalation_id].append(each.to_domain())
    return found


async def add_runs(session: TenantSession, new: Sequence[Run]) -> None:
    rows = [{"tenant_id": session.tenant_id, **models.columns(each)} for each in new]
    await insert_rows(session.db, RUNS, rows)


async def add_entries(session: TenantSession, of: Run, entries: Sequence[Entry]) -> None:
    rows = [{"tenant_id": session.tenant_id, **models.entry_columns(of, each)} for each in entries]
    await insert_rows(session.db, ENTRIES, rows)


async def add_notices(session: TenantSession, notices: Sequence[Notice]) -> None:
    rows = [{"tenant_id": session.tenant_id, **models.notice_columns(each)} for each in notices]
    await insert_rows(session.db, NOTICES, rows)


async def save(session: TenantSession, row: EscalationRow, changed: Run) -> None:
    """Write what changed of a run that was read here and is locked."""
    for name, value in models.changing_columns(changed).items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    await session.db.flush()


async def notices(
    session: TenantSession, sought: SoughtNotices, *, before: UUID | None, limit: int
) -> list[NoticeRow]:
    """Notices, the newest first."""
    row = NoticeRow
    query = select(row).where(row.tenant_id == session.tenant_id).order_by(row.id.desc()).limit(limit)
    if before is not None:
        query = query.where(row.id < before)
    if sought.escalation_id is not None:
        query = query.where(row.escalation_id == sought.escalation_id)
    if sought.of_member is not None:
        query = query.where(row.member_id == sought.of_member)
    if sought.late is not None:
        query = query.where(row.late == sought.late)
    return list(await session.db.scalars(query))
