"""What becomes of one past request under some policies, in memory: with the functions that live requests use.

A wake-up that is due at the instant at which something is told fires first, as on a sandbox's clock. Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from service.backtests import effects, tellings
from service.backtests.climbing import NO_LADDERS, NOTHING_CLIMBED, Climbed, Climber, Ladders
from service.backtests.effects import Effect
from service.backtests.tellings import Told
from service.calendars.domain import BeyondHorizon
from service.commitments import offers as offering
from service.commitments import promises, steps
from service.commitments.domain import Calendars, EntryId, LedgerEntry, Reopened, Standing, Terms
from service.commitments.models import Commitment
from service.commitments.offers import Offer
from service.commitments.steps import Look, Step
from service.escalations.climbs import Climb
from service.ids import DecisionId
from service.instants import EARLIEST
from service.requests import domain
from service.requests.domain import EventType, Request, RequestEvent


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
        tellings.insert(self.ledger, event)
        self.wanted = self.wanted if wanted is None else wanted
        if self.wanted is Effect.NONE and self.stands is Effect.NONE:
            return
        owed = effects.owed(self.ledger, self.stands, self.wanted, event.received_at)
        for each in owed.events:
            tellings.insert(self.ledger, each)
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
