"""What a request is, what can happen to it, and what rules may read of it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypedDict, cast

from service import instants
from service.commitments.domain.ledger import (
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Paused,
    Reopened,
    Resumed,
)
from service.errors import Fault, pointer_to
from service.ids import (
    ClientId,
    ContactId,
    DecisionId,
    EventId,
    PolicyId,
    PolicyVersionId,
    RepinningId,
    RequestId,
    ServiceId,
)
from service.instants import rfc3339
from service.rules.domain import VersionRef
from service.rules.pointers import Received
from service.rules.vocabulary import GIVEN_BY_SOURCE, RequestType
from service.tenants.domain import Client, OperatedService

AHEAD_MAX = timedelta(minutes=5)
"""How far ahead of the tenant's clock something may be said to have happened."""
BACKDATED_AFTER = timedelta(days=1)
"""How old a report may be before it needs the scope `requests:backdate`; it is flagged in any case."""

Facts: TypeAlias = dict[str, Any]
"""JSON, as its source wrote it."""


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class EventType(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"
    REPLIED = "replied"
    PAUSED = "paused"
    RESUMED = "resumed"
    NOTED = "noted"
    REPINNED = "repinned"
    """Not reported by a source: see `Repinned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One incoming demand.

    Attributes:
        source_client_id: the client organization whose application sent it; None for one of the tenant's own.
        contact_id: the person who asks.
        external_id: what its source calls it; unique within the source, and within who sent it.
        facts: what its source says of it, under the names of `request.*`.
        sequence: how many events were told of it; also the version of the representation.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinned:
    """That a request was put on the versions in effect, as one operation does it to many.

    Attributes:
        by: who asked for it, as the audit trail calls them.
        policy_id: the policy whose version then in effect decides on it from here on.
        calendar: the calendar, by its name, whose version then current its promises count by from here on.
    """

    repinning_id: RepinningId
    by: str
    policy_id: PolicyId | None = None
    calendar: str | None = None


Place: TypeAlias = tuple[bool, datetime, int, datetime, str]
"""Where an event stands in its ledger: not the opening, when, the source's sequence, when told, id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEvent:
    """One entry of a request's ledger. Entries are only ever appended.

    Attributes:
        occurred_at: when it happened, as its source says.
        source_sequence: the source's own counter, which orders what happened at the same instant.
        received_at: when we were told, by the tenant's clock.
        state: the state it led to, of `opened` and `changed`.
        facts: the facts it set, of `opened` and `changed`.
        cause: why the clock is to stop, of `paused` and `resumed`.
        party: on whom one waits, of `paused`.
        by: who replied: `agent` or `requester`.
        backdated: whether it was told later than BACKDATED_AFTER.
        repinned: by what operation, of `repinned`.
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
    backdated: bool = False
    repinned: Repinned | None = None

    @property
    def order(self) -> Place:
        """Nothing comes before the opening: what is dated before it counts right after."""
        is_later = self.type is not EventType.OPENED
        return (is_later, self.occurred_at, self.source_sequence, self.received_at, str(self.id))

    @property
    def is_decided_on(self) -> bool:
        """Whether there is something to decide when it has happened."""
        return bool(self.facts) or self.repinned is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided on one snapshot of facts, and all that is needed to say why.

    Attributes:
        versions: of the policies in effect, in their order.
        calendars: the version that each calendar's name stood for.
        policy_version_id: the version whose rule was followed; None when nothing matched.
        matched: what each version that was asked found, as `rules.domain.Consulted` writes it.
        degraded: whether something could not be evaluated that might have changed the answer.
    """

    id: DecisionId
    decided_at: datetime
    facts: Facts
    versions: tuple[VersionRef, ...]
    calendars: dict[str, str]
    policy_version_id: PolicyVersionId | None
    rule_id: str | None
    matched: list[Any]
    degraded: bool
    engine: str


def in_order(events: Sequence[RequestEvent]) -> list[RequestEvent]:
    """The ledger as it counts: by what happened first, not by what was told first."""
    return sorted(events, key=lambda event: event.order)


def facts_after(events: Sequence[RequestEvent]) -> Facts:
    """The request's own facts when all of `events`, which are in order, have happened."""
    facts: Facts = {}
    for event in events:
        facts = merged(facts, event.facts or {})
    return facts


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


def merged(facts: Facts, patch: Facts) -> Facts:
    """The facts with the patch laid over them; `custom` is merged name by name, null takes a fact away."""
    result: Facts = {key: value for key, value in (facts | patch).items() if value is not None}
    changes = patch.get("custom")
    if isinstance(changes, dict):
        result["custom"] = merged(facts.get("custom") or {}, cast("Facts", changes))
    return result


def state_after(events: Sequence[RequestEvent]) -> State:
    """The state when all of `events`, which are in order, have happened."""
    return next((event.state for event in reversed(events) if event.state is not None), State.OPEN)


def faults_of_time(occurred_at: datetime, now: datetime) -> list[Fault]:
    if not instants.is_usable(occurred_at):
        return [Fault("/occurred_at", instants.refusal(occurred_at))]
    if occurred_at <= now + AHEAD_MAX:
        return []
    return [
        Fault(
            "/occurred_at",
            f"{rfc3339(occurred_at)} lies more than {AHEAD_MAX.seconds // 60} minutes after {rfc3339(now)}, "
            "which is the tenant's now; report it when it has happened.",
        )
    ]


def faults_of_facts(facts: Facts) -> list[Fault]:
    """What a source may not say, and where it belongs."""
    known = ", ".join(GIVEN_BY_SOURCE)
    return (
        [
            Fault(
                pointer_to("/facts", name), f"Not a fact of a request ({known}); put your own under `custom`."
            )
            for name in facts
            if name not in GIVEN_BY_SOURCE and name != "custom"
        ]
        + [
            Fault(f"/facts/{name}", "This fact is a text.")
            for name in GIVEN_BY_SOURCE
            if not isinstance(facts.get(name), str | None)
        ]
        + (
            []
            if isinstance(facts.get("custom", {}), dict | None)
            else [Fault("/facts/custom", "`custom` is an object.")]
        )
    )


def is_backdated(occurred_at: datetime, now: datetime) -> bool:
    return occurred_at < now - BACKDATED_AFTER


def rule_facts(
    request: Request, own: Facts, *, client: Client | None, service: OperatedService | None
) -> Facts:
    """The snapshot that rules read: what is absent here is absent to them."""
    snapshot: Facts = {
        "request": own
        | {
            "type": request.type.value,
            "source": request.source,
            "external_id": request.external_id,
            "opened_at": rfc3339(request.opened_at),
        }
        | ({} if request.title is None else {"title": request.title}),
    }
    if client is not None:
        snapshot["client"] = _present({"name": client.name, "tier": client.tier, "calendar": client.calendar})
        if client.profile:
            snapshot["client"]["custom"] = dict(client.profile)
    if service is not None:
        snapshot["service"] = _present(
            {
                "name": service.name,
                "owner_group": service.owner_group,
                "criticality": service.criticality,
                "hours": service.hours,
            }
        )
    return snapshot


def for_client(decision: Decision) -> Decision:
    """What an application of the client organization may know of a decision: not which rules there are."""
    return replace(
        decision,
        facts=facts_for_client(decision.facts, frozenset()),
        versions=(),
        policy_version_id=None,
        matched=[],
    )


def facts_for_client(facts: Facts, read: Collection[tuple[str, ...]]) -> Facts:
    """What its client organization may know of a snapshot: what it says of the request, and what was `read`.

    What the tenant notes of the client for itself is shown only where it was the reason for a decision.
    """
    shown: Facts = {"request": facts.get("request", {})}
    for path in (each for each in read if each[0] != "request"):
        value: Any = facts
        for name in path:
            value = cast("Facts", value).get(name) if isinstance(value, dict) else None
        if value is not None and not isinstance(value, dict):
            place = shown
            for name in path[:-1]:
                place = place.setdefault(name, {})
            place[path[-1]] = value
    return shown


class _Occurrence(TypedDict):
    at: datetime
    source_sequence: int
    received_at: datetime
    id: EntryId


def ledger_entry(event: RequestEvent) -> LedgerEntry | None:
    """What an event means to the request's promises, whatever their terms; new terms come with decisions."""
    when = _Occurrence(
        at=event.occurred_at,
        source_sequence=event.source_sequence,
        received_at=event.received_at,
        id=EntryId(str(event.id)),
    )
    match event.type:
        case EventType.PAUSED:
            return Paused(**when, cause=event.cause or "", party=event.party or "")
        case EventType.RESUMED:
            return Resumed(**when, cause=event.cause)
        case EventType.REPLIED if event.by == "agent":
            return Fulfilled(**when, by="reply")
        case EventType.OPENED | EventType.CHANGED if event.state is not None:
            return _entry_of_state(event.state, when)
        case _:
            return None


def _entry_of_state(state: State, when: _Occurrence) -> LedgerEntry:
    match state:
        case State.OPEN:
            return Reopened(**when)
        case State.CANCELLED:
            return Cancelled(**when)
        case State.RESOLVED | State.CLOSED:
            return Fulfilled(**when, by=state.value)


def _present(facts: Mapping[str, str | None]) -> Facts:
    return {key: value for key, value in facts.items() if value is not None}
