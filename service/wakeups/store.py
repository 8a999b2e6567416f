"""Queries of this slice. All but the finder's name the tenant; the table itself has no row security."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from service.db import TenantSession
from service.ids import TenantId
from service.platform import PlatformSession
from service.wakeups import domain
from service.wakeups.models import Due, SandboxClock, WakeUp

SCHEDULE = """
insert into wake_up
    (tenant_id, subject_kind, subject_id, generation, fire_at, sandbox, claimed_until, attempts)
values ($1, $2, $3, 1, $4, (select kind = 'sandbox' from tenant where id = $1), null, 0)
on conflict (tenant_id, subject_kind, subject_id) do update set
    generation = wake_up.generation + 1, fire_at = excluded.fire_at, claimed_until = null, attempts = 0
"""
CANCEL = text(
    "delete from wake_up"
    " where tenant_id = :tenant_id and subject_kind = :subject_kind and subject_id = any(:subject_ids)"
)
DUE_TENANTS = text(
    """
    select tenant_id from wake_up
    where not sandbox and fire_at <= now() and (claimed_until is null or claimed_until <= now())
    group by tenant_id order by min(fire_at) limit :limit
    """
)
CLAIM = text(
    """
    with due as materialized (
        select subject_kind, subject_id from wake_up
        where tenant_id = :tenant_id and not sandbox and fire_at <= now()
            and (claimed_until is null or claimed_until <= now())
        order by fire_at limit :limit for update skip locked
    )
    update wake_up set claimed_until = now() + cast(:lease as interval), attempts = wake_up.attempts + 1
    from due
    where wake_up.tenant_id = :tenant_id
        and wake_up.subject_kind = due.subject_kind and wake_up.subject_id = due.subject_id
    returning wake_up.subject_kind, wake_up.subject_id, wake_up.generation, wake_up.fire_at,
        wake_up.claimed_until, wake_up.attempts
    """
)
_STILL_THE_ONE = """
    where tenant_id = :tenant_id and subject_kind = :subject_kind and subject_id = :subject_id
        and generation = :generation and claimed_until is not distinct from :claimed_until
"""
FINISH = text(f"delete from wake_up {_STILL_THE_ONE}")  # noqa: S608 - constants
RELEASE = text(
    f"update wake_up set claimed_until = null, attempts = attempts - 1 {_STILL_THE_ONE}"  # noqa: S608 - constants
)
PUT_OFF = text(
    "update wake_up set attempts = :attempts, claimed_until = now() + cast(:delay as interval)"  # noqa: S608
    f" {_STILL_THE_ONE}"
)
PARKED = text("select count(*) from wake_up where attempts >= :attempts_max")

LOCK_CLOCK = text("select now_at, target_at from sandbox_clock where tenant_id = :tenant_id for update")
READ_CLOCK = text("select now_at, target_at from sandbox_clock where tenant_id = :tenant_id")
SET_CLOCK = text(
    "update sandbox_clock set now_at = :now_at, target_at = :target_at where tenant_id = :tenant_id"
)
NEXT_DUE = text(
    """
    select subject_kind, subject_id, generation, fire_at, claimed_until, attempts from wake_up
    where tenant_id = :tenant_id and fire_at <= :until and attempts < :attempts_max
    order by fire_at, subject_kind, subject_id limit 1
    """
)
PENDING = text(
    "select count(*) from wake_up"
    " where tenant_id = :tenant_id and fire_at <= :until and attempts < :attempts_max"
)


async def schedule(session: TenantSession, wake_ups: Sequence[WakeUp]) -> None:
    connection = await session.db.connection()
    await connection.exec_driver_sql(
        SCHEDULE,
        [
            (session.tenant_id, wake_up.subject_kind, wake_up.subject_id, wake_up.fire_at)
            for wake_up in wake_ups
        ],
    )


async def cancel(session: TenantSession, subject_kind: str, subject_ids: Sequence[UUID]) -> None:
    await session.db.execute(
        CANCEL,
        {"tenant_id": session.tenant_id, "subject_kind": subject_kind, "subject_ids": list(subject_ids)},
    )


async def due_tenants(platform: PlatformSession, *, limit: int) -> list[TenantId]:
    """Live tenants with a wake-up to fire, those that wait longest first."""
    return [TenantId(row[0]) for row in await platform.db.execute(DUE_TENANTS, {"limit": limit})]


async def parked(platform: PlatformSession) -> int:
    """How many wake-ups failed too often to be tried soon."""
    return (await platform.db.execute(PARKED, {"attempts_max": domain.ATTEMPTS_MAX})).scalar_one()


async def claim(session: TenantSession, *, limit: int) -> list[Due]:
    """Lease the wake-ups of this tenant that are due longest, past those that other workers hold."""
    found = await session.db.execute(
        CLAIM, {"tenant_id": session.tenant_id, "limit": limit, "lease": domain.LEASE}
    )
    return sorted((_due(row) for row in found), key=lambda due: due.fire_at)


async def finish(session: TenantSession, due: Due) -> None:
    """Remove the wake-up, unless it was set anew or claimed by another meanwhile."""
    await session.db.execute(FINISH, _key(session, due))


async def release(session: TenantSession, dues: Sequence[Due]) -> None:
    """Give claimed wake-ups back as if they had not been tried."""
    await session.db.execute(RELEASE, [_key(session, due) for due in dues])


async def put_off(session: TenantSession, due: Due, *, attempts: int, delay: timedelta | None) -> None:
    """Count failed attempts; without a delay the wake-up is not leased to rest, only counted."""
    await session.db.execute(PUT_OFF, {**_key(session, due), "attempts": attempts, "delay": delay})


async def lock_clock(session: TenantSession) -> SandboxClock | None:
    return _clock((await session.db.execute(LOCK_CLOCK, {"tenant_id": session.tenant_id})).first())


async def clock(session: TenantSession) -> SandboxClock | None:
    return _clock((await session.db.execute(READ_CLOCK, {"tenant_id": session.tenant_id})).first())


async def set_clock(session: TenantSession, *, now_at: datetime, target_at: datetime) -> None:
    await session.db.execute(
        SET_CLOCK, {"tenant_id": session.tenant_id, "now_at": now_at, "target_at": target_at}
    )


async def next_due(session: TenantSession, *, until: datetime) -> Due | None:
    """The first wake-up of a sandbox up to `until`. Parked ones do not hold the clock up."""
    found = (await session.db.execute(NEXT_DUE, _until(session, until))).first()
    return None if found is None else _due(found)


async def pending(session: TenantSession, *, until: datetime) -> int:
    return (await session.db.execute(PENDING, _until(session, until))).scalar_one()


def _until(session: TenantSession, until: datetime) -> dict[str, Any]:
    return {"tenant_id": session.tenant_id, "until": until, "attempts_max": domain.ATTEMPTS_MAX}


def _key(session: TenantSession, due: Due) -> dict[str, Any]:
    return {
        "tenant_id": session.tenant_id,
        "subject_kind": due.subject_kind,
        "subject_id": due.subject_id,
        "generation": due.generation,
        "claimed_until": due.claimed_until,
    }


def _clock(row: Row[Any] | None) -> SandboxClock | None:
    return None if row is None else SandboxClock(now_at=row.now_at, target_at=row.target_at)


def _due(row: Row[Any]) -> Due:
    return Due(
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        generation=row.generation,
        fire_at=row.fire_at,
        claimed_until=row.claimed_until,
        attempts=row.attempts,
    )
