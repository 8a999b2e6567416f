"""Queries of the auditor. Those of a tenant name it on every table; the others read platform tables only."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from service import ids
from service.auditor import domain
from service.auditor.domain import AlarmKind, Fault, PlatformAlarm, Subject, Waiting, Work
from service.auditor.errors import AlarmNotFound
from service.auditor.models import (
    ONLY,
    AlarmRow,
    AlarmTallyRecord,
    AuditorRoundRecord,
    PlatformAlarmRecord,
    Rounds,
    Turn,
    WorkerBeatRecord,
)
from service.db import TenantSession, run
from service.ids import AlarmId, EscalationId, SubjectId, TenantId
from service.platform import PlatformSession

TIME = """
select coalesce((select now_at from sandbox_clock where tenant_id = $1), now()) as now
"""
"""What time it is for a tenant. A sandbox's clock is not held: who moves it does not wait for an auditor."""

LATE = """
select subject_kind, subject_id, now() - fire_at as late, claimed_until - now() as leased_for, attempts
from wake_up
where tenant_id = $1 and not sandbox and fire_at < now() - $2::interval
order by fire_at limit $3
"""
PARKED_IN_SANDBOX = """
select subject_kind, subject_id, $4::timestamptz - fire_at as late, null::interval as leased_for, attempts
from wake_up
where tenant_id = $1 and sandbox and fire_at <= $4 and attempts >= $2
order by fire_at limit $3
"""

UNWATCHED = """
select subject_kind, subject_id from (
    select 'commitment' as subject_kind, s.id as subject_id, s.due_at as at from commitment s
    where s.tenant_id = $1 and s.clock = 'running' and s.outcome = 'pending' and s.due_at is not null
    union all
    select 'escalation', s.id, coalesce(s.next_at, s.held_until) from escalation s
    where s.tenant_id = $1 and s.state <> 'ended' and coalesce(s.next_at, s.held_until) is not null
    union all
    select 'affair', s.id, s.left_at from affair s
    where s.tenant_id = $1 and s.left_at is not null
    union all
    select 'renegotiation', s.id, s.due_at from renegotiation s
    where s.tenant_id = $1 and s.state in ('waiting', 'countered')
    union all
    select 'approval', s.id, case when s.untold then s.since else s.deadline_at end from approval s
    where s.tenant_id = $1 and s.state = 'pending' and (s.untold or s.deadline_at is not null)
    union all
    select 'arrangement', s.id, s.answer_by from arrangement s
    where s.tenant_id = $1 and s.state = 'proposed'
    union all
    select 'special_method', s.id, s.ends_at from special_method s
    where s.tenant_id = $1 and s.state = 'allowed'
    union all
    select 'maintenance', s.id, s.ends_at from maintenance_window s
    where s.tenant_id = $1 and s.state in ('planned', 'running')
    union all
    select 'policy', s.id, s.scheduled_at from policy s
    where s.tenant_id = $1 and s.scheduled_at is not null
) watched
where not exists (
    select from wake_up w
    where w.tenant_id = $1 and w.subject_kind = watched.subject_kind and w.subject_id = watched.subject_id
        and w.fire_at <= greatest(watched.at, $2) + interval '1 second'
)
limit $3
"""
"""What changes by itself at an instant, and has no wake-up until then. Both are written in one transaction:
one statement never sees the one without the other."""

STEPLESS = """
select id from escalation s
where s.tenant_id = $1 and s.state = 'climbing' and s.next_at is null
    and not exists (
        select from wake_up w
        where w.tenant_id = $1 and w.subject_kind = 'escalation' and w.subject_id = s.id
    )
order by random() limit $2
"""

