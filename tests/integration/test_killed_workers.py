"""kill -9 of a worker at every point of its work, over promises and runs of ladders; another one lives on.

Each threshold of each promise, and each repeat of each step of each run, is told once, and nothing waits
longer than a lease.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from service.clock import SystemClock
from service.commitments import domain as promises
from service.commitments import service as commitments
from service.commitments.domain import ElapsedTarget
from service.db import Sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.escalations.climbs import Climb
from service.escalations.ladders import service as ladders
from service.escalations.runs import service as runs
from service.escalations.runs.models import Affair
from service.tenants.domain import Tenant
from tests import factories
from tests.integration import dying_promises
from tests.integration.dying_promises import Point

pytestmark = pytest.mark.concurrent

TAKEOVER_MAX = timedelta(seconds=20)
SETTLED_SECONDS = 90
DEATH_SECONDS = 60

TARGET = timedelta(seconds=120)
AGO = timedelta(seconds=118)
"""Promises began so long ago that the second repeat of their ladder's first step is due with them."""
LADDER = {
    "steps": [
        {"name": "watch", "at": {"anchor": "start"}, "repeat": {"every_seconds": 60, "times": 2}},
        {"name": "due", "at": {"anchor": "due"}},
        {"name": "broken", "at": {"anchor": "breach", "after_seconds": 1}},
    ]
}
TERMS = replace(
    promises.usual_terms("resolve", ElapsedTarget(int(TARGET.total_seconds())), calendar=None),
    warn_before=timedelta(seconds=1),
)
LEFT = text("select count(*) from wake_up where subject_kind in ('commitment', 'escalation')")
TOLD = text(
    "select commitment_id, detail ->> 'threshold', count(*) from commitment_entry"
    " where tenant_id = :id and kind = 'told' group by 1, 2, detail ->> 'cycle'"
)
SENT = text(
    "select escalation_id, (detail ->> 'step')::int, (detail ->> 'repeat')::int, count(*)"
    " from escalation_entry where tenant_id = :id and kind = 'sent' group by 1, 2, 3"
)
EVENTS = text(
    "select subject_id, type, sequence from event where tenant_id = :id order by subject_id, sequence"
)
HELD = text(
    "select subject_id from wake_up"
    " where claimed_until > now() and subject_kind in ('commitment', 'escalation')"
)
TOLD_AT = text("select subject_id, recorded_at from event where tenant_id = :id")


@dataclass
class Site:
    """A tenant with somebody to tell.

    Attributes:
        promised: how many promises were made to it.
        held: of whom wake-ups were leased when a worker died, and when that was.
    """

    url: str
    sessions: Sessions
    tenant: Tenant
    promised: int = 0
    held: list[tuple[UUID, datetime]] = field(default_factory=list[tuple[UUID, datetime]])

    async def promise(self) -> None:
        """A promise that is broken in two seconds, with a ladder."""
        now = SystemClock().now() - AGO
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            request_id = await factories.request(session, opened_at=now)
            made = await commitments.promise(session, [factories.offer(request_id, TERMS, at=now)], now=now)
            affair = Affair(
                request_id=request_id,
                client_id=None,
                service_id=None,
                source="desk",
                external_id=str(request_id),
                title=None,
                type="incident",
                climbs=(Climb("usual"),),
            )
            await runs.follow(session, made, affair=affair, now=now)
        self.promised += 1

    async def ask(self, query: Any, **more: Any) -> Sequence[Any]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            return (await session.db.execute(query, {"id": self.tenant.id, **more})).all()

    async def until_settled(self) -> None:
        """Wait until nothing is left to tell. Only the database knows, so it is asked again and again."""
        async with asyncio.timeout(SETTLED_SECONDS):
            while (await self.ask(LEFT))[0][0]:  # noqa: ASYNC110 - a database sets no events
                await asyncio.sleep(0.2)


@pytest.fixture
async def site(own_database: EmbeddedDatabase, own_sessions: Sessions) -> Site:
    tenant = await factories.tenant(own_sessions)
    people = [await factories.member(own_sessions, tenant) for _ in LADDER["steps"]]
    steps = [
        step | {"tell": [{"member": str(member_id)}]}
        for step, member_id in zip(LADDER["steps"], people, strict=True)
    ]
    async with tenant_transaction(own_sessions, tenant.id) as session:
        now = SystemClock().now()
        await ladders.create(session, factories.OPERATOR, name="usual", raw={"steps": steps}, now=now)
    return Site(own_database.app_url, own_sessions, tenant)


@contextmanager
def _worker(url: str, point: Point | None, lives: int = 0) -> Generator[ForkServerProcess]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([dying_promises.__name__])
    process = context.Process(target=dying_promises.live, args=(url, point, lives))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


async def _let_die(site: Site, point: Point, lives: int) -> None:
    """Have a worker die at this point; promises are made until it does."""
    with _worker(site.url, point, lives) as dying:
        async with asyncio.timeout(DEATH_SECONDS):
            death = asyncio.create_task(asyncio.to_thread(_died_at, dying))
            while not death.done():
                await site.promise()
                await asyncio.wait([death], timeout=0.2)
        assert dying.exitcode == -signal.SIGKILL
    site.held += [(row.subject_id, await death) for row in await site.ask(HELD)]


def _died_at(process: ForkServerProcess) -> datetime:
    process.join()
    return SystemClock().now()


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.prove)], ids=["bounded", "full"])
async def test_kill_9_at_every_point_tells_everything_once(site: Site, kills: int) -> None:
    with _worker(site.url, None) as survivor:
        for lives in range(1, kills + 1):
            await asyncio.gather(*(_let_die(site, point, lives) for point in Point))
            await site.until_settled()
        assert survivor.is_alive()

    await _check_promises(site)
    await _check_runs(site)
    await _check_events(site)
    await _check_takeover(site)


async def _check_promises(site: Site) -> None:
    """Each is told to be broken, once; no warning is told twice."""
    told = await site.ask(TOLD)
    assert {count for *_, count in told} == {1}
    assert sum(threshold == "broken" for _, threshold, _ in told) == site.promised
    assert {threshold for _, threshold, _ in told} == {"warned", "broken"}


async def _check_runs(site: Site) -> None:
    """Each promise has a run, each run has told all of its steps, and each of them and each repeat once."""
    sent = await site.ask(SENT)
    assert {count for *_, count in sent} == {1}
    last = [(run, step) for run, step, repeat, _ in sent if repeat == (2 if step == 0 else 0)]
    assert len(last) == site.promised * len(LADDER["steps"])


async def _check_events(site: Site) -> None:
    """Nothing was told twice, and nothing left out."""
    events = await site.ask(EVENTS)
    told: dict[Any, list[tuple[str, int]]] = {}
    for subject, kind, sequence in events:
        told.setdefault(subject, []).append((kind, sequence))
    assert all([sequence for _, sequence in each] == [*range(1, len(each) + 1)] for each in told.values())
    broken = [subject for subject, kind, _ in events if kind == "commitment.broken"]
    assert len(broken) == len(set(broken)) == site.promised


async def _check_takeover(site: Site) -> None:
    """What a worker held when it died was told of soon: those that died together held different things."""
    told: dict[UUID, list[datetime]] = {}
    for subject, at in await site.ask(TOLD_AT):
        told.setdefault(subject, []).append(at)
    waited = [
        min(after) - died_at
        for subject, died_at in site.held
        if (after := [at for at in told[subject] if at >= died_at])
    ]
    assert waited
    assert max(waited) <= TAKEOVER_MAX
