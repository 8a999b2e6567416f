"""What a request is, and the ledger of what happened to it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias, TypedDict

from service.commitments.domain.ledger import (
    Assigned,
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Paused,
    Reopened,
    Resumed,
    Turn,
)
from service.commitments.domain.terms import REPLY
from service.errors import Fault
from service.ids import (
    ArrangementId,
    CalendarVersionId,
    ClientId,
    ContactId,
    EventId,
    MemberId,
    PolicyId,
    RepinningId,
    RequestId,
    RequestTypeVersionId,
    ServiceId,
)
from service.requests.domain.facts import Facts, merged, news
from service.rules.pointers import Received
from service.rules.vocabulary import RequestType

CARRIED = "rooted"
"""The source of what was carried over; its external id is that of the arrangement that says so."""


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


DONE = frozenset({State.RESOLVED, State.CLOSED})
"""The work is done."""


class EventType(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"
    REPLIED = "replied"
    PAUSED = "paused"
    RESUMED = "resumed"
    DONE = "done"
    MERGED = "merged"
    NOTED = "noted"
    REPINNED = "repinned"
    """Not reported by a source: see `Repinned`."""
    RATIONALIZED = "rationalized"
    """Not reported by a source: what follows from a verdict, or from what was answered to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The type of the tenant's catalogue that a request is of; it stays on the version that took it in.

    Attributes:
        family: what it was taken for. A request that goes on as another is not of the type any more.
        standard: whether a change of it is approved beforehand.
        gated: whether it needs something before work starts, whatever the verdict.
    """

    version_id: RequestTypeVersionId
    name: str
    family: RequestType
    standard: bool = False
    gated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One incoming demand.

    Attributes:
        source_client_id: the client organization whose application sent it; None for one of the tenant's own.
        contact_id: the person who asks.
        external_id: what its source calls it; unique within the source, and within who sent it.
        facts: what its source says of it, under the names of `request.*`.
        sequence: how many events were told of it; also the version of the representation.
        merged_into: the request that goes on in its place, if there is one.
        submitted_by: the member who brought it in, if a member did.
        arrangement_id: what became of the verdict that holds, if anything follows from it.
        typed: the type of the catalogue that it was taken in by; see also `of_type`.
        incomplete: what its type asks for and is not there: fields, and once it is resolved items of its
            checklists.
    """

    id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    source_client_id: ClientId | None
    contact_id: ContactId | None
    source: str
    external_id: str
    type: RequestType
    title: str | None
    state: State
    facts: Facts
    opened_at: datetime
    received_at: datetime
    sequence: int
    merged_into: RequestId | None = None
    submitted_by: MemberId | None = None
    arrangement_id: ArrangementId | None = None
    typed: Typed | None = None
    incomplete: tuple[Fault, ...] = ()

    @property
    def of_type(self) -> Typed | None:
        """The type of the catalogue that it is of now."""
        return self.typed if self.typed is not None and self.typed.family is self.type else None


class Becoming(NamedTuple):
    """That a request goes on as one of another type."""

    was: RequestType
    becomes: RequestType


@dataclass(frozen=True, slots=True)
class Recount:
    """A calendar, by its name, and the version of it that counts."""

    calendar: str
    version_id: CalendarVersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinned:
    """That a request was put on the versions in effect, as one operation does it to many.

    Attributes:
        by: who asked for it, as the audit trail calls them.
        policy_id: the policy whose version then in effect decides on it from here on.
        recount: the calendar that its promises count by from here on in another version.
    """

    repinning_id: RepinningId
    by: str
    policy_id: PolicyId | None = None
    recount: Recount | None = None


