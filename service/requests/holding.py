"""The events that maintenance of its service owes to a request. What appends them stands above."""

from datetime import datetime

from service import ids
from service.db import TenantSession
from service.ids import EventId
from service.requests import domain, store
from service.requests.domain import EventType, Request, RequestEvent
from service.requests.domain import maintenance as meaning
from service.requests.domain.maintenance import CAUSE, PARTY, Turn
from service.tenants import maintenance, spells
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

SUBJECT_KIND = "request_in_maintenance"
"""A request whose service's maintenance begins, ends or was changed, or that goes on in the middle of it."""

AFTER_ALL = 2**53
"""The sequence of these events: whatever a request's source tells of the same instant comes before them."""


async def owed(session: TenantSession, request: Request, *, now: datetime) -> list[RequestEvent]:
    """What the request's ledger does not say yet of its service's maintenance; mostly nothing."""
    if request.service_id is None:
        return []
    windows = await maintenance.windows(session, [request.service_id], since=request.opened_at)
    if not windows:
        return []
    ledger = domain.in_order([row.to_domain() for row in await store.events(session, request.id)])
    return [_event(turn, now) for turn in meaning.owed(ledger, spells.spells(windows), now)]


async def leave(session: TenantSession, request: Request, *, now: datetime) -> None:
    """Have the worker append what maintenance owes to a request that goes on, or begins, by a verdict."""
    if await owed(session, request, now=now):
        await wakeups.schedule(session, [WakeUp(SUBJECT_KIND, request.id, now)])


def _event(turn: Turn, now: datetime) -> RequestEvent:
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=turn.type,
        occurred_at=turn.at,
        source_sequence=AFTER_ALL,
        received_at=now,
        cause=CAUSE,
        party=PARTY if turn.type is EventType.PAUSED else None,
    )
