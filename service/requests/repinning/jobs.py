"""Background work of repinnings."""

from uuid import UUID

import structlog

from service.db import tenant_transaction
from service.ids import RepinningId, TenantId
from service.jobs import service as jobs
from service.jobs.registry import Tools, job
from service.requests.repinning import progress, service
from service.requests.repinning.progress import RequestNotRepinned
from service.rules.service import Rulebook
from service.tenants import service as tenants

STEPS_MAX = 200
"""After so many transactions a job makes room for others, and for a worker that is told to stop."""

log = structlog.stdlib.get_logger(__name__)


@job(service.REPIN, max_attempts=1_000)
async def repin(tools: Tools, *, tenant_id: UUID, repinning_id: UUID) -> None:
    """Go on with a repinning, and hand over to another job when there is much left."""
    tenant, repinning = TenantId(tenant_id), RepinningId(repinning_id)
    for _ in range(STEPS_MAX):
        if not await _step(tools, tenant, repinning):
            return
    async with tenant_transaction(tools.sessions, tenant) as session:
        await jobs.enqueue(session, service.REPIN, repinning_id=repinning)


async def _step(tools: Tools, tenant_id: TenantId, repinning_id: RepinningId) -> bool:
    try:
        async with tenant_transaction(tools.sessions, tenant_id) as session:
            now = await tenants.now(session)
            return await progress.advance(session, tools.part(Rulebook), repinning_id, now=now)
    except RequestNotRepinned as failure:
        log.warning("request not repinned", request_id=str(failure.request_id), exc_info=failure)
        async with tenant_transaction(tools.sessions, tenant_id) as session:
            await progress.record_failure(session, repinning_id, failure)
        return True
