"""Whether a request waits for its requester, and at whose word. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.commitments.domain.terms import WAITING_REQUESTER
from service.requests.domain.ledger import EventType, RequestEvent

CAUSE = WAITING_REQUESTER
"""The cause of its pauses: usual promises to resolve stand still for it."""
PARTY = "requester"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whether the request waits for its requester.

    Attributes:
        is_on: whether it does, by whomever's word.
        by_source: whether its source says so, whatever verdicts ask for.
    """

    is_on: bool
    by_source: bool


def waiting(ledger: Sequence[RequestEvent]) -> Waiting:
    """Where the waiting stands when all of the ledger, which is in order, has happened."""
    told = [event for event in ledger if event.type is not EventType.RATIONALIZED]
    return Waiting(is_on=_is_on(ledger), by_source=_is_on(told))


def _is_on(events: Sequence[RequestEvent]) -> bool:
    on = False
    for event in events:
        if event.cause == CAUSE and event.party is not None:
            on = True
        elif _ends(event):
            on = False
    return on


def _ends(event: RequestEvent) -> bool:
    if event.type is EventType.RESUMED:
        return event.cause in {None, CAUSE}
    return event.type is EventType.RATIONALIZED and event.cause == CAUSE
