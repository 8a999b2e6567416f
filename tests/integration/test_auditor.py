"""Planted faults: the auditor finds each in its next round, says so once, and the heartbeat stops meanwhile.

A round begins every 15 s, and what is due is left alone for 30 s: so each is found well within two minutes.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from service import composition, ids, schema, worker
from service.api.health import Check, Readiness
from service.audit.domain import Actor
from service.auditor import drive, service
from service.auditor.domain import BEAT_MISSED_AFTER, GRACE, INTERVAL, STANDSTILL
from service.auditor.drive import Auditor, Gauges, Result
from service.auditor.heartbeat import Heart
from service.auditor.models import Alarm
from service.clock import SystemClock
from service.commitments import service as commitments
from service.commitments.domain import ElapsedTarget, usual_terms
from service.commitments.targets import ElapsedTime
from service.db import Sessions, TenantSession, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.escalations.climbs import Climb
from service.escalations.runs import service as runs
from service.escalations.runs.models import Affair
from service.ids import CommitmentId, GateId, TenantId
from service.people.domain import Role
from service.platform import PlatformSession
from service.rationalization.approvals import service as approvals
from service.rationalization.verdicts import ApprovalGate
from service.requests import affairs
from service.requests import store as requests
from service.settings import Settings
from service.telemetry import Metrics
from service.tenants import service as tenants
from service.wakeups import drive as wakeups
from service.wakeups.drive import Meters, Round
from service.wakeups.service import Advances
from tests import factories
from tests.factories import NOON, VAULT

pytestmark = pytest.mark.concurrent

FOUND_WITHIN_MAX = timedelta(minutes=2)


@dataclass
class Monitor:
    """Listens for heartbeats, as one outside would."""

    url: str = ""
    heard: list[bytes] = field(default_factory=list[bytes])

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def listening() -> AsyncGenerator[Monitor]:
    monitor = Monitor()
    async with await asyncio.start_server(monitor.take, "127.0.0.1", 0) as server:
        monitor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/beat"
        yield monitor


@dataclass(frozen=True, slots=True)
class Scene:
    """A live tenant with a promise that runs, an auditor, and whoever listens to its heartbeat."""

    sessions: Sessions
    tenant_id: TenantId
    promise_id: CommitmentId
    auditor: Auditor
    monitor: Monitor

    async def audit(self) -> Result:
        result = await drive.audit(self.auditor)
        assert result is not None
        return result

    async def sql(self, statement: str, **parameters: Any) -> None:
        """Do by hand what should never happen."""
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            of_tenant = {"tenant": self.tenant_id} if ":tenant" in statement else {}
            await session.db.execute(text(statement), of_tenant | parameters)

    async def alarms(self, *, stands: bool | None = None) -> list[Alarm]:
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            return await service.list_alarms(session, stands=stands, before=None, limit=100)

    async def told(self) -> list[str]:
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            rows = await session.db.execute(
                text(
                    "select type from event where tenant_id = :tenant and type like 'alarm.%'"
                    " order by subject_id, sequence"
                ),
                {"tenant": self.tenant_id},
            )
            return list(rows.scalars())

    async def readiness(self) -> Check:
        checks = await Readiness(self.sessions, SystemClock(), schema.head()).examine()
        return checks["auditor"]

    async def work(self) -> None:
        """Fire what is due, as a worker does."""
        known = Advances(composition.ADVANCES)
        await wakeups.fire_due(Round(self.sessions, known, Meters.of(Metrics()), asyncio.Event()))

    async def silence_heartbeat(self) -> None:
        """Let it be long ago that the last one was sent."""
        await self.sql("update auditor_round set heartbeat_at = null")

    async def beats(self) -> int:
        """How many heartbeats the next round sends."""
        await self.silence_heartbeat()
        before = len(self.monitor.heard)
        await self.audit()
        return len(self.monitor.heard) - before


@pytest.fixture
async def scene(own_sessions: Sessions) -> AsyncGenerator[Scene]:
    tenant = await factories.tenant(own_sessions)
    promise_id = await promised(own_sessions, tenant.id)
    async with listening() as monitor:
        heart = Heart(monitor.url)
        auditor = Auditor(own_sessions, heart, Gauges.of(Metrics()), asyncio.Event(), spacing=timedelta(0))
        yield Scene(own_sessions, tenant.id, promise_id, auditor, monitor)
        await heart.aclose()


@pytest.fixture
async def superuser(own_database: EmbeddedDatabase) -> AsyncGenerator[AsyncEngine]:
    url = make_url(own_database.superuser_url).set(database=make_url(own_database.app_url).database)
    engine = create_async_engine(url)
    yield engine
    await engine.dispose()


async def promised(sessions: Sessions, tenant_id: TenantId, *, hours: int = 1) -> CommitmentId:
    """A promise that is due in an hour of the wall clock."""
    now = SystemClock().now()
    async with tenant_transaction(sessions, tenant_id) as session:
        request_id = await factories.request(session, opened_at=now)
        terms = usual_terms("resolve", ElapsedTarget(hours * 3_600), calendar=None)
        (made,) = await commitments.promise(session, [factories.offer(request_id, terms, at=now)], now=now)
    return made.id


PLANTED = {
    "a wake-up is deleted": ("delete from wake_up where tenant_id = :tenant", "wake_up_missing", True),
    "a wake-up is set to an instant after the due": (
        "update wake_up set fire_at = fire_at + interval '1 minute' where tenant_id = :tenant",
        "wake_up_missing",
        True,
    ),
    "a lease is pushed into the far future": (
        "update wake_up set fire_at = now() - interval '40 s', claimed_until = now() + interval '1 year'",
        "lease_stuck",
        True,
    ),
    "nobody fires": ("update wake_up set fire_at = now() - interval '40 s'", "wake_up_overdue", False),
    "every attempt failed": (
        "update wake_up set fire_at = now() - interval '40 s', attempts = 5, claimed_until = now() + '5 min'",
        "wake_up_parked",
        False,
    ),
}


async def test_where_all_is_well_the_heartbeat_goes_out_and_nobody_is_alarmed(scene: Scene) -> None:
    result = await scene.audit()

    assert result.is_good
    assert [line.split()[0] for line in scene.monitor.heard] == [b"POST"]
    assert await scene.alarms() == []
    assert (await scene.readiness()).ok


async def test_heartbeats_come_no_thicker_than_every_30_seconds(scene: Scene) -> None:
    for _ in range(3):
        await scene.audit()
    assert len(scene.monitor.heard) == 1


@pytest.mark.parametrize("fault", PLANTED)
async def test_what_was_planted_is_found_once_told_and_cleared(scene: Scene, fault: str) -> None:
    statement, kind, mended = PLANTED[fault]
    assert await scene.beats() == 1

    await scene.sql(statement)

    assert await scene.beats() == 0
    (alarm,) = await scene.alarms(stands=True)
    assert (alarm.kind, alarm.subject_id, alarm.mended) == (kind, scene.promise_id, mended)
    await scene.audit()
    assert len(await scene.alarms()) == 1
    assert set(await scene.told()) >= {"alarm.raised"}
    await scene.sql("update wake_up set claimed_until = null where tenant_id = :tenant")
    await scene.work()
    assert await scene.beats() == 1
    assert await scene.alarms(stands=True) == []
    assert await scene.told() == ["alarm.raised", "alarm.cleared"]


async def test_what_a_clients_own_transaction_left_to_its_ladders_is_not_lost(scene: Scene) -> None:
    now = SystemClock().now()
    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        client_id = (
            await tenants.create_client(session, Actor(), tenants.ClientEntry(name="Harbour"), now=now)
        ).id
        request_id = await factories.request(session, opened_at=now, client_id=client_id)
        terms = usual_terms("resolve", ElapsedTarget(3_600), calendar=None)
        made = await commitments.promise(session, [factories.offer(request_id, terms, at=now)], now=now)
    affair = Affair(
        request_id=request_id,
        client_id=client_id,
        service_id=None,
        source="desk",
        external_id="INC-1",
        title=None,
        type="incident",
        climbs=(Climb("usual"),),
    )
    async with tenant_transaction(scene.sessions, scene.tenant_id, client_id=client_id) as session:
        await runs.follow(session, made, affair=affair, now=now)
    await scene.sql("delete from wake_up where tenant_id = :tenant and subject_kind = 'affair'")

    assert await scene.beats() == 0

    (alarm,) = await scene.alarms(stands=True)
    assert (alarm.kind, alarm.subject_kind, alarm.subject_id) == ("wake_up_missing", "affair", request_id)
    await scene.work()
    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        (run,) = await runs.list_runs(session, runs.Sought(), before=None, limit=2)
    assert run.end_cause == "no_such_ladder"
    assert await scene.beats() == 1


async def test_an_approval_that_a_clients_own_transaction_asked_for_is_not_lost(scene: Scene) -> None:
    now, gate_id = SystemClock().now(), GateId(ids.new_id())
    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        entry = tenants.ClientEntry(name="Harbour")
        client_id = (await tenants.create_client(session, Actor(), entry, now=now)).id
        request_id = await factories.request(session, opened_at=now, client_id=client_id)
    async with tenant_transaction(scene.sessions, scene.tenant_id, client_id=client_id) as session:
        request = (await requests.get(session, request_id, client_id=client_id, lock=True)).to_domain()
        gate = ApprovalGate(name="board", roles=[Role.MANAGER], within=ElapsedTime(3_600))
        await approvals.ask(session, affairs.matter(request), gate_id, gate, now=now)
    await scene.sql("delete from wake_up where tenant_id = :tenant and subject_kind = 'approval'")

    assert await scene.beats() == 0

    (alarm,) = await scene.alarms(stands=True)
    assert (alarm.kind, alarm.subject_kind, alarm.subject_id) == ("wake_up_missing", "approval", gate_id)
    await scene.work()
    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        assert (await approvals.get(session, gate_id)).sequence == 1
    assert await scene.beats() == 1


async def test_a_promise_without_a_wake_up_gets_one_and_breaks_in_time(scene: Scene) -> None:
    await scene.sql("delete from wake_up where tenant_id = :tenant")

    await scene.audit()
    await scene.work()

    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        found = await session.db.execute(
            text(
                "select w.fire_at - c.due_at from wake_up w join commitment c"
                " on c.tenant_id = w.tenant_id and c.id = w.subject_id where w.tenant_id = :tenant"
            ),
            {"tenant": scene.tenant_id},
        )
    assert found.scalar_one() == timedelta(microseconds=1)


async def test_found_within_two_minutes_is_what_the_bounds_say() -> None:
    assert max(GRACE, STANDSTILL, BEAT_MISSED_AFTER) + 2 * INTERVAL + drive.BUDGET < FOUND_WITHIN_MAX


async def test_a_wake_up_loop_that_stands_still_makes_the_service_unready_until_it_goes_on(
    scene: Scene,
) -> None:
    await scene.sql("update wake_up set fire_at = now() - interval '70 seconds' where tenant_id = :tenant")

    result = await scene.audit()

    assert [kind.value for kind in result.platform] == ["wake_ups_late", "workers_silent"]
    check = await scene.readiness()
    assert (check.ok, "wake_ups_late" in check.detail) == (False, True)
    await scene.work()
    assert await scene.beats() == 1
    assert (await scene.readiness()).ok


async def test_a_tenant_whose_many_wake_ups_take_long_takes_no_server_out_of_service(scene: Scene) -> None:
    """Somebody is at them: that the others wait is an alarm of that tenant, and the heartbeat stops."""
    await promised(scene.sessions, scene.tenant_id)
    await scene.sql("update wake_up set fire_at = now() - interval '70 seconds' where tenant_id = :tenant")
    async with scene.sessions.begin() as db:
        await db.execute(text("insert into worker_beat values (:id, now(), now())"), {"id": ids.new_id()})
    await scene.sql(
        "update wake_up set claimed_until = now() + interval '15 seconds'"
        " where tenant_id = :tenant and subject_id = :held",
        held=scene.promise_id,
    )

    assert await scene.beats() == 0

    assert (await scene.readiness()).ok
    (alarm,) = await scene.alarms(stands=True)
    assert alarm.kind == "wake_up_overdue"
    assert alarm.subject_id != scene.promise_id


async def test_a_worker_that_falls_silent_while_work_waits_is_missed(scene: Scene) -> None:
    await scene.sql("update wake_up set fire_at = now() - interval '40 seconds' where tenant_id = :tenant")
    async with scene.sessions.begin() as db:
        await db.execute(
            text(
                "insert into worker_beat values (:id, now(), now()), (:other, now(), now() - interval '40 s')"
            ),
            {"id": ids.new_id(), "other": ids.new_id()},
        )

    result = await scene.audit()

    assert [kind.value for kind in result.platform] == ["workers_silent"]
    await scene.work()
    assert (await scene.audit()).is_good


async def test_a_worker_that_ends_as_it_should_is_not_missed(
    own_database: EmbeddedDatabase, scene: Scene
) -> None:
    stop, engine = asyncio.Event(), create_engine(own_database.app_url, pool_size=9)
    running = asyncio.create_task(
        worker.run(Settings.model_validate({}), create_sessions(engine), vault=VAULT, advances={}, stop=stop)
    )
    async with asyncio.timeout(20):
        while await _beating(scene.sessions) == 0:  # noqa: ASYNC110 - it beats in the database only
            await asyncio.sleep(0.05)
    stop.set()
    await running
    await engine.dispose()

    assert await _beating(scene.sessions) == 0


async def test_a_worker_whose_beat_failed_goes_on_as_the_same(
    own_database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another name it would be missed under its first."""
    stop, engine, heard = asyncio.Event(), create_engine(own_database.app_url, pool_size=9), list[UUID]()

    async def beat(_: PlatformSession, worker_id: UUID) -> None:
        heard.append(worker_id)
        if len(heard) <= 2:
            raise ConnectionError("no database")
        stop.set()

    monkeypatch.setattr(service, "beat", beat)
    async with asyncio.timeout(20):
        settings = Settings.model_validate({})
        await worker.run(settings, create_sessions(engine), vault=VAULT, advances={}, stop=stop)
    await engine.dispose()

    assert len(heard) == 3
    assert len(set(heard)) == 1


