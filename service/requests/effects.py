"""What a verdict does to its request: events of its ledger that no source sends."""

from dataclasses import dataclass
from datetime import datetime

from service import ids
from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import EventId, RequestId
from service.requests import holding, recording
from service.requests.domain import Becoming, EventType, Facts, Request, RequestEvent, State
from service.requests.domain import waiting as meaning
from service.requests.recording import Recorded
from service.rules.service import Rulebook


@dataclass(frozen=True, slots=True)
class Occasion:
    """On what occasion something is done.

    Attributes:
        rulebook: decides anew where something changes of what was asked for.
        actor: who brings it about.
        now: the tenant's now.
    """

    rulebook: Rulebook
    actor: Actor
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What becomes of the request; what is None stays as it is.

    Attributes:
        state: it ends, or goes on.
        facts: as was agreed; `becomes` likewise.
        waits: whether it waits for its requester from now on.
        other: the request that it goes on as.
    """

    because: str | None = None
    state: State | None = None
    facts: Facts | None = None
    becomes: Becoming | None = None
    waits: bool | None = None
    other: RequestId | None = None


async def take(session: TenantSession, occasion: Occasion, request: Request, effect: Effect) -> Recorded:
    """Append it to the ledger of a request, which the caller holds locked."""
    ledger = await recording.ledger_of(session, request)
    event = _event(effect, ledger, occasion.now)
    recorded = await recording.append(
        session, occasion.rulebook, request, event, occasion.actor, now=occasion.now
    )
    if effect.state is State.OPEN:
        await holding.leave(session, recorded.request, now=occasion.now)
    return recorded


async def wait(session: TenantSession, occasion: Occasion, request: Request, *, on: bool) -> Request:
    """Have the request wait for its requester, or go on; nothing where it does already."""
    waiting = meaning.waiting(await recording.ledger_of(session, request))
    if waiting.is_on == on or waiting.by_source:
        return request
    return (await take(session, occasion, request, Effect(waits=on))).request


def _event(effect: Effect, ledger: list[RequestEvent], now: datetime) -> RequestEvent:
    """It counts after all that its source has told so far, which may be dated a little ahead."""
    at = max(now, *(event.occurred_at for event in ledger))
    sequences = [event.source_sequence for event in ledger if event.occurred_at == at]
    pauses = effect.waits is True
    resumes = effect.waits is False and not meaning.waiting(ledger).by_source
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.RATIONALIZED,
        occurred_at=at,
        source_sequence=max(sequences, default=0),
        received_at=now,
        state=effect.state,
        facts=effect.facts,
        becomes=effect.becomes,
        cause=meaning.CAUSE if pauses or resumes else None,
        party=meaning.PARTY if pauses else None,
        other=effect.other,
        because=effect.because,
    )
