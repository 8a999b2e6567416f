"""A worker over promises and runs of ladders that is killed at a point of its work: run `live` in a process.

What it does before and after is what every worker does; it sends SIGKILL to itself.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from service import composition, worker
from service.commitments import store as commitments_store
from service.db import Sessions, TenantSession, create_engine, create_sessions, tenant_transaction
from service.escalations.runs import store as runs_store
from service.ids import TenantId
from service.settings import Settings
from service.wakeups import drive
from service.wakeups import service as wakeups
from service.wakeups.models import Due
from service.wakeups.service import Advance, Advances
from tests.factories import VAULT


class Point(StrEnum):
    """Where a worker dies."""

    CLAIMED = "claimed"
    """Wake-ups are leased to it, and nothing is done about them."""
    CHANGED = "changed"
    """The state of a promise or a run is written, what follows from it is not."""
    TOLD = "told"
    """All of it is written, and the wake-up not yet marked done."""
    DONE = "done"
    """The wake-up is done with, and nothing committed."""
    COMMITTED = "committed"
    """It is committed, and the worker has not heard of it."""


@dataclass
class Death:
    """Comes at a point, when it is reached for the `lives`-th time.

    Attributes:
        fired: transactions in which a wake-up is done with.
    """

    point: Point | None
    lives: int
    fired: set[int] = field(default_factory=set[int])

    def reach(self, point: Point) -> None:
        if point is not self.point:
            return
        self.lives -= 1
        if self.lives == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def advances(self, known: Mapping[str, Advance]) -> Mapping[str, Advance]:
        return {kind: self._telling(advance) for kind, advance in known.items()}

    def _telling(self, advance: Advance) -> Advance:
        async def told(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
            await advance(session, subject_id, now=now)
            self.reach(Point.TOLD)

        return told

    def lie_in_wait(self) -> None:
        """Stand at every point that the worker passes."""
        commitments_store.add_entries = self._changing(commitments_store.add_entries)
        runs_store.add_entries = self._changing(runs_store.add_entries)
        wakeups.fire = self._firing(wakeups.fire)
        drive.tenant_transaction = self._committing(tenant_transaction)

    def _changing(self, write: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def written(*arguments: Any) -> None:
            await write(*arguments)
            self.reach(Point.CHANGED)

        return written

    def _firing(self, fire: Callable[..., Awaitable[timedelta]]) -> Callable[..., Awaitable[timedelta]]:
        async def fired(session: TenantSession, due: Due, advances: Advances) -> timedelta:
            self.reach(Point.CLAIMED)
            late = await fire(session, due, advances)
            self.reach(Point.DONE)
            self.fired.add(id(session))
            return late

        return fired

    def _committing(self, begin: Any) -> Any:
        @asynccontextmanager
        async def committed(sessions: Sessions, tenant_id: TenantId) -> AsyncGenerator[TenantSession]:
            async with begin(sessions, tenant_id) as session:
                yield session
            if id(session) in self.fired:
                self.fired.remove(id(session))
                self.reach(Point.COMMITTED)

        return committed


def live(url: str, point: Point | None, lives: int) -> None:
    """Work until it dies, or is killed."""
    death = Death(point, lives)
    death.lie_in_wait()
    asyncio.run(_work(url, death.advances(composition.ADVANCES)))


async def _work(url: str, advances: Mapping[str, Advance]) -> None:
    sessions = create_sessions(create_engine(url, pool_size=8))
    settings, stop = Settings.model_validate({"log_level": "warning"}), asyncio.Event()
    await worker.run(settings, sessions, vault=VAULT, advances=advances, stop=stop)
