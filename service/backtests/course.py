"""What becomes of one past request under some policies, in memory: with the functions that live requests use.

A wake-up that is due at the instant at which something is told fires first, as on a sandbox's clock. Pure.
"""

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from service.backtests import effects
from service.backtests.cases import Case, CaseEvent, TypedAs
from service.backtests.climbing import NO_LADDERS, NOTHING_CLIMBED, Climbed, Climber, Ladders
from service.backtests.effects import Effect
from service.calendars.domain import BeyondHorizon
from service.commitments import offers as offering
from service.commitments import promises, steps
from service.commitments.domain import Calendars, EntryId, LedgerEntry, Reopened, Standing, Terms
from service.commitments.models import Commitment
from service.commitments.offers import Offer
from service.commitments.steps import Look, Step
from service.escalations.climbs import Climb
from service.ids import DecisionId, EventId, RequestId, RequestTypeVersionId
from service.instants import EARLIEST
from service.requests import domain
from service.requests.deciding import DECIDED_AGAIN_MAX
from service.requests.domain import EventType, Facts, Request, RequestEvent, Typed
from service.rules import deciding
from service.tenants.domain import Client, OperatedService

NO_GROUPS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Point:
    """A decision to make: on which facts, as of when, and the event from which on it holds."""

    event: RequestEvent
    facts: Facts
    now: datetime