async def _beating(sessions: Sessions) -> int:
    async with sessions.begin() as db:
        return (await db.execute(text("select count(*) from worker_beat"))).scalar_one()


async def test_jobs_that_nobody_takes_are_an_alarm_for_every_tenant(scene: Scene) -> None:
    async with scene.sessions.begin() as db:
        await db.execute(
            text(
                "insert into pgqueuer (priority, entrypoint, status, execute_after)"
                " values (0, 'outbox.deliver', 'queued', now() - interval '70 seconds')"
            )
        )

    result = await scene.audit()

    assert [kind.value for kind in result.platform] == ["jobs_late", "workers_silent"]


async def test_an_auditor_whose_own_query_is_broken_is_no_auditor(
    scene: Scene, superuser: AsyncEngine
) -> None:
    assert await scene.beats() == 1
    async with superuser.begin() as connection:
        await connection.execute(text("alter table alarm rename column cleared_at to cleared"))

    assert await scene.beats() == 0
    await scene.sql("update auditor_round set succeeded_at = now() - interval '121 seconds'")
    check = await scene.readiness()
    assert (check.ok, "the last one failed" in check.detail) == (False, True)

    async with superuser.begin() as connection:
        await connection.execute(text("alter table alarm rename column cleared to cleared_at"))
    assert await scene.beats() == 1
    assert (await scene.readiness()).ok


