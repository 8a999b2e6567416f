"""How many requests are worked on at once, and how many of one tenant: who is slow is slow for itself.

Each seat stands for a connection of the pool. A tenant takes at most its share of them. When all are taken,
the next one that is free goes to the tenant with the fewest, and among these to whoever has waited longest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from service.ids import TenantId
from service.limits.errors import TenantBusy

SHARE = 0.75
"""Of the seats, what one tenant may take while nobody else wants them."""

WAITING_MAX = 200
"""Requests of one tenant that wait for a seat; more are refused."""


Ticket = tuple[int, asyncio.Future[None]]
"""What somebody waits with: a number that is higher the later it was drawn, and the call."""


@dataclass(slots=True)
class _Party:
    """The requests of one tenant."""

    seated: int = 0
    waiting: deque[Ticket] = field(default_factory=deque[Ticket])

    def next_ticket(self) -> Ticket | None:
        """The ticket of whoever waits longest and has not gone away."""
        while self.waiting and self.waiting[0][1].done():
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None


class Seats:
    """The seats of one process."""

    def __init__(self, total: int, *, waiting_max: int = WAITING_MAX) -> None:
        self._free = total
        self._share = share_of(total)
        self._waiting_max = waiting_max
        self._parties: dict[TenantId, _Party] = {}
        self._tickets = 0

    @asynccontextmanager
    async def taken(self, tenant_id: TenantId) -> AsyncGenerator[None]:
        """A seat for as long as the block lasts.

        Raises:
            TenantBusy: as many of this tenant wait already as may.
        """
        await self._sit(tenant_id)
        try:
            yield
        finally:
            self._rise(tenant_id)

    async def _sit(self, tenant_id: TenantId) -> None:
        party = self._parties.setdefault(tenant_id, _Party())
        if self._free and party.seated < self._share:
            self._seat(party)
            return
        if len(party.waiting) >= self._waiting_max:
            raise TenantBusy(len(party.waiting))
        self._tickets += 1
        ticket = self._tickets, asyncio.get_running_loop().create_future()
        party.waiting.append(ticket)
        try:
            await ticket[1]
        except asyncio.CancelledError:
            if not ticket[1].cancelled():
                self._rise(tenant_id)  # it was given the seat, and nobody will sit there
            elif ticket in party.waiting:
                party.waiting.remove(ticket)
            self._forget(tenant_id, party)
            raise

    def _seat(self, party: _Party) -> None:
        self._free -= 1
        party.seated += 1

    def _rise(self, tenant_id: TenantId) -> None:
        party = self._parties[tenant_id]
        self._free += 1
        party.seated -= 1
        self._call_next()
        self._forget(tenant_id, party)

    def _call_next(self) -> None:
        """Give the free seat away, if anybody may have it."""
        entitled = [
            (party.seated, ticket[0], party)
            for party in self._parties.values()
            if party.seated < self._share and (ticket := party.next_ticket()) is not None
        ]
        if entitled:
            party = min(entitled, key=lambda each: each[:2])[2]
            self._seat(party)
            party.waiting.popleft()[1].set_result(None)

    def _forget(self, tenant_id: TenantId, party: _Party) -> None:
        if not party.seated and not party.waiting:
            self._parties.pop(tenant_id, None)


def share_of(total: int) -> int:
    """How many of `total` seats one tenant may take: never all of them, where there are two or more."""
    return max(1, int(total * SHARE))
