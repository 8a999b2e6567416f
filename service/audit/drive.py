"""Transactions around the chains: a worker's rounds over the tenants that have records without a link."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Gauge

from service.audit import service, store
from service.audit.store import Waiting
from service.clock import Clock
from service.db import Sessions, tenant_transaction
from service.ids import AuditRecordId
from service.platform import platform_transaction
from service.telemetry import Metrics

INTERVAL = timedelta(seconds=2)
"""How often a worker looks for records without a link, when it has found none."""

TENANTS_PER_ROUND_MAX = 64
BATCH_SIZE = 500
"""How many records of one tenant are linked before the next tenant has its turn."""

FIRST = UUID(int=0)
ID_BITS_BELOW_TIME = 80

log = structlog.stdlib.get_logger(__name__)


def made_at(record_id: AuditRecordId) -> datetime:
    """When a record was made, by its id (UUIDv7): by the clock of the process, never a sandbox's."""
    return datetime.fromtimestamp((record_id.int >> ID_BITS_BELOW_TIME) / 1_000, tz=UTC)


def gauge(metrics: Metrics) -> Gauge:
    return metrics.gauge(
        "rooted_audit_unlinked_seconds", "How long the oldest audit record has waited for its link."
    )


@dataclass(slots=True)
class Sealer:
    """Links the records of all tenants, one batch of each in turn. Any number may work side by side.

    Attributes:
        stop: once set, no further tenant is begun.
        start: the tenant to begin the next round with.
    """

    sessions: Sessions
    clock: Clock
    waited: Gauge
    stop: asyncio.Event
    start: UUID = field(default=FIRST)

    async def round(self) -> bool:
        """Link a batch for each of a number of tenants. Says whether there is more to do at once."""
        async with platform_transaction(self.sessions) as platform:
            found = await store.waiting(platform, start=self.start, limit=TENANTS_PER_ROUND_MAX)
        more = len(found) == TENANTS_PER_ROUND_MAX
        began_at_first, self.start = self.start == FIRST, _after(found[-1].tenant_id) if more else FIRST
        self._measure(found)
        for each in found:
            if self.stop.is_set():
                break
            more |= await self._seal(each)
        return more or not began_at_first

    async def _seal(self, waiting: Waiting) -> bool:
        """Link a batch of one tenant. What is wrong with one tenant's records holds up no other's."""
        with structlog.contextvars.bound_contextvars(tenant_id=str(waiting.tenant_id)):
            try:
                async with tenant_transaction(self.sessions, waiting.tenant_id) as session:
                    before = await service.head(session)
                    link = await service.seal(session, limit=BATCH_SIZE)
            except Exception as error:
                if isinstance(error, OSError) or getattr(error, "connection_invalidated", False):
                    raise
                log.exception("audit records not linked")
                return False
            if link is None:
                return False
            log.info("audit records linked", sequence=link.sequence, digest=link.digest.hex())
            return link.sequence - before.sequence == BATCH_SIZE

    def _measure(self, found: list[Waiting]) -> None:
        now = self.clock.now()
        waits = [(now - made_at(each.first)).total_seconds() for each in found]
        self.waited.set(max([0.0, *waits]))


def _after(tenant_id: UUID) -> UUID:
    """The next id there could be; the first after the last."""
    return UUID(int=(tenant_id.int + 1) % (1 << 128))