@dataclass(frozen=True, slots=True)
class Telling:
    """One event, in the order in which they were told, and what is decided because of it."""

    event: RequestEvent
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A past request as it came to be known.

    Attributes:
        tellings: the first is its submission.
    """

    request: Request
    tellings: tuple[Telling, ...]

    @property
    def points(self) -> list[Point]:
        return [point for telling in self.tellings for point in telling.points]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of the promises.

    Attributes:
        commitments: as they stand at the end, in the order of their making.
        told: how often what was told of which metric, as `("resolve", "commitment.broken")`.
        climbed: what its ladders came to.
    """

    commitments: tuple[Commitment, ...]
    told: Mapping[tuple[str, str], int]
    climbed: Climbed = NOTHING_CLIMBED


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows from one decision: promises, ladders, and what the verdict does to the request."""

    terms: tuple[Terms, ...]
    climbs: tuple[Climb, ...] = ()
    effect: Effect = Effect.NONE


def told(
    case: Case,
    *,
    client: Client | None,
    service: OperatedService | None,
    groups: Mapping[str, str] = NO_GROUPS,
) -> Told:
    """The request as it came to be known, and the snapshots of facts that are decided on; see `retold`."""
    opened = _opened(case)
    found = retold(
        _request(case, opened, client, service),
        [opened, *_events(case, opened)],
        client=client,
        service=service,
        groups=groups,
    )
    return with_history(found, case.history) if case.history else found


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
) -> Told:
    """The same from the request's events, in the order in which they were told; the first is its opening.

    Args:
        request: as it is.
        events: in the order in which they were told.
        client: whose request it is.
        service: that it concerns.
        groups: by which calendar each group works, by its name.
    """
    opened = events[0]

    def snapshot(own: Facts) -> Facts:
        group = own.get("assignment_group")
        works_by = groups.get(group) if isinstance(group, str) else None
        return domain.rule_facts(request, own, client=client, service=service, group_calendar=works_by)

    facts = domain.merged({}, opened.facts or {})
    history = [opened]
    tellings = [Telling(opened, (Point(opened, snapshot(facts), opened.received_at),))]
    for event in events[1:]:
        at = _insert(history, event)
        points: list[Point] = []
        if event.facts:
            places = [place for place in range(at + 1, len(history)) if history[place].facts]
            for place in (at, *places[-DECIDED_AGAIN_MAX:]):
                facts = domain.facts_after(history[: place + 1])
                points.append(Point(history[place], snapshot(facts), event.received_at))
        tellings.append(Telling(event, tuple(points)))
    return Told(request, tuple(tellings))


def course(
    told: Told,
    decided: Sequence[Decided],
    calendars: Calendars,
    *,
    until: datetime,
    ladders: Ladders = NO_LADDERS,
) -> Course:
    """What becomes of the promises, and of their ladders.

    Args:
        told: the request.
        decided: what follows from the decision on each of `told.points`, in their order.
        calendars: those of all terms.
        until: as of when they are looked at.
        ladders: that there are.
    """
    run = _Run(told.request, calendars, Climber(ladders, has_client=told.request.client_id is not None))
    following = iter(decided)
    for telling in told.tellings:
        found = [next(following) for _ in telling.points]
        offers = [
            run.offer(point.event, each.terms) for point, each in zip(telling.points, found, strict=True)
        ]
        run.advance(until=telling.event.received_at)
        if found:
            run.climber.climbs = found[-1].climbs
        if telling.event.type is EventType.OPENED:
            run.submit(offers[0])
        else:
            run.record(telling.event, offers)
        run.take_effect(telling.event, found[-1].effect if found else None)
        run.follow(telling.event.received_at)
    run.advance(until=until)
    return Course(
        commitments=tuple(promise.commitment for promise in run.promises),
        told=dict(run.told),
        climbed=run.climber.found,
    )


@dataclass(slots=True)
class _Promise:
    commitment: Commitment
    standing: Standing
    ledger: list[LedgerEntry]
    wakes_at: datetime | None


@dataclass(slots=True)
class _Run:
    """The promises of one request while its history is gone through."""

    request: Request
    calendars: Calendars
    climber: Climber
    promises: list[_Promise] = field(default_factory=list["_Promise"])
    told: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    seen_at: datetime = EARLIEST
    ledger: list[RequestEvent] = field(default_factory=list[RequestEvent])
    stands: Effect = Effect.NONE
    wanted: Effect = Effect.NONE

    def look(self, now: datetime) -> Look:
        return Look(self.calendars, now, lambda: UUID(int=next(self.numbers)))

    def offer(self, event: RequestEvent, terms: tuple[Terms, ...]) -> Offer:
        """What a decision promises, from the event on that it was made for."""
        known = domain.ledger_entries(event) if event.type is EventType.OPENED else []
        return Offer(
            request_id=self.request.id,
            client_id=self.request.client_id,
            service_id=self.request.service_id,
            terms=terms,
            decision_id=DecisionId(UUID(int=0)),
            at=max(event.occurred_at, self.request.opened_at),
            source_sequence=event.source_sequence,
            received_at=event.received_at,
            entry_id=EntryId(str(event.id)),
            entries=tuple(entry for entry in known if not isinstance(entry, Reopened)),
        )

    def submit(self, offer: Offer) -> None:
        look = self.look(self.request.received_at)
        try:
            made = [steps.made(offer, terms, look) for terms in offer.terms]
        except BeyondHorizon:
            terms = tuple(promises.terms_of(promises.DEFAULT, {}))
            made = [steps.made(replace(offer, terms=terms), each, look) for each in terms]
        for step in made:
            self._add(step)

    def record(self, event: RequestEvent, offers: Sequence[Offer]) -> None:
        """Bring an event before the promises, and what was decided because of it."""
        look = self.look(event.received_at)
        entries = domain.ledger_entries(event)
        for offer in offers or ([None] if entries else []):
            self._take(entries, self._followable(offer, look), look)
            entries = []

    def take_effect(self, event: RequestEvent, wanted: Effect | None) -> None:
        """Let the verdict that holds do to the request what it does, now that this was told."""
        _insert(self.ledger, event)
        self.wanted = self.wanted if wanted is None else wanted
        if self.wanted is Effect.NONE and self.stands is Effect.NONE:
            return
        owed = effects.owed(self.ledger, self.stands, self.wanted, event.received_at)
        for each in owed.events:
            _insert(self.ledger, each)
            self.record(each, [])
        self.stands = owed.stands

    def advance(self, *, until: datetime) -> None:
        """Look at the promises and at the runs of ladders whenever they wake up, in the order of time."""
        while True:
            awake = [each for each in self.promises if each.wakes_at is not None]
            first = min(awake, key=lambda each: each.wakes_at or until, default=None)
            promise_at = None if first is None else first.wakes_at
            climb_at = self.climber.wakes_at
            at = min((each for each in (promise_at, climb_at) if each is not None), default=None)
            if at is None or at > until:
                return
            if first is not None and promise_at == at:
                self._step(first, [], None, self.look(at))
                self.follow(at)
            else:
                self.climber.wake(self.known, self.calendars, max(at, self.seen_at))

    @property
    def known(self) -> list[tuple[Commitment, Sequence[LedgerEntry]]]:
        return [(promise.commitment, promise.ledger) for promise in self.promises]

    def follow(self, now: datetime) -> None:
        """Have the ladders follow what became of the promises."""
        self.seen_at = max(now, self.seen_at)
        if self.climber.is_idle:
            return
        self.climber.follow(self.known, self.calendars, self.seen_at)

    def _followable(self, offer: Offer | None, look: Look) -> Offer | None:
        """The offer; without terms when its calendars open too seldom for them."""
        if offer is None:
            return None
        try:
            for terms in offer.terms:
                steps.made(offer, terms, look)
        except BeyondHorizon:
            return replace(offer, terms=())
        return offer

    def _take(self, entries: Sequence[LedgerEntry], offer: Offer | None, look: Look) -> None:
        known = list(self.promises)
        past = [*offering.past_of(promise.ledger for promise in known), *entries]
        made = steps.made_late(offer, {promise.commitment.metric for promise in known}, past, look)
        for promise in known:
            self._step(promise, entries, offer, look)
        for step in made:
            self._add(step)

    def _step(
        self, promise: _Promise, entries: Sequence[LedgerEntry], offer: Offer | None, look: Look
    ) -> None:
        step = steps.next_step(
            promise.commitment, promise.ledger, entries, offer, look, before=promise.standing
        )
        self._tell(step)
        promise.commitment, promise.standing = step.commitment, step.standing
        promise.ledger += step.entries
        promise.wakes_at = None if step.wake_up is None else step.wake_up.fire_at

    def _add(self, step: Step) -> None:
        self._tell(step)
        wakes_at = None if step.wake_up is None else step.wake_up.fire_at
        self.promises.append(_Promise(step.commitment, step.standing, list(step.entries), wakes_at))

    def _tell(self, step: Step) -> None:
        self.told.update((step.commitment.metric, event.type) for event in step.events)


def _insert(history: list[RequestEvent], event: RequestEvent) -> int:
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
    return RequestEvent(
        id=event_id,
        type=event.type,
        occurred_at=event.occurred_at,
        source_sequence=event.sequence,
        received_at=received_at,
        state=event.state,
        facts=event.facts,
        cause=event.cause,
        party=event.party,
        by=event.by,
    )


def _event_id(number: int) -> EventId:
    """Ids that sort as the events were told, which is all that is asked of them."""
    return EventId(UUID(int=number))


def _typed(said: TypedAs | None) -> Typed | None:
    if said is None:
        return None
    nowhere = RequestTypeVersionId(UUID(int=0))
    return Typed(version_id=nowhere, name=said.name, family=said.family, standard=said.standard)


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