Place: TypeAlias = tuple[bool, datetime, int, datetime, str]
"""Where an event stands in its ledger: not the opening, when, the source's sequence, when told, id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent:
    """One entry of a request's ledger. Entries are only ever appended.

    Attributes:
        occurred_at: when it happened, as its source says.
        source_sequence: the source's own counter, which orders what happened at the same instant.
        received_at: when we were told, by the tenant's clock.
        state: the state it led to, of `opened`, `changed`, `merged` and `rationalized`.
        facts: the facts it set, of `opened`, `changed` and `rationalized`.
        cause: why the clock is to stop, of `paused` and `resumed`; of `rationalized`, with a party, why it
            stops, and without one what it has stopped for that is over.
        party: on whom one waits, of `paused` and `rationalized`.
        by: who replied: `agent` or `requester`.
        deed: what was done, of `done`.
        other: the request that goes on in the place of this one, of `merged`; the one that this one goes on
            in the place of, of `noted`; of `rationalized` the one that it was carried over to.
        backdated: whether it was told later than BACKDATED_AFTER.
        repinned: by what operation, of `repinned`.
        becomes: the type that it goes on as, of `rationalized`.
        because: why, of `rationalized`.
    """

    id: EventId
    type: EventType
    occurred_at: datetime
    source_sequence: int
    received_at: datetime
    state: State | None = None
    facts: Facts | None = None
    cause: str | None = None
    party: str | None = None
    by: str | None = None
    deed: str | None = None
    other: RequestId | None = None
    backdated: bool = False
    repinned: Repinned | None = None
    becomes: Becoming | None = None
    because: str | None = None

    @property
    def order(self) -> Place:
        """Nothing comes before the opening: what is dated before it counts right after."""
        is_later = self.type is not EventType.OPENED
        return (is_later, self.occurred_at, self.source_sequence, self.received_at, str(self.id))

    @property
    def is_decided_on(self) -> bool:
        """Whether there is something to decide when it has happened."""
        return bool(self.facts) or self.repinned is not None or self.becomes is not None

    @property
    def lets_run(self) -> bool:
        """Whether clocks may run after it that stood still before."""
        return self.state is State.OPEN or self.type is EventType.RESUMED


class Fate(StrEnum):
    """What becomes of the work where its source tells another state than before."""

    GOES_ON = "goes_on"
    GIVEN_UP = "given_up"


def fate(before: State, after: State) -> Fate | None:
    """What a state that follows another says of the work; None where the work is done, or stays as it is.

    What was done stays so where a request is cancelled afterwards: only what is open is given up.
    """
    if before is not State.OPEN and after is State.OPEN:
        return Fate.GOES_ON
    return Fate.GIVEN_UP if before is State.OPEN and after is State.CANCELLED else None


def in_order(events: Sequence[RequestEvent]) -> list[RequestEvent]:
    """The ledger as it counts: by what happened first, not by what was told first."""
    return sorted(events, key=lambda event: event.order)


def facts_after(events: Sequence[RequestEvent]) -> Facts:
    """The request's own facts when all of `events`, which are in order, have happened.

    Ticket systems send what they have again with every change. What one repeats takes nothing back that was
    agreed with the requester in between.
    """
    facts: Facts = {}
    said: Facts = {}
    for event in events:
        patch = event.facts or {}
        if event.type is EventType.RATIONALIZED:
            facts = merged(facts, patch)
            continue
        facts, said = merged(facts, news(said, patch)), merged(said, patch)
    return facts


def as_of(request: Request, ledger: Sequence[RequestEvent], *, after: int) -> Request:
    """The request with the facts and the type that it had when the first so many events had happened.

    Args:
        request: as it is now.
        ledger: all of it, in order.
        after: how many of its events.
    """
    changes = [event.becomes for event in ledger if event.becomes is not None]
    first = changes[0].was if changes else request.type
    past = [event.becomes.becomes for event in ledger[:after] if event.becomes is not None]
    return replace(request, facts=facts_after(ledger[:after]), type=past[-1] if past else first)


def received(request: Request, events: Sequence[RequestEvent]) -> Received:
    """When the request was received by each policy, when all of `events`, which are in order, have happened.

    To a policy that it was put on it is as good as received anew.
    """
    again = {
        event.repinned.policy_id: event.received_at
        for event in events
        if event.repinned is not None and event.repinned.policy_id is not None
    }
    return Received(request.received_at, again)


def recounts(events: Sequence[RequestEvent], *, since: EventId) -> dict[str, CalendarVersionId]:
    """The calendars that count in another version since an event; none for one that is not among `events`.

    `events` are in order, and have all happened.
    """
    known = False
    found: dict[str, CalendarVersionId] = {}
    for event in events:
        if known and event.repinned is not None and event.repinned.recount is not None:
            found[event.repinned.recount.calendar] = event.repinned.recount.version_id
        known = known or event.id == since
    return found


def state_after(events: Sequence[RequestEvent]) -> State:
    """The state when all of `events`, which are in order, have happened."""
    return next((event.state for event in reversed(events) if event.state is not None), State.OPEN)


def state_told(events: Sequence[RequestEvent]) -> State:
    """The state by what its source says alone, whatever verdicts made of it."""
    return state_after([event for event in events if event.type is not EventType.RATIONALIZED])


def merged_into(events: Sequence[RequestEvent]) -> RequestId | None:
    """The request that goes on in its place when all of `events`, which are in order, have happened."""
    last = next((event for event in reversed(events) if event.state is not None), None)
    return last.other if last is not None and last.type in _GOES_ON_ELSEWHERE else None


_GOES_ON_ELSEWHERE = frozenset({EventType.MERGED, EventType.RATIONALIZED})


class _Occurrence(TypedDict):
    at: datetime
    source_sequence: int
    received_at: datetime
    id: EntryId


def ledger_entries(event: RequestEvent) -> list[LedgerEntry]:
    """What an event means to the request's promises, whatever their terms; new terms come with decisions."""
    when = _Occurrence(
        at=event.occurred_at,
        source_sequence=event.source_sequence,
        received_at=event.received_at,
        id=EntryId(str(event.id)),
    )
    found = [_entry_of_turn(event.facts or {}, when), _entry_of_deed(event, when)]
    if event.type in _TELLS_OF_STATE and event.state is not None:
        found.append(_entry_of_state(event.state, when))
    return [entry for entry in found if entry is not None]