CLAIM = text(
    """
    insert into auditor_round (id, first_began_at, began_at, claimed_until)
    values (:only, clock_timestamp(), clock_timestamp(), clock_timestamp() + cast(:lease as interval))
    on conflict (id) do update set began_at = excluded.began_at, claimed_until = excluded.claimed_until
        where (auditor_round.claimed_until is null or auditor_round.claimed_until <= excluded.began_at)
            and auditor_round.began_at <= excluded.began_at - cast(:spacing as interval)
    returning began_at, last_tenant_id, heartbeat_at
    """
)
ROUNDS = text(
    """
    select clock_timestamp() - coalesce(succeeded_at, first_began_at) as silence, failure
    from auditor_round where id = :only
    """
)
WORK = text(
    """
    select
        (select clock_timestamp() - min(fire_at) from wake_up
            where not sandbox and fire_at <= clock_timestamp() and attempts < :attempts_max
                and (claimed_until is null or claimed_until <= clock_timestamp())) as wake_up_late,
        exists (select from wake_up
            where not sandbox and fire_at <= clock_timestamp() and attempts < :attempts_max
                and claimed_until > clock_timestamp()
                and claimed_until <= clock_timestamp() + cast(:lease_max as interval)) as wake_ups_held,
        (select clock_timestamp() - min(execute_after) from pgqueuer
            where status = 'queued' and execute_after <= clock_timestamp()) as job_late,
        (select count(*) from pgqueuer
            where status = 'picked' and heartbeat > clock_timestamp() - cast(:missed as interval)) as taken,
        (select count(*) from worker_beat
            where beat_at > clock_timestamp() - cast(:missed as interval)) as heard,
        (select count(*) from worker_beat
            where beat_at <= clock_timestamp() - cast(:missed as interval)) as silent
    """
)
BEAT = text(
    """
    insert into worker_beat (id, began_at, beat_at) values (:id, clock_timestamp(), clock_timestamp())
    on conflict (id) do update set beat_at = excluded.beat_at
    """
)
FORGET = text("delete from worker_beat where beat_at <= clock_timestamp() - cast(:missed as interval)")


def _mine(session: TenantSession) -> Select[AlarmRow]:
    return (
        select(AlarmRow)
        .where(AlarmRow.tenant_id == session.tenant_id)
        .execution_options(populate_existing=True)
    )


async def time(session: TenantSession) -> datetime:
    """What time it is for the tenant."""
    return (await run(session.db, TIME, session.tenant_id)).scalar_one()


async def waiting(session: TenantSession, now: datetime, *, attempts_max: int, limit: int) -> list[Waiting]:
    """Wake-ups that are late; in a sandbox, whose clock passes none by, only those that were given up."""
    live = await run(session.db, LATE, session.tenant_id, domain.GRACE, limit)
    sandbox = await run(session.db, PARKED_IN_SANDBOX, session.tenant_id, attempts_max, limit, now)
    return [
        Waiting(
            subject_kind=row.subject_kind,
            subject_id=SubjectId(row.subject_id),
            late=row.late,
            leased_for=row.leased_for,
            attempts=row.attempts,
        )
        for row in (*live, *sandbox)
    ]


async def unwatched(session: TenantSession, now: datetime, *, limit: int) -> list[tuple[str, SubjectId]]:
    """What will change by itself and has nothing that looks at it in time."""
    found = await run(session.db, UNWATCHED, session.tenant_id, now, limit)
    return [(row.subject_kind, SubjectId(row.subject_id)) for row in found]


async def stepless(session: TenantSession, *, limit: int) -> list[EscalationId]:
    """Some of the runs that climb and have nothing to tell."""
    found = await run(session.db, STEPLESS, session.tenant_id, limit)
    return [EscalationId(row.id) for row in found]


async def standing(session: TenantSession) -> dict[Subject, AlarmId]:
    """The alarms of the tenant that are not cleared."""
    found = await session.db.scalars(_mine(session).where(AlarmRow.cleared_at.is_(None)))
    return {
        (AlarmKind(row.kind), row.subject_kind, SubjectId(row.subject_id)): AlarmId(row.id) for row in found
    }


async def add(session: TenantSession, faults: Sequence[Fault], *, now: datetime) -> list[AlarmRow]:
    rows = [
        AlarmRow(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            kind=fault.kind.value,
            subject_kind=fault.subject_kind,
            subject_id=fault.subject_id,
            detail=fault.detail,
            mended=fault.mended,
            first_seen_at=now,
            last_seen_at=now,
            cleared_at=None,
        )
        for fault in faults
    ]
    session.db.add_all(rows)
    await session.db.flush()
    return rows


async def touch(session: TenantSession, alarm_ids: Collection[AlarmId], *, now: datetime) -> None:
    row = AlarmRow
    await session.db.execute(
        update(row).where(row.tenant_id == session.tenant_id, row.id.in_(alarm_ids)).values(last_seen_at=now)
    )


async def clear(session: TenantSession, alarm_ids: Collection[AlarmId], *, now: datetime) -> list[AlarmRow]:
    rows = list(await session.db.scalars(_mine(session).where(AlarmRow.id.in_(alarm_ids))))
    for row in rows:
        row.cleared_at = now
    await session.db.flush()
    return rows


async def tally(session: TenantSession, count: int) -> None:
    """Write how many alarms of the tenant stand; none leaves no row."""
    row = AlarmTallyRecord
    await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id))
    if count:
        await session.db.execute(upsert(row).values(tenant_id=session.tenant_id, standing=count))


