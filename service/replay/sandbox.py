"""The clock of a sandbox tenant, through the API: where it stands, and moving it."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from service.instants import rfc3339
from service.replay.client import Client

POLL_SECONDS = 0.2


class _Clock(msgspec.Struct, frozen=True):
    now: datetime
    target: datetime | None = None

    @property
    def arrived(self) -> bool:
        return self.target is None or self.now >= self.target


async def now(client: Client) -> datetime:
    """Where the clock stands, once it has got where it was told to go before. Raises ReplayRefused."""
    while True:
        answer = await client.get("/v1/sandbox/clock")
        clock = answer.accepted("to replay on this tenant").read(_Clock)
        if clock.arrived:
            return clock.now
        await client.wait(POLL_SECONDS)


async def move(client: Client, to: datetime, *, key: str) -> None:
    """Move the clock forward; come back when all that is due by then has happened. Raises ReplayRefused."""
    target = rfc3339(to)
    answer = await client.post("/v1/sandbox/clock", {"now": target}, key=key)
    if answer.problem is not None and not await _stands_at(client, to):
        answer.accepted(f"to move the clock to {target}")
    if answer.status == HTTPStatus.ACCEPTED:
        while not await _stands_at(client, to):
            await client.wait(POLL_SECONDS)


async def _stands_at(client: Client, at: datetime) -> bool:
    """Whether the clock has got there: an answer may be lost although the move was made."""
    clock = await client.fetch("/v1/sandbox/clock", _Clock)
    return clock.arrived and clock.now >= at
