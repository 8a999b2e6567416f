"""pgqueuer's tables, as far as we write them ourselves: jobs go in by the caller's transaction."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text

from service.db import TenantSession, run_many
from service.platform import PlatformSession

ADD = """
insert into pgqueuer (priority, entrypoint, payload, execute_after, status, lane)
values (0, $1, $2, now() + $3::interval, 'queued', $4)
"""
"""The lane is the tenant, and each tenant's has its turn. pgqueuer's own statement adds a row to its log; the
pick is logged, which is enough."""

FORGET = (
    text("delete from pgqueuer_log where created < now() - cast(:kept_for as interval)"),
    text("delete from pgqueuer_statistics where created < now() - cast(:kept_for as interval)"),
)
HELD = text("select count(*) from pgqueuer where status = 'failed'")


async def add(session: TenantSession, name: str, payloads: Sequence[bytes], *, delay: timedelta) -> None:
    """Enqueue jobs, by a statement that writes nothing else: on Citus the queue stays on one node."""
    jobs = [(name, payload, delay, session.tenant_id) for payload in payloads]
    await run_many(session.db, ADD, jobs)


async def forget(platform: PlatformSession, *, kept_for: timedelta) -> None:
    """Drop what pgqueuer logged and counted longer ago; it never does so itself."""
    for statement in FORGET:
        await platform.db.execute(statement, {"kept_for": kept_for})


async def held(platform: PlatformSession) -> int:
    """How many jobs failed for good and wait for an operator."""
    return (await platform.db.execute(HELD)).scalar_one()
