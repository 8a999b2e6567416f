"""Background work of this slice."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from service.backtests import progress
from service.backtests.drive import End, Staff, Turn
from service.backtests.errors import BacktestNotFound
from service.db import tenant_transaction
from service.ids import BacktestId, TenantId
from service.jobs.registry import Tools, job
from service.tenants import service as tenants

LOOK_AGAIN_AFTER = timedelta(seconds=1)
"""How soon a backtest asks again while its worker works on another one."""

MAX_ATTEMPTS = 20
GIVEN_UP = (
    f"The work on it failed {MAX_ATTEMPTS} times in a row, and was given up; the log of the worker says why."
)

log = structlog.stdlib.get_logger(__name__)


async def give_up(tools: Tools, *, tenant_id: UUID, backtest_id: UUID) -> None:
    """Let a backtest fail whose job is held: nobody would carry it on."""
    async with tenant_transaction(tools.sessions, TenantId(tenant_id)) as session:
        now = await tenants.now(session)
        with suppress(BacktestNotFound):  # it was cancelled and removed meanwhile
            await progress.fail(session, BacktestId(backtest_id), GIVEN_UP, now=now)


@job(progress.RUN, max_attempts=MAX_ATTEMPTS, given_up=give_up)
async def run(tools: Tools, *, tenant_id: UUID, backtest_id: UUID) -> None:
    """Work on a backtest for a turn, and hand over to another job when there is more to do."""
    staff, tenant = tools.part(Staff), TenantId(tenant_id)
    turn = Turn(tools.sessions, tenant, BacktestId(backtest_id), staff)
    end, delay = End.TO_BE_GONE_ON_WITH, LOOK_AGAIN_AFTER
    if not staff.seat.locked():
        async with staff.seat:
            try:
                end, delay = await turn.run(), timedelta(0)
            except BacktestNotFound:
                return
        log.info("turn of a backtest ended", backtest_id=str(backtest_id), end=end.value)
    if end is End.TO_BE_GONE_ON_WITH:
        async with tenant_transaction(tools.sessions, tenant) as session:
            await progress.go_on_later(session, BacktestId(backtest_id), delay=delay)
