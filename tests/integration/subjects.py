"""Subjects of wake-ups for tests: each is told of once; the database itself would not let it happen twice."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from service.clock import SystemClock
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import TenantId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp
from tests import factories

KIND = "promise"


async def tell(session: TenantSession, subject_id: UUID, *, now: datetime) -> None:
    """What a wake-up leads to. A second time it violates the unique sequence of the subject's events."""
    await outbox.append(
        session,
        [
            EventDraft(
                type="commitment.warned",
                subject_kind=KIND,
                subject_id=subject_id,
                sequence=1,
                occurred_at=now,
                payload={},
            )
        ],
    )


class Witness:
    """Tells of each subject, and is done once `expected` of them were told of."""

    def __init__(self, expected: int) -> None:
        self.seen: list[tuple[TenantId, UUID, datetime]] = []
        self.done = asyncio.Event()
        self._expected = expected

    async def advance(self, session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        await tell(session, subject_id, now=now)
        self.seen.append((session.tenant_id, subject_id, now))
        if len(self.seen) >= self._expected:
            self.done.set()


async def live_tenants(sessions: Sessions, count: int) -> list[TenantId]:
    return [(await factories.tenant(sessions)).id for _ in range(count)]


async def schedule(
    sessions: Sessions, tenant_id: TenantId, count: int, *, due_in: timedelta = timedelta(0)
) -> list[UUID]:
    """Wake-ups a microsecond apart from one another, the last of them `due_in` from now."""
    last = SystemClock().now() + due_in
    found = [uuid4() for _ in range(count)]
    async with tenant_transaction(sessions, tenant_id) as session:
        await wakeups.schedule(
            session,
            [
                WakeUp(KIND, subject, last - timedelta(microseconds=count - 1 - place))
                for place, subject in enumerate(found)
            ],
        )
    return found


async def told(sessions: Sessions, tenant_ids: Sequence[TenantId]) -> int:
    """How many events there are of these tenants."""
    total = 0
    for tenant_id in tenant_ids:
        async with tenant_transaction(sessions, tenant_id) as session:
            found = await session.db.execute(
                text("select count(*) from event where tenant_id = :id"), {"id": tenant_id}
            )
            total += found.scalar_one()
    return total


async def left(sessions: Sessions) -> int:
    """How many wake-ups are left, of all tenants."""
    async with sessions() as db:
        return (await db.execute(text("select count(*) from wake_up"))).scalar_one()


async def emptied(sessions: Sessions) -> None:
    """Wait until no wake-up is left. Only the database knows, so it is asked again and again."""
    while await left(sessions):  # noqa: ASYNC110 - a database sets no events
        await asyncio.sleep(0.1)


async def sandbox(sessions: Sessions) -> TenantId:
    return (await factories.tenant(sessions, sandbox_at=factories.NOON)).id
