"""What a verdict does to its request by itself: it ends, or waits for whoever asked. Pure.

Nobody answers, approves or objects here; what a verdict takes away another one gives back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from service.ids import EventId
from service.requests import domain
from service.requests.domain import EventType, RequestEvent, State, waiting

AFTER_ALL = 1 << 64
"""The ids of these events: whatever a source tells of the same instant comes before them."""


class Effect(Enum):
    """What a verdict does to its request at once."""

    NONE = "none"
    ENDS = "ends"
    WAITS = "waits"


OF_VERDICT = {"decline": Effect.ENDS, "redirect": Effect.ENDS, "adjust": Effect.WAITS}


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to happen to the request, and what its verdict has done to it then."""

    events: tuple[RequestEvent, ...]
    stands: Effect


def owed(ledger: Sequence[RequestEvent], stands: Effect, wanted: Effect, now: datetime) -> Owed:
    """What is to happen now that a verdict has this effect.

    Args:
        ledger: all that has happened to the request, in order, these events included.
        stands: what its verdict has done to it so far.
        wanted: what the verdict that holds does to it.
        now: when it was given.
    """
    told = [event for event in ledger if event.type is not EventType.RATIONALIZED]
    is_open = domain.state_after(told) is State.OPEN
    if wanted is Effect.ENDS and not is_open and stands is not Effect.ENDS:
        return Owed((), Effect.NONE)
    found: list[RequestEvent] = []
    if stands is Effect.WAITS and wanted is not Effect.WAITS and not waiting.waiting(ledger).by_source:
        found.append(_event(ledger, now, cause=waiting.CAUSE))
    if stands is Effect.ENDS and wanted is not Effect.ENDS and is_open:
        found.append(_event(ledger, now, state=State.OPEN))
    if wanted is Effect.ENDS and is_open and domain.state_after(ledger) is State.OPEN:
        found.append(_event(ledger, now, state=State.CANCELLED))
    if wanted is Effect.WAITS and is_open and not waiting.waiting(ledger).is_on:
        found.append(_event(ledger, now, cause=waiting.CAUSE, party=waiting.PARTY))
    return Owed(tuple(found), wanted)


def _event(
    ledger: Sequence[RequestEvent],
    now: datetime,
    *,
    state: State | None = None,
    cause: str | None = None,
    party: str | None = None,
) -> RequestEvent:
    """It counts after all that its source has told so far."""
    at = max([now, *(event.occurred_at for event in ledger)])
    sequences = [event.source_sequence for event in ledger if event.occurred_at == at]
    return RequestEvent(
        id=EventId(UUID(int=AFTER_ALL + len(ledger))),
        type=EventType.RATIONALIZED,
        occurred_at=at,
        source_sequence=max(sequences, default=0),
        received_at=now,
        state=state,
        cause=cause,
        party=party,
    )