_TELLS_OF_STATE = frozenset({EventType.OPENED, EventType.CHANGED, EventType.RATIONALIZED})


def _entry_of_turn(facts: Facts, when: _Occurrence) -> Assigned | None:
    """Whose turn it is, where the facts say something of it."""
    keeps = frozenset(part for part, name in _TURNS.items() if name not in facts)
    if len(keeps) == len(_TURNS):
        return None
    group, person = (facts.get(name) for name in _TURNS.values())
    return Assigned(**when, group=group, person=person, keeps=keeps)


_TURNS = {Turn.GROUP: "assignment_group", Turn.PERSON: "assignee"}


def _entry_of_deed(event: RequestEvent, when: _Occurrence) -> LedgerEntry | None:
    match event.type:
        case EventType.PAUSED | EventType.RESUMED | EventType.RATIONALIZED:
            return _entry_of_waiting(event, when)
        case EventType.REPLIED if event.by == "agent":
            return Fulfilled(**when, by=REPLY)
        case EventType.DONE:
            return Fulfilled(**when, by=event.deed or "")
        case EventType.MERGED:
            return Cancelled(**when, into=str(event.other))
        case _:
            return None


def _entry_of_waiting(event: RequestEvent, when: _Occurrence) -> LedgerEntry | None:
    if event.type is EventType.PAUSED or event.party is not None:
        return Paused(**when, cause=event.cause or "", party=event.party or "")
    if event.type is EventType.RESUMED or event.cause is not None:
        return Resumed(**when, cause=event.cause)
    return None


def _entry_of_state(state: State, when: _Occurrence) -> LedgerEntry:
    match state:
        case State.OPEN:
            return Reopened(**when)
        case State.CANCELLED:
            return Cancelled(**when)
        case State.RESOLVED | State.CLOSED:
            return Fulfilled(**when, by=state.value)