async def test_one_tenant_that_cannot_be_looked_at_silences_the_heartbeat_and_takes_no_server_out_of_service(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await factories.tenant(scene.sessions)
    await scene.sql("delete from wake_up where tenant_id = :tenant")
    look_at_tenant = service.look_at_tenant

    async def look(session: TenantSession) -> int:
        if session.tenant_id == other.id:
            raise ValueError("the run has not begun")
        return await look_at_tenant(session)

    monkeypatch.setattr(service, "look_at_tenant", look)
    await scene.audit()
    await scene.sql("update auditor_round set succeeded_at = now() - interval '121 seconds'")
    assert await scene.beats() == 0
    assert [alarm.kind for alarm in await scene.alarms()] == ["wake_up_missing"]
    assert (await scene.readiness()).ok

    monkeypatch.undo()
    assert await scene.beats() == 1


async def test_a_platform_that_cannot_be_looked_at_is_no_good_round(
    scene: Scene, superuser: AsyncEngine
) -> None:
    async with superuser.begin() as connection:
        await connection.execute(text("alter table worker_beat rename column beat_at to beaten_at"))
    result = await scene.audit()
    assert (result.is_good, result.failure, scene.monitor.heard) == (False, "ProgrammingError", [])


async def test_a_round_is_one_processs_at_a_time(scene: Scene) -> None:
    auditor = Auditor(scene.sessions, None, Gauges.of(Metrics()), asyncio.Event())

    results = await asyncio.gather(*(drive.audit(auditor) for _ in range(4)))

    assert sum(result is not None for result in results) == 1


async def test_a_sandbox_is_judged_by_its_own_clock(scene: Scene, own_sessions: Sessions) -> None:
    sandbox = await factories.tenant(own_sessions, sandbox_at=NOON)
    async with tenant_transaction(own_sessions, sandbox.id) as session:
        request_id = await factories.request(session)
        terms = usual_terms("resolve", ElapsedTarget(3_600), calendar=None)
        (made,) = await commitments.promise(session, [factories.offer(request_id, terms)], now=NOON)

    assert (await scene.audit()).is_good  # the promise was due months ago, by the wall clock

    async with tenant_transaction(own_sessions, sandbox.id) as session:
        await session.db.execute(text("delete from wake_up where tenant_id = :id"), {"id": sandbox.id})
    assert (await scene.audit()).standing == 1
    async with tenant_transaction(own_sessions, sandbox.id) as session:
        (alarm,) = await service.list_alarms(session, stands=True, before=None, limit=10)
    assert (alarm.subject_id, alarm.first_seen_at) == (made.id, NOON)
    assert (await scene.audit()).is_good


async def test_more_faults_than_a_round_takes_are_all_found_in_the_end(scene: Scene) -> None:
    for _ in range(120):
        await promised(scene.sessions, scene.tenant_id)
    await scene.sql("delete from wake_up where tenant_id = :tenant")

    standing = [(await scene.audit()).standing for _ in range(4)]

    assert standing[0] == 50
    assert standing[-1] == 0
    assert sorted(set(await scene.told())) == ["alarm.cleared", "alarm.raised"]
    assert len(await scene.alarms(stands=False)) == 100  # the page; there are 121
    async with tenant_transaction(scene.sessions, scene.tenant_id) as session:
        count = (await session.db.execute(text("select count(*) from wake_up"))).scalar_one()
    assert count == 121


async def test_tenants_that_a_round_has_no_time_for_come_first_in_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [(await factories.tenant(scene.sessions)).id for _ in range(3)]
    monkeypatch.setattr(drive, "BUDGET", timedelta(0))
    last: list[UUID | None] = []

    for _ in range(4):
        await scene.audit()
        async with scene.sessions.begin() as db:
            last.append((await db.execute(text("select last_tenant_id from auditor_round"))).scalar())

    assert last == sorted([scene.tenant_id, *others])
