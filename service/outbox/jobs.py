"""Background work of this slice."""

from uuid import UUID

import structlog

from service.db import tenant_transaction
from service.ids import TenantId
from service.jobs.registry import Tools, job
from service.outbox import service
from service.outbox.sender import Message, Sender
from service.vault import Vault

log = structlog.stdlib.get_logger(__name__)


@job(service.ANNOUNCE, max_attempts=20)
async def announce(tools: Tools, *, tenant_id: UUID, **events: UUID) -> None:
    """Have these events delivered to all whom they concern: the transaction that wrote them saw not all."""
    async with tenant_transaction(tools.sessions, TenantId(tenant_id)) as session:
        await service.announce_later(session, list(events.values()))


@job(service.DELIVER, max_attempts=20)
async def deliver(tools: Tools, *, tenant_id: UUID, delivery_id: UUID, attempt: int) -> None:
    """Make one attempt to deliver. No transaction is open while the receiver is waited for.

    A worker that dies after sending and before writing that down leads to the same message being sent again,
    under the same `webhook-id`.
    """
    tenant = TenantId(tenant_id)
    async with tenant_transaction(tools.sessions, tenant) as session:
        delivery = await service.outstanding(session, delivery_id, tools.part(Vault), attempt=attempt)
    if delivery is None:
        return
    message = Message(str(delivery.id), delivery.url, delivery.secret, service.body(delivery.event))
    answer = await tools.part(Sender).send(message, at=tools.clock.now())
    async with tenant_transaction(tools.sessions, tenant) as session:
        state = await service.record_attempt(session, delivery_id, attempt=attempt, answer=answer)
    log.info(
        "webhook tried",
        delivery_id=str(delivery_id),
        attempt=attempt,
        state=state.value,
        status=answer.status,
        error=answer.error,
    )