async def get(session: TenantSession, alarm_id: AlarmId) -> AlarmRow:
    row = await session.db.scalar(_mine(session).where(AlarmRow.id == alarm_id))
    if row is None:
        raise AlarmNotFound(alarm_id)
    return row


async def listed(
    session: TenantSession, *, stands: bool | None, before: UUID | None, limit: int
) -> list[AlarmRow]:
    """Alarms, the youngest first."""
    row = AlarmRow
    query = _mine(session).order_by(row.id.desc()).limit(limit)
    if stands is not None:
        query = query.where(row.cleared_at.is_(None) if stands else row.cleared_at.is_not(None))
    if before is not None:
        query = query.where(row.id < before)
    return list(await session.db.scalars(query))


async def claim(platform: PlatformSession, *, spacing: timedelta, lease: timedelta) -> Turn | None:
    """Make the next round ours, unless somebody is at one, or the last began less than `spacing` ago."""
    parameters = {"only": ONLY, "lease": lease, "spacing": spacing}
    row = (await platform.db.execute(CLAIM, parameters)).first()
    if row is None:
        return None
    after = None if row.last_tenant_id is None else TenantId(row.last_tenant_id)
    return Turn(row.began_at, after, row.heartbeat_at)


async def end(platform: PlatformSession, turn: Turn, *, failure: str | None, got_to: TenantId | None) -> None:
    """Write how our round went; of one that took so long that another began, nothing."""
    row = AuditorRoundRecord
    values: dict[str, Any] = {"claimed_until": None, "failure": failure, "last_tenant_id": got_to}
    if failure is None:
        values["succeeded_at"] = func.clock_timestamp()
    await platform.db.execute(
        update(row).where(row.id == ONLY, row.began_at == turn.began_at).values(**values)
    )


async def note_heartbeat(platform: PlatformSession) -> None:
    row = AuditorRoundRecord
    await platform.db.execute(update(row).where(row.id == ONLY).values(heartbeat_at=func.clock_timestamp()))


async def rounds(platform: PlatformSession) -> Rounds | None:
    """How the rounds went; None as long as there was none."""
    row = (await platform.db.execute(ROUNDS, {"only": ONLY})).first()
    if row is None:
        return None
    alarms = {each.kind: each.detail for each in await platform.db.scalars(select(PlatformAlarmRecord))}
    return Rounds(silence=row.silence, failure=row.failure, alarms=alarms)


async def work(platform: PlatformSession, *, attempts_max: int) -> Work:
    parameters = {
        "attempts_max": attempts_max,
        "missed": domain.BEAT_MISSED_AFTER,
        "lease_max": domain.LEASE_MAX,
    }
    row = (await platform.db.execute(WORK, parameters)).one()
    return Work(
        wake_up_late=row.wake_up_late or timedelta(0),
        wake_ups_held=row.wake_ups_held,
        job_late=row.job_late or timedelta(0),
        jobs_taken=row.taken,
        heard=row.heard,
        silent=row.silent,
    )


async def platform_alarms(platform: PlatformSession) -> dict[PlatformAlarm, str]:
    found = await platform.db.scalars(select(PlatformAlarmRecord))
    return {PlatformAlarm(row.kind): row.detail for row in found}


async def put_platform_alarm(platform: PlatformSession, kind: PlatformAlarm, detail: str) -> None:
    now = func.clock_timestamp()
    inserted = upsert(PlatformAlarmRecord).values(
        kind=kind.value, detail=detail, first_seen_at=now, last_seen_at=now
    )
    await platform.db.execute(
        inserted.on_conflict_do_update(index_elements=["kind"], set_={"detail": detail, "last_seen_at": now})
    )


async def drop_platform_alarm(platform: PlatformSession, kind: PlatformAlarm) -> None:
    row = PlatformAlarmRecord
    await platform.db.execute(delete(row).where(row.kind == kind.value))


async def standing_count(platform: PlatformSession) -> int:
    """How many alarms of all tenants stand."""
    return (await platform.db.scalar(select(func.coalesce(func.sum(AlarmTallyRecord.standing), 0)))) or 0


async def beat(platform: PlatformSession, worker_id: UUID) -> None:
    await platform.db.execute(BEAT, {"id": worker_id})


async def drop_beat(platform: PlatformSession, worker_id: UUID) -> None:
    row = WorkerBeatRecord
    await platform.db.execute(delete(row).where(row.id == worker_id))


async def forget_silent(platform: PlatformSession, *, silent_for: timedelta) -> None:
    """Drop workers that died long ago, and whose work others do."""
    await platform.db.execute(FORGET, {"missed": silent_for})
