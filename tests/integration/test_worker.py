"""Workers side by side, killed, cut off and overtaken: what is due fires once, and never early."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url, text

from service import worker
from service.clock import SystemClock
from service.db import Sessions, TenantSession, create_engine, create_sessions, run, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.settings import Settings
from service.telemetry import Metrics
from service.wakeups import domain, drive, store
from service.wakeups import service as wakeups
from service.wakeups.drive import Meters, Round
from service.wakeups.models import WakeUp
from service.wakeups.service import Advance, Advances
from tests.factories import VAULT
from tests.integration import subjects
from tests.integration.subjects import KIND, Witness

pytestmark = pytest.mark.concurrent

TAKEOVER_SECONDS_MAX = 20
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def workers(
    database: EmbeddedDatabase, advances: Mapping[str, Advance], *, count: int = 1, pool_size: int = 8
) -> AsyncGenerator[None]:
    """Workers with a pool each; leaving stops them and waits for what they have begun."""
    stop = asyncio.Event()
    engines = [create_engine(database.app_url, pool_size=pool_size) for _ in range(count)]
    async with asyncio.TaskGroup() as tasks:
        for engine in engines:
            tasks.create_task(
                worker.run(
                    Settings.model_validate({}),
                    create_sessions(engine),
                    vault=VAULT,
                    advances=advances,
                    stop=stop,
                )
            )
        try:
            yield
        finally:
            stop.set()
    for engine in engines:
        await engine.dispose()


def round_of(sessions: Sessions, advances: Mapping[str, Advance], metrics: Metrics | None = None) -> Round:
    return Round(sessions, Advances(advances), Meters.of(metrics or Metrics()), asyncio.Event())


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.prove)])
async def test_two_workers_fire_each_of_many_wake_ups_once(
    own_database: EmbeddedDatabase, own_sessions: Sessions, count: int
) -> None:
    tenants = await subjects.live_tenants(own_sessions, 20)
    for tenant_id in tenants:
        await subjects.schedule(own_sessions, tenant_id, count // 20)
    witness = Witness(count)

    async with workers(own_database, {KIND: witness.advance}, count=2), asyncio.timeout(300):
        await witness.done.wait()

    assert len(witness.seen) == len({subject for _, subject, _ in witness.seen}) == count
    assert await subjects.told(own_sessions, tenants) == count
    assert await subjects.left(own_sessions) == 0


async def test_the_smallest_pool_that_may_be_set_is_enough(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    await subjects.schedule(own_sessions, tenant_id, 20)
    witness, smallest = Witness(20), Settings.model_validate({"database_pool_size": 1})

    async with (
        workers(own_database, {KIND: witness.advance}, pool_size=worker.pool_size(smallest)),
        asyncio.timeout(20),
    ):
        await witness.done.wait()

    assert len(witness.seen) == 20


async def test_what_a_killed_worker_had_claimed_is_taken_over_in_time_and_told_of_once(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    tenants = await subjects.live_tenants(own_sessions, 2)
    for tenant_id in tenants:
        await subjects.schedule(own_sessions, tenant_id, 20)

    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.dying_worker", own_database.app_url, "9"), cwd=ROOT
    )
    assert await killed.wait() == -signal.SIGKILL
    died_at = asyncio.get_running_loop().time()
    before = await subjects.told(own_sessions, tenants)
    witness = Witness(40 - before)
    async with workers(own_database, {KIND: witness.advance}), asyncio.timeout(2 * TAKEOVER_SECONDS_MAX):
        await witness.done.wait()

    assert 0 < before < 40
    assert asyncio.get_running_loop().time() - died_at < TAKEOVER_SECONDS_MAX
    assert await subjects.told(own_sessions, tenants) == 40
    assert await subjects.left(own_sessions) == 0


async def test_a_worker_that_loses_its_database_connections_goes_on(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    await subjects.schedule(own_sessions, tenant_id, 150)
    witness = Witness(50)

    async with workers(own_database, {KIND: witness.advance}), asyncio.timeout(60):
        await witness.done.wait()
        await _cut_off(own_database)
        await own_sessions.kw["bind"].dispose()  # the test's own connections are cut too
        await subjects.emptied(own_sessions)

    assert len(witness.seen) >= 150

    assert await subjects.told(own_sessions, [tenant_id]) == 150
    assert await subjects.left(own_sessions) == 0


async def test_nothing_fires_before_its_time(own_database: EmbeddedDatabase, own_sessions: Sessions) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    due_at = SystemClock().now() + timedelta(seconds=1)
    await subjects.schedule(own_sessions, tenant_id, 5, due_in=timedelta(seconds=1))
    witness = Witness(5)

    async with workers(own_database, {KIND: witness.advance}, count=2), asyncio.timeout(20):
        await witness.done.wait()

    assert all(now >= due_at for _, _, now in witness.seen)


async def test_one_tenants_backlog_does_not_hold_up_another(own_sessions: Sessions) -> None:
    busy, quiet = await subjects.live_tenants(own_sessions, 2)
    await subjects.schedule(own_sessions, busy, 400, due_in=timedelta(hours=-1))
    await subjects.schedule(own_sessions, quiet, 1)
    witness = Witness(401)

    await drive.fire_due(round_of(own_sessions, {KIND: witness.advance}))

    assert quiet in {tenant_id for tenant_id, _, _ in witness.seen}
    assert len(witness.seen) <= drive.LANES * drive.BATCH_SIZE


async def test_a_wake_up_that_fails_rests_and_holds_up_no_other(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "RETRY_DELAY_MIN", timedelta(minutes=1))
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    bad, *good = await subjects.schedule(own_sessions, tenant_id, 5)

    async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        if subject_id == bad:
            raise RuntimeError("a subject that cannot be looked at")
        await witness.advance(session, subject_id, now=now)

    witness = Witness(4)
    metrics = Metrics()
    work = round_of(own_sessions, {KIND: advance}, metrics)
    first, second = await drive.fire_due(work), await drive.fire_due(work)

    assert (first, second) == (5, 0)
    assert [subject for _, subject, _ in witness.seen] == good
    assert metrics.registry.get_sample_value("rooted_wake_ups_total", {"outcome": "failed"}) == 1
    assert metrics.registry.get_sample_value("rooted_wake_ups_total", {"outcome": "fired"}) == 4
    assert await subjects.left(own_sessions) == 1


async def test_what_is_not_begun_when_a_worker_is_stopped_is_free_at_once(own_sessions: Sessions) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    await subjects.schedule(own_sessions, tenant_id, 100)

    async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        await witness.advance(session, subject_id, now=now)
        work.stop.set()

    witness = Witness(100)
    work = round_of(own_sessions, {KIND: advance})
    await drive.fire_due(work)
    after = Witness(100)
    fired = 0
    while part := await drive.fire_due(round_of(own_sessions, {KIND: after.advance})):
        fired += part

    assert len(witness.seen) <= drive.LANES
    assert fired == 100 - len(witness.seen)
    assert await subjects.left(own_sessions) == 0


async def test_a_wake_up_that_is_set_anew_while_it_fires_stays(own_sessions: Sessions) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    (subject,) = await subjects.schedule(own_sessions, tenant_id, 1)
    later = SystemClock().now() + timedelta(hours=1)

    async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        del now
        await wakeups.schedule(session, [WakeUp(KIND, subject_id, later)])

    await drive.fire_due(round_of(own_sessions, {KIND: advance}))

    async with own_sessions() as db:
        row = (await db.execute(text("select * from wake_up"))).one()
    assert (row.subject_id, row.fire_at, row.claimed_until, row.attempts) == (subject, later, None, 0)
    assert row.generation == 2


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_finishing_does_not_remove_a_wake_up_that_another_transaction_has_set(
    own_sessions: Sessions, *, cancelled_first: bool
) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    (subject,) = await subjects.schedule(own_sessions, tenant_id, 1)
    async with tenant_transaction(own_sessions, tenant_id) as session:
        (due,) = await store.claim(session, limit=10)
    async with tenant_transaction(own_sessions, tenant_id) as session:
        if cancelled_first:
            await wakeups.cancel(session, KIND, [subject])
        await wakeups.schedule(session, [WakeUp(KIND, subject, due.fire_at)])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        await store.finish(session, due)

    assert await subjects.left(own_sessions) == 1


async def test_what_one_worker_has_claimed_another_does_not_get(own_sessions: Sessions) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    await subjects.schedule(own_sessions, tenant_id, 10)

    async with (
        tenant_transaction(own_sessions, tenant_id) as one,
        tenant_transaction(own_sessions, tenant_id) as other,
    ):
        mine = await store.claim(one, limit=6)
        theirs = await store.claim(other, limit=6)
    async with tenant_transaction(own_sessions, tenant_id) as session:
        nobodys = await store.claim(session, limit=6)

    assert (len(mine), len(theirs), len(nobodys)) == (6, 4, 0)
    assert not {due.subject_id for due in mine} & {due.subject_id for due in theirs}
    assert [due.fire_at for due in mine] == sorted(due.fire_at for due in mine)


async def test_what_is_claimed_is_found_by_its_place_and_not_by_reading_the_table(
    own_sessions: Sessions,
) -> None:
    (tenant_id,) = await subjects.live_tenants(own_sessions, 1)
    await subjects.schedule(own_sessions, tenant_id, 5_000)

    async with tenant_transaction(own_sessions, tenant_id) as session:
        plan = await run(session.db, f"explain {store.CLAIM}", tenant_id, 20, domain.LEASE)

    assert "Tid Scan on wake_up" in "\n".join(row[0] for row in plan)


async def test_a_sandboxes_wake_ups_wait_for_its_own_clock(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    (live,) = await subjects.live_tenants(own_sessions, 1)
    sandbox = await subjects.sandbox(own_sessions)
    await subjects.schedule(own_sessions, sandbox, 3, due_in=timedelta(hours=-1))
    await subjects.schedule(own_sessions, live, 1)
    witness = Witness(1)

    async with workers(own_database, {KIND: witness.advance}), asyncio.timeout(20):
        await witness.done.wait()

    assert {tenant_id for tenant_id, _, _ in witness.seen} == {live}
    assert await subjects.left(own_sessions) == 3


async def _cut_off(database: EmbeddedDatabase) -> None:
    """End every connection of the login role to this database, as a restart would."""
    name = make_url(database.app_url).database
    engine = create_engine(database.superuser_url, pool_size=1)
    async with engine.connect() as connection:
        await connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = :name and pid <> pg_backend_pid()"
            ),
            {"name": name},
        )
    await engine.dispose()
