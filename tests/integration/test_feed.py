"""A reader of the feed misses nothing, however late a transaction commits."""

import asyncio
from uuid import UUID, uuid4

import pytest

from service.db import SET_TENANT, Sessions, TenantSession, run, tenant_transaction
from service.ids import TenantId
from service.outbox import service
from service.outbox.models import EventDraft
from service.outbox.service import Position
from service.outbox.store import Sought
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

ALL = Sought()


def draft(sequence: int, *, subject_id: UUID | None = None) -> EventDraft:
    return EventDraft(
        type="commitment.kept",
        subject_kind="commitment",
        subject_id=subject_id or uuid4(),
        sequence=sequence,
        occurred_at=NOON,
        payload={},
    )


async def read(sessions: Sessions, tenant_id: TenantId, after: Position | None) -> tuple[list[int], Position]:
    """The sequences of what is new, and where to go on."""
    found: list[int] = []
    more = True
    while more:
        async with tenant_transaction(sessions, tenant_id) as session:
            part = await service.feed(session, ALL, after=after, limit=10)
        found += [event.sequence for event in part.events]
        after, more = part.next, part.more
    assert after is not None
    return found, after


async def test_what_commits_late_is_shown_late_and_never_skipped(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with own_sessions() as late_db:
        await run(late_db, SET_TENANT, tenant.id)
        await service.append(TenantSession(late_db, tenant.id), [draft(1)])
        for sequence in (2, 3):
            async with tenant_transaction(own_sessions, tenant.id) as session:
                await service.append(session, [draft(sequence)])

        while_it_runs, position = await read(own_sessions, tenant.id, None)
        await late_db.commit()

    afterwards, position = await read(own_sessions, tenant.id, position)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        await service.append(session, [draft(4)])
    at_last, _ = await read(own_sessions, tenant.id, position)

    assert while_it_runs == []
    assert afterwards == [1, 2, 3]
    assert at_last == [4]


async def test_what_is_rolled_back_is_never_shown(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with own_sessions() as db:
        await run(db, SET_TENANT, tenant.id)
        await service.append(TenantSession(db, tenant.id), [draft(1)])
        await db.rollback()
    async with tenant_transaction(own_sessions, tenant.id) as session:
        await service.append(session, [draft(2)])

    assert (await read(own_sessions, tenant.id, None))[0] == [2]


async def test_a_reader_that_tails_busy_writers_sees_every_event_once_and_in_order(
    own_sessions: Sessions,
) -> None:
    tenant = await factories.tenant(own_sessions)
    subjects, per_subject = [uuid4() for _ in range(6)], 25
    done = asyncio.Event()

    async def write(place: int, subject_id: UUID) -> None:
        for sequence in range(1, per_subject + 1):
            async with tenant_transaction(own_sessions, tenant.id) as session:
                await service.append(session, [draft(sequence, subject_id=subject_id)])
                for _ in range((place * 7 + sequence * 3) % 5):  # some hold their transaction open for longer
                    await service.append(session, [draft(1)])

    async def tail() -> list[tuple[UUID, int]]:
        seen: list[tuple[UUID, int]] = []
        position: Position | None = None
        finished = False
        while not finished:
            finished = done.is_set()
            more = True
            while more:
                async with tenant_transaction(own_sessions, tenant.id) as session:
                    part = await service.feed(session, ALL, after=position, limit=7)
                seen += [(event.subject_id, event.sequence) for event in part.events]
                position, more = part.next, part.more
        return seen

    reader = asyncio.create_task(tail())
    await asyncio.gather(*(write(place, subject) for place, subject in enumerate(subjects)))
    done.set()
    seen = await reader

    assert len(seen) == len(set(seen))
    for subject in subjects:
        mine = [sequence for subject_id, sequence in seen if subject_id == subject]
        assert mine == list(range(1, per_subject + 1))
    others = [subject_id for subject_id, _ in seen if subject_id not in subjects]
    assert len(others) == sum(
        (place * 7 + sequence * 3) % 5
        for place in range(len(subjects))
        for sequence in range(1, per_subject + 1)
    )
