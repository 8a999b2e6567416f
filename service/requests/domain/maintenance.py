"""What maintenance of its service means to a request. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.requests.domain.ledger import EventType, RequestEvent, State
from service.tenants.spells import Spell

CAUSE = "maintenance"
"""The cause of its pauses: whether they stop a clock is up to the terms of the promise."""
PARTY = "us"


@dataclass(frozen=True, slots=True)
class Turn:
    """That a request's clocks are to stop, or to go on, at an instant."""

    type: EventType
    at: datetime


def owed(ledger: Sequence[RequestEvent], spells: Sequence[Spell], now: datetime) -> list[Turn]:
    """What maintenance means to a request that its ledger does not say yet, up to `now`.

    What was said before stays, whatever became of the windows since: they are changed from now on only. Where
    a source ended every pause at once, the one for maintenance begins again.

    Args:
        ledger: of the request, in order.
        spells: when its service is in maintenance, in order.
        now: the tenant's now.
    """
    since, paused = _said(ledger)
    turns: list[Turn] = []
    for at in (since, *_edges(spells, since, now)):
        held = any(spell.start <= at < spell.end for spell in spells)
        if at <= now and held != paused:
            paused = held
            turns.append(Turn(EventType.PAUSED if held else EventType.RESUMED, at))
    return turns


def _edges(spells: Sequence[Spell], since: datetime, now: datetime) -> list[datetime]:
    edges = (edge for spell in spells for edge in (spell.start, spell.end))
    return sorted(edge for edge in edges if since < edge <= now)


def _said(ledger: Sequence[RequestEvent]) -> tuple[datetime, bool]:
    """Since when the ledger has said nothing of maintenance, and whether it says that the request waits.

    Nothing is said of the time before the request was last opened.
    """
    since, paused, state = ledger[0].occurred_at, False, State.OPEN
    for event in ledger:
        if event.state is not None:
            if event.state is State.OPEN and state is not State.OPEN and not paused:
                since = max(since, event.occurred_at)
            state = event.state
        elif event.type is EventType.PAUSED and event.cause == CAUSE:
            since, paused = max(since, event.occurred_at), True
        elif event.type is EventType.RESUMED and paused and event.cause in {None, CAUSE}:
            since, paused = max(since, event.occurred_at), False
    return since, paused
