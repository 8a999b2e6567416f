"""A past request as it came to be known, and what is to be decided because of it. Pure."""

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.backtests.cases import Agreed, Case, CaseEvent, TypedAs
from service.ids import EventId, RequestId, RequestTypeVersionId
from service.requests import domain
from service.requests.deciding import DECIDED_AGAIN_MAX
from service.requests.domain import EventType, Facts, Request, RequestEvent, Typed
from service.rules import deciding
from service.tenants.domain import Client, OperatedService

NO_GROUPS: Mapping[str, str] = {}
NOWHERE = UUID(int=0)
NOTHING_AGREED: Mapping[EventId, Agreed] = {}


@dataclass(frozen=True, slots=True)
class Point:
    """A decision to make: on which facts, as of when, and the event from which on it holds.

    Attributes:
        of_type: the type of the catalogue that the request is of then.
    """

    event: RequestEvent
    facts: Facts
    now: datetime
    of_type: Typed | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """One event, in the order in which they were told, and what is decided because of it.

    Attributes:
        agreed: a counter-proposal that was accepted by it.
    """

    event: RequestEvent
    points: tuple[Point, ...]
    agreed: Agreed | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A past request as it came to be known.

    Attributes:
        tellings: the first is its submission.
        left_out: how many agreements of that time are not among them.
    """

    request: Request
    tellings: tuple[Telling, ...]
    left_out: int = 0

    @property
    def points(self) -> list[Point]:
        return [point for telling in self.tellings for point in telling.points]

    @property
    def agreements(self) -> int:
        """How many counter-proposals were accepted."""
        return sum(telling.agreed is not None for telling in self.tellings)


def told(
    case: Case,
    *,
    client: Client | None,
    service: OperatedService | None,
    groups: Mapping[str, str] = NO_GROUPS,
    without: Collection[EventId] = (),
) -> Told:
    """The request as it came to be known, and the snapshots of facts that are decided on; see `retold`.

    The facts of history are those that were counted for all of its events.
    """
    opened = _opened(case)
    events = [opened, *_events(case, opened)]
    agreed = {
        event.id: each.agreed
        for event, each in zip(events[1:], case.events, strict=True)
        if each.agreed is not None
    }
    request = _request(case, opened, client, service)
    found = retold(request, events, client=client, service=service, groups=groups, agreed=agreed)
    history = dict(zip(_places(found), case.history, strict=False)) if case.history else {}
    if without:
        left = [event for event in events if event.id not in without]
        found = retold(request, left, client=client, service=service, groups=groups, agreed=agreed)
    if not history:
        return found
    return with_history(found, [history.get(place, {}) for place in _places(found)])


def _places(told: Told) -> list[tuple[EventId, EventId]]:
    """What tells each decision from all others: what was told, and what it is made for."""
    return [(telling.event.id, point.event.id) for telling in told.tellings for point in telling.points]


def with_history(told: Told, history: Iterable[Mapping[str, object]]) -> Told:
    """The same with facts of history, for each point in their order."""
    each = iter(history)
    tellings = [
        replace(
            telling,
            points=tuple(
                replace(point, facts=dict(deciding.overlaid(point.facts, next(each))))
                for point in telling.points
            ),
        )
        for telling in told.tellings
    ]
    return replace(told, tellings=tuple(tellings))


def retold(
    request: Request,
    events: Sequence[RequestEvent],
    *,
    client: Client | None,
    service: OperatedService | None,
    groups: Mapping[str, str] = NO_GROUPS,
    agreed: Mapping[EventId, Agreed] = NOTHING_AGREED,
) -> Told:
    """The same from the request's events, in the order in which they were told; the first is its opening.

    Args:
        request: as it was submitted.
        events: in the order in which they were told.
        client: whose request it is.
        service: that it concerns.
        groups: by which calendar each group works, by its name.
        agreed: what was agreed by which event.
    """

    def point(of: Request, own: Facts, event: RequestEvent, now: datetime) -> Point:
        group = own.get("assignment_group")
        works_by = groups.get(group) if isinstance(group, str) else None
        facts = domain.rule_facts(of, own, client=client, service=service, group_calendar=works_by)
        return Point(event, facts, now, of.of_type)

    opened, changes_type = events[0], any(event.becomes is not None for event in events)
    history = [opened]
    own = domain.merged({}, opened.facts or {})
    tellings = [Telling(opened, (point(request, own, opened, opened.received_at),))]
    for event in events[1:]:
        at = insert(history, event)
        points: list[Point] = []
        if event.is_decided_on or event.id in agreed:
            places = [place for place in range(at + 1, len(history)) if history[place].is_decided_on]
            for place in (at, *places[-DECIDED_AGAIN_MAX:]):
                own = domain.facts_after(history[: place + 1])
                of = domain.as_of(request, history, after=place + 1) if changes_type else request
                points.append(point(of, own, history[place], event.received_at))
        tellings.append(Telling(event, tuple(points), agreed.get(event.id)))
    return Told(request, tuple(tellings))


def insert(history: list[RequestEvent], event: RequestEvent) -> int:
    """Put an event into its place, and say which that is."""
    at = bisect.bisect(history, event.order, key=lambda each: each.order)
    history.insert(at, event)
    return at


def _opened(case: Case) -> RequestEvent:
    submission = case.submission
    return RequestEvent(
        id=_event_id(0),
        type=EventType.OPENED,
        occurred_at=submission.occurred_at,
        source_sequence=submission.sequence,
        received_at=case.received_at or submission.occurred_at,
        state=submission.state,
        facts=submission.facts,
    )


def _events(case: Case, opened: RequestEvent) -> list[RequestEvent]:
    """The events in the order in which they were told."""
    told_at = opened.received_at
    found: list[RequestEvent] = []
    for number, event in enumerate(case.events, start=1):
        told_at = event.received_at or max(told_at, event.occurred_at)
        found.append(_event(event, told_at, _event_id(number)))
    return found


def _event(event: CaseEvent, received_at: datetime, event_id: EventId) -> RequestEvent:
    """The event; that the waiting ends with what is agreed follows from how its verdicts stand here."""
    return RequestEvent(
        id=event_id,
        type=event.type,
        occurred_at=event.occurred_at,
        source_sequence=event.sequence,
        received_at=received_at,
        state=event.state,
        facts=event.facts,
        cause=event.cause if event.agreed is None else None,
        party=event.party,
        by=event.by,
        deed=event.deed,
        becomes=event.becomes,
    )


def _event_id(number: int) -> EventId:
    """Ids that sort as the events were told, which is all that is asked of them."""
    return EventId(UUID(int=number))


def _typed(said: TypedAs | None) -> Typed | None:
    if said is None:
        return None
    version_id = RequestTypeVersionId(said.version_id or NOWHERE)
    return Typed(version_id=version_id, name=said.name, family=said.family, standard=said.standard)


def _request(
    case: Case, opened: RequestEvent, client: Client | None, service: OperatedService | None
) -> Request:
    submission = case.submission
    return Request(
        id=RequestId(case.id),
        client_id=None if client is None else client.id,
        service_id=None if service is None else service.id,
        source_client_id=None,
        contact_id=None,
        source=submission.source,
        external_id=submission.external_id,
        type=submission.type,
        typed=_typed(submission.typed),
        title=submission.title,
        state=submission.state,
        facts=submission.facts,
        opened_at=submission.occurred_at,
        received_at=opened.received_at,
        sequence=0,
    )
