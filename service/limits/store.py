"""Queries of this slice. Every statement names the tenant."""

import hashlib
from datetime import datetime
from uuid import UUID

from service import ids
from service.db import TenantSession, run
from service.limits.domain.rates import ROUNDING, Grant, Rate
from service.limits.domain.table import Limit

OWN = "select name, value from tenant_limit where tenant_id = $1"
SET = """
insert into tenant_limit (tenant_id, id, name, value, changed_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, name) do update set value = excluded.value, changed_at = excluded.changed_at
"""
UNSET = "delete from tenant_limit where tenant_id = $1 and name = $2"
LOCK = "select pg_advisory_xact_lock($1)"
TAKE = f"""
insert into rate_bucket as bucket (tenant_id, id, full_at, granted)
values ($1, $2, now() + least($3::int, $5::int) * interval '1 s' / $4::float8, least($3::int, $5::int))
on conflict (tenant_id, id) do update set (full_at, granted) = (
    select now() + (debt + taken / $4::float8) * interval '1 s', taken
    from (
        select debt, greatest(0, least($3::int, floor($5::int - debt * $4::float8 + {ROUNDING}))) as taken
        from (
            select least(
                greatest(extract(epoch from bucket.full_at - now())::float8, 0), $5::int / $4::float8
            ) as debt
        ) as owed
    ) as found
)
returning granted, extract(epoch from full_at - now())::float8 as debt
"""  # noqa: S608 - a constant
"""What `rates.take` says. `now()` is when the transaction began: after a wait for the row it is too early,
which gives too few tokens and never too many."""


async def own(session: TenantSession) -> dict[str, int]:
    """The values that the operator gave this tenant."""
    return {row.name: row.value for row in await run(session.db, OWN, session.tenant_id)}


async def set_own(session: TenantSession, limit: Limit, value: int, *, now: datetime) -> None:
    await run(session.db, SET, session.tenant_id, ids.new_id(), limit.name, value, now)


async def unset_own(session: TenantSession, limit: Limit) -> None:
    await run(session.db, UNSET, session.tenant_id, limit.name)


async def lock(session: TenantSession, limit: Limit) -> None:
    """Let nobody else of this tenant count and add what this limit counts, till the transaction ends."""
    digest = hashlib.sha256(b"limit" + session.tenant_id.bytes + limit.name.encode()).digest()
    await run(session.db, LOCK, int.from_bytes(digest[:8], "big", signed=True))


async def take(session: TenantSession, bucket_id: UUID, rate: Rate, wanted: int) -> Grant:
    """Take up to `wanted` tokens from a bucket, which begins full."""
    row = (
        await run(session.db, TAKE, session.tenant_id, bucket_id, wanted, float(rate.per_second), rate.burst)
    ).one()
    left = rate.burst - row.debt * rate.per_second
    wait = 0.0 if row.granted else max(0.0, (1 - left) / rate.per_second)
    return Grant(row.granted, max(0.0, left), wait)
