"""Queries of repinnings. Every statement names the tenant on every table that it touches."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from service.commitments.domain import ClockState
from service.commitments.models import CommitmentRow
from service.db import TenantSession
from service.ids import CalendarId, PolicyId, RepinningId, RequestId
from service.requests.domain import State
from service.requests.models import RequestRow
from service.requests.repinning import models
from service.requests.repinning.domain import TRIES_MAX, UNDER_WAY, Reach, Subject
from service.requests.repinning.errors import RepinningNotFound, RepinningUnderWay
from service.requests.repinning.models import (
    Deviation,
    Outcome,
    Repinning,
    RepinningChangeRow,
    RepinningRow,
    RequestChange,
)

STATES = [phase.value for phase in UNDER_WAY]


def _mine(session: TenantSession) -> Select[RepinningRow]:
    return (
        select(RepinningRow)
        .where(RepinningRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


def _of(session: TenantSession, subject: Subject) -> Select[UUID]:
    """The ids of those of the same policy or calendar."""
    return select(RepinningRow.id).where(
        RepinningRow.tenant_id == session.tenant_id,
        RepinningRow.policy_id.is_not_distinct_from(subject.policy_id),
        RepinningRow.calendar_id.is_not_distinct_from(subject.calendar_id),
    )


def _my_changes(session: TenantSession, repinning_id: RepinningId) -> Select[RepinningChangeRow]:
    return (
        select(RepinningChangeRow)
        .where(
            RepinningChangeRow.tenant_id == session.tenant_id,
            RepinningChangeRow.repinning_id == repinning_id,
        )
        .execution_options(populate_existing=True)
    )


async def get(session: TenantSession, repinning_id: RepinningId, *, lock: bool = False) -> RepinningRow:
    query = _mine(session).where(RepinningRow.id == repinning_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise RepinningNotFound(repinning_id)
    return row


async def listed(
    session: TenantSession,
    *,
    policy_id: PolicyId | None,
    calendar_id: CalendarId | None,
    before: UUID | None,
    limit: int,
) -> list[RepinningRow]:
    """Operations and previews, the youngest first."""
    query = _mine(session).order_by(RepinningRow.id.desc()).limit(limit)
    if policy_id is not None:
        query = query.where(RepinningRow.policy_id == policy_id)
    if calendar_id is not None:
        query = query.where(RepinningRow.calendar_id == calendar_id)
    if before is not None:
        query = query.where(RepinningRow.id < before)
    return list(await session.db.scalars(query))


async def add(session: TenantSession, repinning: Repinning) -> None:
    """Insert an operation. Raises RepinningUnderWay when one of the same policy or calendar is."""
    added = await session.db.execute(
        upsert(RepinningRow)
        .values(tenant_id=session.tenant_id, **models.columns(repinning))
        .on_conflict_do_nothing()
        .returning(RepinningRow.id)
    )
    if added.first() is None:
        raise RepinningUnderWay(repinning.subject.label)


async def refuse_under_way(session: TenantSession, subject: Subject) -> None:
    """Raises RepinningUnderWay. The caller holds the policy, or the calendar, locked."""
    query = _of(session, subject).where(RepinningRow.state.in_(STATES), RepinningRow.preview_id.is_not(None))
    if await session.db.scalar(query) is not None:
        raise RepinningUnderWay(subject.label)


async def save(session: TenantSession, repinning: Repinning, *, last_request_id: UUID | None) -> None:
    """Write how far an operation is. The caller holds its lock."""
    await session.db.execute(
        update(RepinningRow)
        .where(RepinningRow.tenant_id == session.tenant_id, RepinningRow.id == repinning.id)
        .values(last_request_id=last_request_id, **models.changing_columns(repinning))
    )


async def under_way_count(session: TenantSession) -> int:
    """How many are queued or running, previews among them."""
    row = RepinningRow
    query = select(func.count()).where(row.tenant_id == session.tenant_id, row.state.in_(STATES))
    return (await session.db.scalars(query)).one()


async def drop_previews(session: TenantSession, subject: Subject, *, before: datetime) -> None:
    """Drop the previews from before that instant that have ended and that nothing was carried out by."""
    used = select(RepinningRow.preview_id).where(
        RepinningRow.tenant_id == session.tenant_id, RepinningRow.preview_id.is_not(None)
    )
    dropped = _of(session, subject).where(
        RepinningRow.preview_id.is_(None),
        RepinningRow.ended_at.is_not(None),
        RepinningRow.created_at < before,
        RepinningRow.id.not_in(used),
    )
    found = list(await session.db.scalars(dropped))
    if found:
        change, row = RepinningChangeRow, RepinningRow
        await session.db.execute(
            delete(change).where(change.tenant_id == session.tenant_id, change.repinning_id.in_(found))
        )
        await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id, row.id.in_(found)))


async def running_count(session: TenantSession, reach: Reach, *, until: datetime) -> int:
    """How many requests with running promises there are within reach, received not after `until`."""
    return (
        await session.db.scalars(
            select(func.count()).select_from(RequestRow).where(*_running(session, reach, until))
        )
    ).one()


async def next_running(
    session: TenantSession, reach: Reach, *, until: datetime, after: UUID | None
) -> RequestId | None:
    """The next of them, in the order in which they were accepted."""
    query = select(RequestRow.id).where(*_running(session, reach, until)).order_by(RequestRow.id).limit(1)
    if after is not None:
        query = query.where(RequestRow.id > after)
    found = await session.db.scalar(query)
    return None if found is None else RequestId(found)


def _running(session: TenantSession, reach: Reach, until: datetime) -> list[ColumnElement[bool]]:
    """Open requests, and those that are not but have a promise that runs."""
    row = RequestRow
    runs = exists().where(
        CommitmentRow.tenant_id == session.tenant_id,
        CommitmentRow.request_id == row.id,
        CommitmentRow.clock != ClockState.STOPPED.value,
    )
    conditions = [row.tenant_id == session.tenant_id, row.received_at <= until]
    conditions.append(or_(row.state == State.OPEN.value, runs))
    if reach.clients:
        conditions.append(row.client_id.in_(reach.clients.values()))
    if reach.services:
        conditions.append(row.service_id.in_(reach.services.values()))
    if reach.request_types:
        conditions.append(row.type.in_(sorted(reach.request_types)))
    if reach.received_after is not None:
        conditions.append(row.received_at > reach.received_after)
    return conditions


async def is_running(session: TenantSession, reach: Reach, request_id: RequestId, *, until: datetime) -> bool:
    query = select(RequestRow.id).where(*_running(session, reach, until), RequestRow.id == request_id)
    return await session.db.scalar(query) is not None


async def changes(
    session: TenantSession,
    repinning_id: RepinningId,
    *,
    outcome: Outcome | None,
    after: UUID | None,
    limit: int,
) -> list[RepinningChangeRow]:
    """What changes by an operation, in the order in which it was found."""
    query = _my_changes(session, repinning_id).order_by(RepinningChangeRow.id).limit(limit)
    if outcome is not None:
        query = query.where(RepinningChangeRow.outcome == outcome.value)
    if after is not None:
        query = query.where(RepinningChangeRow.id > after)
    return list(await session.db.scalars(query))


async def next_failed(session: TenantSession, repinning_id: RepinningId) -> RequestId | None:
    """A request that failed and may be tried again: the one that was tried least."""
    row = RepinningChangeRow
    query = (
        _my_changes(session, repinning_id)
        .where(row.outcome == Outcome.FAILED.value, row.tries < TRIES_MAX)
        .order_by(row.tries, row.request_id)
        .limit(1)
    )
    found = await session.db.scalar(query)
    return None if found is None else RequestId(found.request_id)


async def failure(
    session: TenantSession, repinning_id: RepinningId, request_id: RequestId
) -> RepinningChangeRow | None:
    """The record of a request that failed, if it did."""
    query = _my_changes(session, repinning_id).where(RepinningChangeRow.request_id == request_id)
    return await session.db.scalar(query)


async def forgive(session: TenantSession, repinning_id: RepinningId) -> None:
    """Let every request that failed be tried again."""
    row = RepinningChangeRow
    await session.db.execute(
        update(row)
        .where(
            row.tenant_id == session.tenant_id,
            row.repinning_id == repinning_id,
            row.outcome == Outcome.FAILED.value,
        )
        .values(tries=0)
    )


async def put_change(session: TenantSession, repinning_id: RepinningId, change: RequestChange) -> None:
    """Keep what became of a request, in the place of what was kept of it before."""
    columns = models.change_columns(change)
    inserted = upsert(RepinningChangeRow).values(
        tenant_id=session.tenant_id, repinning_id=repinning_id, **columns
    )
    kept = {"id", "request_id", "client_id"}
    await session.db.execute(
        inserted.on_conflict_do_update(
            index_elements=["tenant_id", "repinning_id", "request_id"],
            set_={name: inserted.excluded[name] for name in columns if name not in kept},
        )
    )


async def drop_change(session: TenantSession, repinning_id: RepinningId, request_id: RequestId) -> None:
    row = RepinningChangeRow
    await session.db.execute(
        delete(row).where(
            row.tenant_id == session.tenant_id,
            row.repinning_id == repinning_id,
            row.request_id == request_id,
        )
    )


async def deviation(session: TenantSession, repinning_id: RepinningId, preview_id: RepinningId) -> Deviation:
    """How the requests that changed differ from those that would have by the preview."""
    return Deviation(
        unforeseen=await _count_beyond(session, repinning_id, preview_id),
        fallen_away=await _count_beyond(session, preview_id, repinning_id),
    )


async def _count_beyond(session: TenantSession, these: RepinningId, those: RepinningId) -> int:
    """How many requests changed by `these`, and not by `those`."""
    row, other = RepinningChangeRow, cast("Any", RepinningChangeRow.__table__).alias("other")
    matched = exists().where(
        and_(
            other.c.tenant_id == session.tenant_id,
            other.c.repinning_id == those,
            other.c.request_id == row.request_id,
            other.c.outcome == Outcome.CHANGED.value,
        )
    )
    query = (
        select(func.count())
        .select_from(row)
        .where(
            row.tenant_id == session.tenant_id,
            row.repinning_id == these,
            row.outcome == Outcome.CHANGED.value,
            ~matched,
        )
    )
    return (await session.db.scalars(query)).one()
