"""Several looking at one promise at once, with real commits: one of them tells, nothing is lost."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from service import ids
from service.commitments import domain, service, store
from service.commitments.domain import ElapsedTarget, EntryId, Fulfilled, Paused, Resumed
from service.commitments.models import Commitment
from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.outbox.models import EventRow
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

HOUR = timedelta(hours=1)
RESOLVE = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
RESPOND = domain.usual_terms("respond", ElapsedTarget(3600), calendar=None)


async def _promised(sessions: Sessions) -> tuple[TenantId, list[Commitment]]:
    tenant_id = (await factories.tenant(sessions)).id
    async with tenant_transaction(sessions, tenant_id) as session:
        offer = factories.offer(await factories.request(session), RESOLVE, RESPOND)
        return tenant_id, await service.promise(session, [offer], now=NOON)


async def _advance(sessions: Sessions, tenant_id: TenantId, promise: Commitment, now: datetime) -> None:
    async with tenant_transaction(sessions, tenant_id) as session:
        await service.advance(session, promise.id, now=now)


async def _told(sessions: Sessions, tenant_id: TenantId, promise: Commitment) -> list[tuple[int, str]]:
    async with tenant_transaction(sessions, tenant_id) as session:
        query = (
            select(EventRow.sequence, EventRow.type)
            .where(EventRow.tenant_id == tenant_id, EventRow.subject_id == promise.id)
            .order_by(EventRow.sequence)
        )
        return [(sequence, kind) for sequence, kind in await session.db.execute(query)]


async def test_of_many_workers_one_tells_of_a_breach(own_sessions: Sessions) -> None:
    tenant_id, [promise, _] = await _promised(own_sessions)
    late = NOON + 5 * HOUR

    await asyncio.gather(*(_advance(own_sessions, tenant_id, promise, late) for _ in range(12)))

    assert await _told(own_sessions, tenant_id, promise) == [(1, "commitment.made"), (2, "commitment.broken")]


async def test_reports_and_wake_ups_at_once_lose_nothing(own_sessions: Sessions) -> None:
    tenant_id, promises = await _promised(own_sessions)
    resolve, respond = promises

    async def report(minute: int) -> None:
        at = NOON + timedelta(minutes=minute)
        stop = Paused(
            at=at, received_at=at, id=EntryId(str(ids.new_id())), cause="waiting_requester", party="requester"
        )
        go = Resumed(
            at=at + timedelta(minutes=1),
            received_at=at,
            id=EntryId(str(ids.new_id())),
            cause="waiting_requester",
        )
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await service.record(session, resolve.request_id, [stop, go], now=NOON + 2 * HOUR)

    looks = [_advance(own_sessions, tenant_id, one, NOON + 2 * HOUR) for one in promises for _ in range(4)]
    await asyncio.gather(*(report(minute) for minute in range(0, 40, 4)), *looks)

    async with tenant_transaction(own_sessions, tenant_id) as session:
        rows = await store.of_request(session, resolve.request_id)
        ledgers = await store.ledgers(session, [row.id for row in rows])
    paused = [sum(isinstance(entry, Paused) for entry in ledgers[row.id]) for row in rows]
    assert paused == [10, 10]
    assert rows[0].due_at == NOON + 4 * HOUR + timedelta(minutes=10)
    assert [kind for _, kind in await _told(own_sessions, tenant_id, respond)] == [
        "commitment.made",
        "commitment.broken",
    ]
    sequences = [sequence for sequence, _ in await _told(own_sessions, tenant_id, resolve)]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_a_fulfilment_and_the_breach_at_once_end_in_one_story(own_sessions: Sessions) -> None:
    """Whoever comes first, the promise is kept, and a breach that was told before is marked as corrected."""
    for _ in range(5):
        tenant_id, [promise, _] = await _promised(own_sessions)
        done = Fulfilled(
            at=NOON + 4 * HOUR, received_at=NOON + 5 * HOUR, id=EntryId(str(ids.new_id())), by="resolved"
        )

        async def fulfil(tenant_id: TenantId, promise: Commitment, done: Fulfilled) -> None:
            async with tenant_transaction(own_sessions, tenant_id) as session:
                await service.record(session, promise.request_id, [done], now=NOON + 5 * HOUR)

        await asyncio.gather(
            _advance(own_sessions, tenant_id, promise, NOON + 5 * HOUR), fulfil(tenant_id, promise, done)
        )

        told = [kind for _, kind in await _told(own_sessions, tenant_id, promise)]
        assert told[0] == "commitment.made"
        assert sorted(told[1:]) in (
            ["commitment.kept"],
            ["commitment.broken", "commitment.corrected", "commitment.kept"],
        )
