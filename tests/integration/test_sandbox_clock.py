"""A sandbox's clock passes its wake-ups in order, each at its own instant."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from service.audit.domain import Actor
from service.clock import SystemClock
from service.db import Sessions, TenantSession, tenant_transaction
from service.jobs.registry import Tools
from service.telemetry import Metrics
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from service.wakeups import drive, jobs, service, store
from service.wakeups.drive import Meters
from service.wakeups.errors import ClockMovesForward, SandboxOnly
from service.wakeups.models import WakeUp
from service.wakeups.service import Advances
from tests import factories
from tests.factories import NOON
from tests.integration import sent

KIND = "promise"
Then = Callable[[TenantSession, UUID, datetime], Awaitable[None]]


def after(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


async def _nothing(_session: TenantSession, _subject_id: UUID, _now: datetime) -> None:
    pass


class Watcher:
    """Looks at subjects and writes down which, when, and what time it then was for the tenant."""

    def __init__(self, then: Then = _nothing) -> None:
        self.seen: list[tuple[UUID, datetime]] = []
        self.clocks: list[datetime] = []
        self._then = then

    async def advance(self, session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        self.seen.append((subject_id, now))
        self.clocks.append(await tenants.now(session))
        await self._then(session, subject_id, now)

    @property
    def advances(self) -> Advances:
        return Advances({KIND: self.advance})


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    return await factories.tenant(sessions, sandbox_at=NOON)


async def schedule(sessions: Sessions, tenant: Tenant, *minutes: int) -> list[UUID]:
    subjects = [uuid4() for _ in minutes]
    async with tenant_transaction(sessions, tenant.id) as session:
        await service.schedule(
            session,
            [WakeUp(KIND, subject, after(each)) for subject, each in zip(subjects, minutes, strict=True)],
        )
    return subjects


async def queued(sessions: Sessions) -> int:
    async with sessions() as db:
        found = await db.execute(
            text("select count(*) from pgqueuer where entrypoint = 'wakeups.move_clock'")
        )
        return found.scalar_one()


def tools(sessions: Sessions, watcher: Watcher) -> Tools:
    parts: dict[type, object] = {Advances: watcher.advances, Meters: Meters.of(Metrics())}
    return Tools(sessions, SystemClock(), parts)


async def progress(sessions: Sessions, tenant: Tenant) -> tuple[datetime, datetime, int]:
    async with tenant_transaction(sessions, tenant.id) as session:
        found = await service.clock(session)
    return found.now, found.target, found.pending


async def test_wake_ups_fire_in_order_with_the_clock_at_their_instants(
    sessions: Sessions, tenant: Tenant
) -> None:
    third, first, second, later = await schedule(sessions, tenant, 30, 10, 20, 90)
    watcher = Watcher()

    moved = await drive.move_clock(sessions, tenant.id, Actor(), to=after(60), advances=watcher.advances)

    assert watcher.seen == [(first, after(10)), (second, after(20)), (third, after(30))]
    assert watcher.clocks == [after(10), after(20), after(30)]
    assert (moved.now, moved.target, moved.pending) == (after(60), after(60), 0)
    assert await queued(sessions) == 0
    await drive.move_clock(sessions, tenant.id, Actor(), to=after(90), advances=watcher.advances)
    assert watcher.seen[3:] == [(later, after(90))]


async def test_wake_ups_that_arise_on_the_way_fire_too(sessions: Sessions, tenant: Tenant) -> None:
    async def again(session: TenantSession, subject_id: UUID, now: datetime) -> None:
        if now < after(40):
            await service.schedule(session, [WakeUp(KIND, subject_id, now + timedelta(minutes=10))])

    a, b = await schedule(sessions, tenant, 10, 15)
    watcher = Watcher(again)

    await drive.move_clock(sessions, tenant.id, Actor(), to=after(60), advances=watcher.advances)

    assert [now for _, now in watcher.seen] == [after(each) for each in (10, 15, 20, 25, 30, 35, 40, 45)]
    assert [subject for subject, _ in watcher.seen] == [a, b] * 4


async def test_a_wake_up_set_in_the_past_fires_where_the_clock_stands(
    sessions: Sessions, tenant: Tenant
) -> None:
    await schedule(sessions, tenant, -30, 5)
    watcher = Watcher()

    await drive.move_clock(sessions, tenant.id, Actor(), to=after(10), advances=watcher.advances)

    assert [now for _, now in watcher.seen] == [NOON, after(5)]


async def test_a_long_way_is_continued_by_jobs_in_the_same_order(
    sessions: Sessions, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "WAKE_UPS_IN_ANSWER_MAX", 3)
    monkeypatch.setattr(jobs, "BATCH_SIZE", 2)
    monkeypatch.setattr(jobs, "STEPS_MAX", 2)
    await schedule(sessions, tenant, *range(1, 13))
    watcher = Watcher()

    begun = await drive.move_clock(sessions, tenant.id, Actor(), to=after(60), advances=watcher.advances)

    assert (begun.now, begun.target, begun.pending) == (after(3), after(60), 9)
    assert await queued(sessions) == 1
    await jobs.move_clock(tools(sessions, watcher), tenant_id=tenant.id)
    assert await progress(sessions, tenant) == (after(7), after(60), 5)
    assert await queued(sessions) == 2
    for _ in range(3):
        await jobs.move_clock(tools(sessions, watcher), tenant_id=tenant.id)
    assert await progress(sessions, tenant) == (after(60), after(60), 0)
    assert [now for _, now in watcher.seen] == [after(minute) for minute in range(1, 13)]


async def test_while_the_clock_is_on_its_way_only_its_target_is_moved_and_only_forward(
    sessions: Sessions, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "WAKE_UPS_IN_ANSWER_MAX", 1)
    await schedule(sessions, tenant, 1, 2, 3)
    watcher = Watcher()
    await drive.move_clock(sessions, tenant.id, Actor(), to=after(10), advances=watcher.advances)

    same = await drive.move_clock(sessions, tenant.id, Actor(), to=after(10), advances=watcher.advances)
    farther = await drive.move_clock(sessions, tenant.id, Actor(), to=after(20), advances=watcher.advances)

    assert (same.now, same.target, same.pending) == (after(1), after(10), 2)
    assert (farther.now, farther.target, farther.pending) == (after(1), after(20), 2)
    assert await queued(sessions) == 2
    with pytest.raises(ClockMovesForward):
        await drive.move_clock(sessions, tenant.id, Actor(), to=after(19), advances=watcher.advances)
    assert len(watcher.seen) == 1


async def test_a_wake_up_that_keeps_failing_is_parked_and_does_not_hold_the_clock_up(
    sessions: Sessions, tenant: Tenant
) -> None:
    before, bad, behind = await schedule(sessions, tenant, 1, 2, 3)

    async def fail(_session: TenantSession, subject_id: UUID, _now: datetime) -> None:
        if subject_id == bad:
            raise RuntimeError("a subject that cannot be looked at")

    watcher = Watcher(fail)
    begun = await drive.move_clock(sessions, tenant.id, Actor(), to=after(10), advances=watcher.advances)

    assert (begun.now, begun.target, begun.pending) == (NOON, after(10), 3)
    await jobs.move_clock(tools(sessions, watcher), tenant_id=tenant.id)
    assert await progress(sessions, tenant) == (after(10), after(10), 0)
    settled = [subject for subject, _ in watcher.seen]
    assert settled.count(bad) == 7  # once in the answer, once with the others, then five times alone
    assert settled[-1] == behind
    assert before in settled
    async with tenant_transaction(sessions, tenant.id) as session:
        assert await store.pending(session, until=after(10)) == 0
        found = await session.db.execute(
            text("select subject_id, attempts from wake_up where tenant_id = :id"), {"id": tenant.id}
        )
        assert [tuple(row) for row in found] == [(bad, 5)]


async def test_a_kind_that_nobody_looks_at_is_parked_like_one_that_fails(
    sessions: Sessions, tenant: Tenant
) -> None:
    await schedule(sessions, tenant, 1)
    nobody = Watcher()
    nothing_known = Tools(sessions, SystemClock(), {Advances: Advances({}), Meters: Meters.of(Metrics())})

    await drive.move_clock(sessions, tenant.id, Actor(), to=after(5), advances=Advances({}))
    await jobs.move_clock(nothing_known, tenant_id=tenant.id)

    assert await progress(sessions, tenant) == (after(5), after(5), 0)
    assert nobody.seen == []


async def test_setting_a_parked_wake_up_anew_revives_it(sessions: Sessions, tenant: Tenant) -> None:
    (subject,) = await schedule(sessions, tenant, 1)
    async with tenant_transaction(sessions, tenant.id) as session:
        await session.db.execute(text("update wake_up set attempts = 5"))
        await service.schedule(session, [WakeUp(KIND, subject, after(2))])
    watcher = Watcher()

    await drive.move_clock(sessions, tenant.id, Actor(), to=after(5), advances=watcher.advances)

    assert watcher.seen == [(subject, after(2))]


async def test_a_cancelled_wake_up_does_not_fire(sessions: Sessions, tenant: Tenant) -> None:
    kept, cancelled = await schedule(sessions, tenant, 1, 2)
    async with tenant_transaction(sessions, tenant.id) as session:
        await service.cancel(session, KIND, [cancelled, uuid4()])
    watcher = Watcher()

    await drive.move_clock(sessions, tenant.id, Actor(), to=after(5), advances=watcher.advances)

    assert [subject for subject, _ in watcher.seen] == [kept]


async def test_a_live_tenants_clock_cannot_be_moved(sessions: Sessions) -> None:
    live = await factories.tenant(sessions)

    with pytest.raises(SandboxOnly):
        await drive.move_clock(sessions, live.id, Actor(), to=after(5), advances=Advances({}))


async def test_a_move_with_nothing_due_takes_few_statements(sessions: Sessions, tenant: Tenant) -> None:
    async with tenant_transaction(sessions, tenant.id) as session:
        with sent.statements() as statements:
            await service.move_clock(session, Actor(), to=after(5), advances=Advances({}), wake_ups_max=100)

    assert len(statements) == 4


async def test_the_clock_only_ever_goes_forward(sessions: Sessions, tenant: Tenant) -> None:
    await schedule(sessions, tenant, *range(0, 50, 7))
    watcher = Watcher()

    for minute in range(0, 60, 5):
        await drive.move_clock(sessions, tenant.id, Actor(), to=after(minute), advances=watcher.advances)

    assert all(earlier <= later for earlier, later in pairwise(watcher.clocks))
    assert len(watcher.seen) == 8
