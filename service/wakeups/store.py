"""Queries of this slice. All but the finder's name the tenant; the table itself has no row security."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import text

from service.db import Row, TenantSession, run, run_many, write
from service.ids import TenantId
from service.platform import PlatformSession
from service.statements import Statement
from service.wakeups import domain
from service.wakeups.models import Due, SandboxClock, WakeUp

INSERT = """
insert into wake_up
    (tenant_id, subject_kind, subject_id, generation, fire_at, sandbox, claimed_until, attempts)
values
"""
ROW = "($1, ${}, ${}, 1, ${}, (select kind = 'sandbox' from tenant where id = $1), null, 0)"
SET_ANEW = """
on conflict (tenant_id, subject_kind, subject_id) do update set
    generation = wake_up.generation + 1, fire_at = excluded.fire_at, claimed_until = null, attempts = 0
"""
SCHEDULE_UNLESS_SET = f"""
{INSERT} {ROW.format(2, 3, 4)}
on conflict (tenant_id, subject_kind, subject_id) do nothing
"""
TOGETHER_MAX = 20
"""So many wake-ups are set by one statement, which is another one for each number of them."""

CANCEL = "delete from wake_up where tenant_id = $1 and subject_kind = $2 and subject_id = any($3)"
DUE_TENANTS = text(
    """
    select tenant_id from wake_up
    where not sandbox and fire_at <= now() and (claimed_until is null or claimed_until <= now())
    group by tenant_id order by min(fire_at) limit :limit
    """
)
CLAIM = """
update wake_up set claimed_until = now() + $3::interval, attempts = attempts + 1
where ctid = any(array(
    select ctid from wake_up
    where tenant_id = $1 and not sandbox and fire_at <= now()
        and (claimed_until is null or claimed_until <= now())
    order by fire_at limit $2 for update skip locked
))
returning subject_kind, subject_id, generation, fire_at, claimed_until, attempts
"""
"""By the places of the rows, which are locked: joined by its key, a table that was empty when last analysed
is read as a whole, which takes a second for a backlog of 100,000. A row that changed meanwhile is left to the
next round."""
_STILL_THE_ONE = (
    "where tenant_id = $1 and subject_kind = $2 and subject_id = $3"
    " and generation = $4 and claimed_until is not distinct from $5"
)
FINISH = f"delete from wake_up {_STILL_THE_ONE}"  # noqa: S608 - constants
RELEASE = f"update wake_up set claimed_until = null, attempts = attempts - 1 {_STILL_THE_ONE}"  # noqa: S608
PUT_OFF = f"update wake_up set attempts = $6, claimed_until = now() + $7::interval {_STILL_THE_ONE}"  # noqa: S608
PARKED = text("select count(*) from wake_up where attempts >= :attempts_max")
OLDEST_DUE = text(
    "select clock_timestamp() - min(fire_at) from wake_up where not sandbox and fire_at <= clock_timestamp()"
)

LOCK_CLOCK = "select now_at, target_at from sandbox_clock where tenant_id = $1 for update"
READ_CLOCK = "select now_at, target_at from sandbox_clock where tenant_id = $1"
SET_CLOCK = "update sandbox_clock set now_at = $2, target_at = $3 where tenant_id = $1"
NEXT_DUE = """
select subject_kind, subject_id, generation, fire_at, claimed_until, attempts from wake_up
where tenant_id = $1 and fire_at <= $2 and attempts < $3
order by fire_at, subject_kind, subject_id limit 1
"""
PENDING = "select count(*) from wake_up where tenant_id = $1 and fire_at <= $2 and attempts < $3"


async def schedule(session: TenantSession, wake_ups: Sequence[WakeUp]) -> None:
    """Set these wake-ups; of several for one subject the last.

    They are set one after another in the order of their subjects, so that no two transactions lock each other
    out. Inside of `gathering` a subject's is set once.
    """
    of_subject = {(each.subject_kind, each.subject_id): each.fire_at for each in wake_ups}
    settings = [(*subject, of_subject[subject]) for subject in sorted(of_subject)]
    if len(settings) > TOGETHER_MAX:
        await run_many(session.db, _schedule(1), [(session.tenant_id, *setting) for setting in settings])
    elif settings:
        values = (session.tenant_id, *chain.from_iterable(settings))
        await write(session.db, Statement(_schedule(len(settings)), values))


async def schedule_unless_set(session: TenantSession, wake_up: WakeUp) -> None:
    subject = (wake_up.subject_kind, wake_up.subject_id)
    await run(session.db, SCHEDULE_UNLESS_SET, session.tenant_id, *subject, wake_up.fire_at)


async def cancel(session: TenantSession, subject_kind: str, subject_ids: Sequence[UUID]) -> None:
    await run(session.db, CANCEL, session.tenant_id, subject_kind, list(subject_ids))


async def due_tenants(platform: PlatformSession, *, limit: int) -> list[TenantId]:
    """Live tenants with a wake-up to fire, those that wait longest first."""
    return [TenantId(row[0]) for row in await platform.db.execute(DUE_TENANTS, {"limit": limit})]


async def parked(platform: PlatformSession) -> int:
    """How many wake-ups failed too often to be tried soon."""
    return (await platform.db.execute(PARKED, {"attempts_max": domain.ATTEMPTS_MAX})).scalar_one()


async def lateness(platform: PlatformSession) -> timedelta:
    """How long the live wake-up that is due longest has waited; zero when none is due."""
    return (await platform.db.execute(OLDEST_DUE)).scalar() or timedelta(0)


async def claim(session: TenantSession, *, limit: int) -> list[Due]:
    """Lease the wake-ups of this tenant that are due longest, past those that other workers hold."""
    found = await run(session.db, CLAIM, session.tenant_id, limit, domain.LEASE)
    return sorted((_due(row) for row in found), key=lambda due: due.fire_at)


async def finish(session: TenantSession, due: Due) -> None:
    """Remove the wake-up, unless it was set anew or claimed by another meanwhile."""
    await run(session.db, FINISH, *_key(session, due))


async def release(session: TenantSession, dues: Sequence[Due]) -> None:
    """Give claimed wake-ups back as if they had not been tried."""
    await run_many(session.db, RELEASE, [_key(session, due) for due in dues])


async def put_off(session: TenantSession, due: Due, *, attempts: int, delay: timedelta | None) -> None:
    """Count failed attempts; without a delay the wake-up is not leased to rest, only counted."""
    await run(session.db, PUT_OFF, *_key(session, due), attempts, delay)


async def lock_clock(session: TenantSession) -> SandboxClock | None:
    return _clock((await run(session.db, LOCK_CLOCK, session.tenant_id)).first())


async def clock(session: TenantSession) -> SandboxClock | None:
    return _clock((await run(session.db, READ_CLOCK, session.tenant_id)).first())


async def set_clock(session: TenantSession, *, now_at: datetime, target_at: datetime) -> None:
    await run(session.db, SET_CLOCK, session.tenant_id, now_at, target_at)


async def next_due(session: TenantSession, *, until: datetime) -> Due | None:
    """The first wake-up of a sandbox up to `until`. Parked ones do not hold the clock up."""
    found = (await run(session.db, NEXT_DUE, session.tenant_id, until, domain.ATTEMPTS_MAX)).first()
    return None if found is None else _due(found)


async def pending(session: TenantSession, *, until: datetime) -> int:
    return (await run(session.db, PENDING, session.tenant_id, until, domain.ATTEMPTS_MAX)).scalar_one()


def _key(session: TenantSession, due: Due) -> tuple[Any, ...]:
    return (session.tenant_id, due.subject_kind, due.subject_id, due.generation, due.claimed_until)


def _clock(row: Row | None) -> SandboxClock | None:
    return None if row is None else SandboxClock(now_at=row.now_at, target_at=row.target_at)


def _due(row: Row) -> Due:
    return Due(
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        generation=row.generation,
        fire_at=row.fire_at,
        claimed_until=row.claimed_until,
        attempts=row.attempts,
    )


@cache
def _schedule(count: int) -> str:
    """Set so many wake-ups, at most TOGETHER_MAX."""
    rows = ", ".join(ROW.format(*range(3 * number + 2, 3 * number + 5)) for number in range(count))
    return f"{INSERT} {rows} {SET_ANEW}"
