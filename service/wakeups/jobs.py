"""Background work of this slice."""

from uuid import UUID

from service.db import tenant_transaction
from service.ids import TenantId
from service.jobs import service as jobs
from service.jobs.registry import Tools, job
from service.wakeups import drive, service
from service.wakeups.drive import Meters
from service.wakeups.service import Advances, WakeUpFailed

STEPS_MAX = 50
"""After so many transactions a job makes room for others, and for a worker that is told to stop."""

BATCH_SIZE = 20


@job(service.MOVE_CLOCK, max_attempts=1_000)
async def move_clock(tools: Tools, *, tenant_id: UUID) -> None:
    """Go on with a move of a sandbox's clock, and hand over to another job when there is much left.

    When a wake-up fails, those that shared its transaction are fired one by one, and it alone is put off.
    """
    tenant, batch_size = TenantId(tenant_id), BATCH_SIZE
    for _ in range(STEPS_MAX):
        try:
            if await _step(tools, tenant, batch_size=batch_size):
                return
        except WakeUpFailed as failure:
            if batch_size == 1:
                await _count_failure(tools, tenant, failure)
            batch_size = 1
    async with tenant_transaction(tools.sessions, tenant) as session:
        await jobs.enqueue(session, service.MOVE_CLOCK)


async def _step(tools: Tools, tenant_id: TenantId, *, batch_size: int) -> bool:
    async with tenant_transaction(tools.sessions, tenant_id) as session:
        return await service.continue_clock(session, advances=tools.part(Advances), wake_ups_max=batch_size)


async def _count_failure(tools: Tools, tenant_id: TenantId, failure: WakeUpFailed) -> None:
    async with tenant_transaction(tools.sessions, tenant_id) as session:
        parked = await service.count_failure(session, failure.due)
    drive.report(failure.due, failure, tenant_id, tools.part(Meters), parked=parked)
