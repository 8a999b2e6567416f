"""What is offered to a request, and what new promises must know of its past. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from service.commitments import domain
from service.commitments.domain import (
    CLOSED,
    RESOLVED,
    Assigned,
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Origin,
    Paused,
    Reopened,
    Resumed,
    Terms,
)
from service.commitments.models import BY_POLICY, Commitment, Made
from service.ids import ClientId, DecisionId, RequestId, ServiceId

STATES = (Fulfilled, Reopened, Cancelled)
"""Entries that tell of the request's state, or of what was done."""

WAITS = (Paused, Resumed, Assigned)
"""Entries that tell whose turn it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one decision promises to one request.

    Attributes:
        terms: one promise each; their metrics differ.
        at: from when they hold: the instant of the request's event that was decided on.
        entry_id: that event, which orders what happened at the same instant.
        entries: what else has happened to the request that new promises must know of.
        running_only: whether promises that have ended are left as they are, even for a reopening.
        made: how they come about.
        peers: see `Commitment.peers`.
    """

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None = None
    terms: tuple[Terms, ...]
    decision_id: DecisionId
    at: datetime
    source_sequence: int
    received_at: datetime
    entry_id: EntryId
    entries: tuple[LedgerEntry, ...] = ()
    running_only: bool = False
    made: Made = BY_POLICY
    peers: str | None = None

    def terms_of(self, metric: str) -> Terms | None:
        return next((terms for terms in self.terms if terms.metric == metric), None)


def promised_by_policies(commitments: Iterable[Commitment]) -> set[str]:
    """The metrics of what policies promised."""
    return {one.metric for one in commitments if one.made.origin is Origin.POLICY}


def past_of(ledgers: Iterable[Iterable[LedgerEntry]]) -> list[LedgerEntry]:
    """What has happened to a request, as its promises have recorded it; not what happened to one of them."""
    found: Mapping[tuple[type[LedgerEntry], str], LedgerEntry] = {
        (type(entry), entry.id): entry for ledger in ledgers for entry in ledger if _is_of_request(entry)
    }
    return list(found.values())


def _is_of_request(entry: LedgerEntry) -> bool:
    """Whether it happened to the request, and not to one of its promises alone."""
    match entry:
        case Fulfilled(by=by):
            return by != domain.DONE
        case Cancelled(because=because):
            return not because
        case _:
            return isinstance(entry, (*WAITS, Reopened))


def is_over(past: Iterable[LedgerEntry], at: datetime) -> bool:
    """Whether the request was resolved, closed or cancelled at that instant."""
    states = [entry for entry in domain.in_order(past) if entry.at <= at and _is_state(entry)]
    return bool(states) and not isinstance(states[-1], Reopened)


def _is_state(entry: LedgerEntry) -> bool:
    ends = isinstance(entry, Fulfilled) and entry.by in {RESOLVED, CLOSED}
    return ends or isinstance(entry, (Reopened, Cancelled))


def knowing(offer: Offer, past: Iterable[LedgerEntry]) -> Offer:
    """The offer with what new promises must know of the request: all waiting, and what came later."""
    known = list(past)
    waits = [entry for entry in known if isinstance(entry, WAITS)]
    later = [entry for entry in known if isinstance(entry, STATES) and entry.at >= offer.at]
    return replace(offer, entries=(*offer.entries, *waits, *later))
