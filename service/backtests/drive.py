"""Works on one backtest: reads chunks, has them judged by processes, and keeps what came of them in order."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

import structlog

from service.backtests import crew, progress
from service.backtests.chunks import Judged
from service.backtests.crew import Crew
from service.backtests.errors import BacktestStuck
from service.backtests.progress import Reached
from service.backtests.store import Place
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import BacktestId, TenantId
from service.tenants import service as tenants

TURN = timedelta(seconds=60)
"""After so long a worker makes room for another tenant's backtest, once it has kept something."""
WATCH = timedelta(seconds=1)
"""How soon a cancellation is noticed."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class Staff:
    """What a worker has for backtests: it works on one at a time.

    Attributes:
        processes: how many judge.
        stop: set when the worker is to stop.
        monotonic: seconds that only grow.
    """

    processes: int
    stop: asyncio.Event
    monotonic: Callable[[], float] = time.monotonic
    seat: asyncio.Lock = field(default_factory=asyncio.Lock)


class End(Enum):
    """Why a turn ended."""

    FINISHED = "finished"
    NOT_OURS = "not ours"
    """It was cancelled, or another worker carries it on."""
    TO_BE_GONE_ON_WITH = "to be gone on with"


@dataclass(slots=True)
class _Asked:
    """A chunk that is being judged."""

    judged: asyncio.Task[Judged]
    after: Place


@dataclass(slots=True)
class Turn:
    """One turn of work on one backtest. Nothing is held in the database between two chunks."""

    sessions: Sessions
    tenant_id: TenantId
    backtest_id: BacktestId
    staff: Staff

    def transaction(self) -> contextlib.AbstractAsyncContextManager[TenantSession]:
        return tenant_transaction(self.sessions, self.tenant_id)

    async def run(self) -> End:
        """Work until the history ends, the turn is over, or the backtest is not ours any more."""
        async with self.transaction() as session:
            setup = await progress.begin(session, self.backtest_id, now=await tenants.now(session))
        if setup is None:
            return End.NOT_OURS
        try:
            async with crew.crew(setup, size=self.staff.processes) as hired:
                return await self._judge(hired)
        except BacktestStuck as stuck:
            log.exception("backtest failed", backtest_id=str(self.backtest_id))
            async with self.transaction() as session:
                await progress.fail(session, self.backtest_id, str(stuck), now=await tenants.now(session))
            return End.FINISHED

    async def _judge(self, hired: Crew) -> End:
        asked: deque[_Asked] = deque()
        try:
            return await self._pass_on(hired, asked)
        finally:
            for each in asked:
                each.judged.cancel()
            await asyncio.gather(*(each.judged for each in asked), return_exceptions=True)

    async def _pass_on(self, hired: Crew, asked: deque[_Asked]) -> End:
        async with self.transaction() as session:
            reached = await progress.reached(session, self.backtest_id)
        kept_at = began = self.staff.monotonic()
        late_at, is_read = math.inf, False
        while reached is not None:
            while not is_read and len(asked) <= self.staff.processes:
                reached, is_read = await self._ask(hired, asked, reached)
            if not asked:
                return await self._finish()
            if self.staff.stop.is_set() or self.staff.monotonic() > late_at:
                return End.TO_BE_GONE_ON_WITH
            if not await self._is_ready(asked[0]):
                return End.NOT_OURS
            if asked[0].judged.done():
                now = self.staff.monotonic()
                if not await self._keep(asked.popleft(), seconds=now - kept_at):
                    return End.NOT_OURS
                kept_at, late_at = now, began + TURN.total_seconds()
        return End.NOT_OURS

    async def _ask(self, hired: Crew, asked: deque[_Asked], reached: Reached) -> tuple[Reached, bool]:
        """Have the next chunk judged; where the one after it begins, and whether there is none."""
        async with self.transaction() as session:
            portion = await progress.portion(session, self.backtest_id, reached)
        if portion is None:
            return reached, True
        asked.append(_Asked(asyncio.create_task(hired.judge(portion.chunk)), portion.after))
        return Reached(reached.parts + 1, portion.after), False

    async def _is_ready(self, first: _Asked) -> bool:
        """Wait for the first chunk, but not too long; then say whether the backtest is still ours."""
        done, _ = await asyncio.wait([first.judged], timeout=WATCH.total_seconds())
        if done:
            return True
        async with self.transaction() as session:
            return await progress.reached(session, self.backtest_id) is not None

    async def _keep(self, first: _Asked, *, seconds: float) -> bool:
        judged = await first.judged
        async with self.transaction() as session:
            return await progress.keep(session, self.backtest_id, judged, first.after, seconds=seconds)

    async def _finish(self) -> End:
        async with self.transaction() as session:
            await progress.finish(session, self.backtest_id, now=await tenants.now(session))
        return End.FINISHED
