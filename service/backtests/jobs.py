"""Background work of this slice."""

from datetime import timedelta
from uuid import UUID

import structlog

from service.backtests import progress
from service.backtests.drive import End, Staff, Turn
from service.backtests.errors import BacktestNotFound
from service.db import tenant_transaction
from service.ids import BacktestId, TenantId
from service.jobs.registry import Tools, job

LOOK_AGAIN_AFTER = timedelta(seconds=1)
"""How soon a backtest asks again while its worker works on another one."""

log = structlog.stdlib.get_logger(__name__)


@job(progress.RUN, max_attempts=20)
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
