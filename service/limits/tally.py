"""What a tenant has of something that is too much to be counted for each that is added."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import TenantId
from service.limits.domain.table import Limit, Limits
from service.limits.errors import EXCEEDED
from service.recent import Recent

TENANTS_KEPT = 10_000
COUNT_KEPT_SECONDS = 10.0
"""How old a count may be: what all processes add meanwhile, at the tenant's rate, may be too many."""

Count = Callable[[TenantSession], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class _Counted:
    count: int
    at: float


class Tally:
    """Refuses what would be too much, by a count that is a little old. One per process and limit."""

    def __init__(
        self, sessions: Sessions, limit: Limit, count: Count, *, monotonic: Callable[[], float]
    ) -> None:
        self._sessions = sessions
        self._limit = limit
        self._count = count
        self._monotonic = monotonic
        self._counts: Recent[TenantId, _Counted] = Recent(TENANTS_KEPT)
        self._counting: dict[TenantId, asyncio.Task[_Counted]] = {}

    async def refuse(self, tenant_id: TenantId, limits: Limits) -> None:
        """Raises the limit's QuotaExceeded when there were as many as may be."""
        most = limits.of(self._limit)
        counted = self._known(tenant_id) or await self._counted(tenant_id)
        if counted.count >= most:
            raise EXCEEDED[self._limit.problem](self._limit, most)

    def _known(self, tenant_id: TenantId) -> _Counted | None:
        counted = self._counts.get(tenant_id)
        old = counted is not None and self._monotonic() - counted.at >= COUNT_KEPT_SECONDS
        return None if old else counted

    async def _counted(self, tenant_id: TenantId) -> _Counted:
        """Have it counted, once for all requests of the tenant that wait."""
        counting = self._counting.get(tenant_id)
        if counting is None:
            counting = self._counting[tenant_id] = asyncio.create_task(self._look(tenant_id))
            counting.add_done_callback(lambda task: self._has_counted(tenant_id, task))
        return await asyncio.shield(counting)

    def _has_counted(self, tenant_id: TenantId, task: asyncio.Task[_Counted]) -> None:
        del self._counting[tenant_id]
        if not task.cancelled():
            task.exception()  # told to those who wait; nobody may be left

    async def _look(self, tenant_id: TenantId) -> _Counted:
        at = self._monotonic()
        async with tenant_transaction(self._sessions, tenant_id) as session:
            counted = _Counted(await self._count(session), at)
        self._counts.put(tenant_id, counted)
        return counted
