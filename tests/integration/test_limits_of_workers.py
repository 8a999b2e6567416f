"""A tenant with a backlog holds no more of a worker than its share, and others do not wait for it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from service import ids
from service.clock import SystemClock
from service.db import Sessions, run, tenant_transaction
from service.ids import TenantId
from service.jobs import runner, service, turns
from service.jobs.registry import Tools, job
from tests import factories

pytestmark = pytest.mark.concurrent

POLL = timedelta(milliseconds=20)
SHARE = runner.JOBS_OF_A_TENANT_MAX


@dataclass
class Receivers:
    """Where the jobs of the test lead to: those of some tenants do not answer until they are let go.

    Attributes:
        waited_for: how many jobs of each tenant have to be done before `done` is set.
    """

    slow: set[UUID]
    waited_for: dict[UUID, int]
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: Counter[UUID] = field(default_factory=Counter[UUID])
    most: Counter[UUID] = field(default_factory=Counter[UUID])
    finished: Counter[UUID] = field(default_factory=Counter[UUID])

    async def receive(self, tenant_id: UUID) -> None:
        self.under_way[tenant_id] += 1
        self.most[tenant_id] = max(self.most[tenant_id], self.under_way[tenant_id])
        if tenant_id in self.slow:
            await self.let_go.wait()
        self.under_way[tenant_id] -= 1
        self.finished[tenant_id] += 1
        if all(self.finished[each] >= count for each, count in self.waited_for.items()):
            self.done.set()


@job("tests.sent", max_attempts=3)
async def sent(tools: Tools, *, tenant_id: UUID, number: int) -> None:
    del number
    await tools.part(Receivers).receive(tenant_id)


async def enqueue(sessions: Sessions, tenant_id: TenantId, count: int) -> None:
    async with tenant_transaction(sessions, tenant_id) as session:
        await service.enqueue_all(session, "tests.sent", [{"number": number} for number in range(count)])


@pytest.fixture
async def tenants(own_sessions: Sessions) -> list[TenantId]:
    return [(await factories.tenant(own_sessions)).id for _ in range(4)]


@pytest.mark.parametrize("backlog", [300, pytest.param(10_000, marks=pytest.mark.prove)])
async def test_a_tenant_whose_receiver_hangs_has_its_share_of_the_worker_and_no_more(
    own_sessions: Sessions, tenants: list[TenantId], backlog: int
) -> None:
    hostile, *others = tenants
    await enqueue(own_sessions, hostile, backlog)
    for each in others:
        await enqueue(own_sessions, each, 30)
    receivers = Receivers({hostile}, dict.fromkeys(others, 30))
    stop, tools = asyncio.Event(), Tools(own_sessions, SystemClock(), {Receivers: receivers})

    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run(tools, poll_interval=POLL, stop=stop))
        await receivers.done.wait()
        seen = receivers.under_way[hostile], receivers.finished[hostile]
        receivers.done.clear()
        receivers.waited_for[hostile] = backlog
        receivers.let_go.set()
        await receivers.done.wait()
        stop.set()

    assert seen == (SHARE, 0)
    assert receivers.most[hostile] == SHARE
    assert receivers.finished == {hostile: backlog, **dict.fromkeys(others, 30)}


async def test_what_waits_for_its_turn_loses_no_attempt(
    own_sessions: Sessions, tenants: list[TenantId]
) -> None:
    hostile, other, *_ = tenants
    await enqueue(own_sessions, hostile, 50)
    await enqueue(own_sessions, other, 1)
    receivers = Receivers({hostile}, {other: 1})
    stop, tools = asyncio.Event(), Tools(own_sessions, SystemClock(), {Receivers: receivers})

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run(tools, poll_interval=POLL, stop=stop))
        await receivers.done.wait()
        async with own_sessions() as db:
            rows = (
                await db.execute(
                    text(
                        "select status::text, count(*) as jobs, max(attempts) as attempts from pgqueuer"
                        " where lane = :lane group by status"
                    ),
                    {"lane": hostile},
                )
            ).all()
        receivers.let_go.set()
        stop.set()

    assert {row.status: row.jobs for row in rows} == {"picked": SHARE, "queued": 50 - SHARE}
    assert {row.attempts for row in rows} == {0}


async def test_the_lane_with_the_fewest_under_way_is_next_and_then_the_job_that_is_due_longest(
    own_sessions: Sessions, tenants: list[TenantId]
) -> None:
    busy, idle, newest, _ = tenants
    for each in (busy, idle, newest):
        await enqueue(own_sessions, each, 2)

    async with own_sessions.begin() as db:
        taken = await run(
            db, turns.TAKE, 4, ["tests.sent"], ids.new_id(), timedelta(seconds=15), [busy], [1], SHARE
        )

    assert Counter(row.lane for row in taken) == {idle: 2, newest: 1, busy: 1}


async def test_a_backlog_is_not_read_to_find_the_next_jobs(
    own_sessions: Sessions, tenants: list[TenantId]
) -> None:
    hostile, other, *_ = tenants
    await enqueue(own_sessions, hostile, 3_000)
    await enqueue(own_sessions, other, 1)
    async with own_sessions.begin() as db:
        await run(db, "analyze pgqueuer")

    async with own_sessions.begin() as db:
        plan = await run(
            db,
            f"explain (analyze, timing off) {turns.TAKE}",
            *(10, ["tests.sent"], ids.new_id(), timedelta(seconds=15)),
            *(list[UUID](), list[int](), SHARE),
        )

    assert "Seq Scan on pgqueuer" not in "\n".join(row[0] for row in plan)
