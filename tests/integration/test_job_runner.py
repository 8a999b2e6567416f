"""Jobs are run once when all goes well, again when they fail, and held when they keep failing."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from service.clock import SystemClock
from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.jobs import runner, service
from service.jobs.registry import Tools, job
from service.platform import platform_transaction
from tests import factories

pytestmark = pytest.mark.concurrent

POLL = timedelta(milliseconds=20)
PICK = text(
    "update pgqueuer set status = 'picked', queue_manager_id = gen_random_uuid(),"
    " heartbeat = now() - make_interval(secs => :silent_for)"
)


@dataclass
class Trials:
    """What the test's jobs have tried: each fails as often as its argument says."""

    enough: int
    tried: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


async def give_up(tools: Tools, *, tenant_id: UUID, failures: int) -> None:
    del tenant_id
    tools.part(Trials).given_up.append(failures)


@job("tests.trial", max_attempts=3, given_up=give_up)
async def trial(tools: Tools, *, tenant_id: UUID, failures: int) -> None:
    del tenant_id
    trials = tools.part(Trials)
    trials.tried.append(failures)
    if len(trials.tried) >= trials.enough:
        trials.done.set()
    if trials.tried.count(failures) <= failures:
        raise RuntimeError("this job fails for a while")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RETRY_DELAY_MIN", timedelta(milliseconds=10))


async def run_until_done(sessions: Sessions, trials: Trials) -> None:
    stop = asyncio.Event()
    tools = Tools(sessions, SystemClock(), {Trials: trials})
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
        tasks.create_task(runner.run(tools, poll_interval=POLL, stop=stop))
        await trials.done.wait()
        stop.set()


async def left(sessions: Sessions) -> int:
    async with sessions() as db:
        return (await db.execute(text("select count(*) from pgqueuer"))).scalar_one()


@pytest.fixture
async def own_tenant_id(own_sessions: Sessions) -> TenantId:
    return (await factories.tenant(own_sessions)).id


async def test_a_job_that_fails_is_run_again(own_sessions: Sessions, own_tenant_id: TenantId) -> None:
    async with tenant_transaction(own_sessions, own_tenant_id) as session:
        await service.enqueue_all(session, "tests.trial", [{"failures": 0}, {"failures": 2}])
    trials = Trials(enough=4)

    await run_until_done(own_sessions, trials)

    assert sorted(trials.tried) == [0, 2, 2, 2]
    assert trials.given_up == []
    assert await left(own_sessions) == 0


async def test_a_job_that_keeps_failing_is_given_up_once_and_held_for_an_operator(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    async with tenant_transaction(own_sessions, own_tenant_id) as session:
        await service.enqueue(session, "tests.trial", failures=9)
    trials = Trials(enough=3)

    await run_until_done(own_sessions, trials)

    assert trials.tried == [9] * 3
    assert trials.given_up == [9]
    async with platform_transaction(own_sessions) as platform:
        assert await service.held(platform) == 1


@pytest.mark.parametrize(("silent_for", "taken"), [(16, True), (10, False)])
async def test_a_job_of_a_worker_that_has_fallen_silent_is_taken_over(
    own_sessions: Sessions, own_tenant_id: TenantId, silent_for: int, *, taken: bool
) -> None:
    async with tenant_transaction(own_sessions, own_tenant_id) as session:
        await service.enqueue(session, "tests.trial", failures=0)
        await session.db.execute(PICK, {"silent_for": silent_for})
        await service.enqueue(session, "tests.trial", delay=POLL, failures=1)
    trials = Trials(enough=3 if taken else 2)

    await run_until_done(own_sessions, trials)

    assert trials.tried.count(0) == taken


async def test_a_job_of_a_transaction_that_is_undone_does_not_exist(
    own_sessions: Sessions, own_tenant_id: TenantId
) -> None:
    with pytest.raises(RuntimeError, match="undone"):
        await _enqueue_and_fail(own_sessions, own_tenant_id)

    assert await left(own_sessions) == 0


async def test_a_job_waits_for_its_delay(own_sessions: Sessions, own_tenant_id: TenantId) -> None:
    async with tenant_transaction(own_sessions, own_tenant_id) as session:
        await service.enqueue(session, "tests.trial", delay=timedelta(hours=1), failures=1)
        await service.enqueue(session, "tests.trial", failures=0)
    trials = Trials(enough=1)

    await run_until_done(own_sessions, trials)

    assert trials.tried == [0]
    assert await left(own_sessions) == 1


async def test_what_pgqueuer_logged_long_ago_is_dropped(own_sessions: Sessions) -> None:
    async with platform_transaction(own_sessions) as platform:
        await platform.db.execute(
            text(
                "insert into pgqueuer_log (created, job_id, status, priority, entrypoint)"
                " select now() - make_interval(days => days), days, 'successful', 0, 'x'"
                " from unnest(array[1, 6, 8, 30]) days"
            )
        )
        await service.tidy(platform)
        found = await platform.db.execute(text("select job_id from pgqueuer_log order by job_id"))

        assert [row.job_id for row in found] == [1, 6]


async def _enqueue_and_fail(sessions: Sessions, tenant_id: TenantId) -> None:
    async with tenant_transaction(sessions, tenant_id) as session:
        await service.enqueue(session, "tests.trial", failures=0)
        raise RuntimeError("undone")
