"""Deciding on a request: on its facts as they are, or as they were after any event of its ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from service import ids
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments import promises
from service.commitments import service as commitments
from service.commitments.domain import EntryId, Reopened, Terms
from service.commitments.models import Commitment
from service.commitments.service import Offer, Step
from service.db import TenantSession
from service.ids import DecisionId, EventId
from service.people import groups
from service.requests import domain, judging, models, store
from service.requests.domain import Decision, EventType, Recount, Request, RequestEvent
from service.requests.history import history_of
from service.requests.intake import Context
from service.requests.models import DecisionRow
from service.rules import service as rules
from service.rules.domain import VersionRef
from service.rules.pointers import Received
from service.rules.service import Rulebook
from service.tenants import service as tenants

DECIDED_AGAIN_MAX = 50
"""An event that comes later than this many others with facts leaves the terms of the oldest as they were."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was before a decision.

    Attributes:
        received: when the request was received.
        decisions: those made on it before.
    """

    received: Received
    decisions: Sequence[Decision] = ()


@dataclass(frozen=True, slots=True)
class First:
    """What is decided on a new request.

    Attributes:
        made: its promises, not written yet.
        differed: the versions that the engines do not agree on.
    """

    decision: Decision
    made: list[Step]
    differed: tuple[VersionRef, ...]


@dataclass(frozen=True, slots=True)
class Anew:
    """What is decided on the facts as they are after an event.

    Attributes:
        before: the decisions made before, in the order in which they were made.
        can_be_followed: whether the calendars open often enough for what is promised.
        differed: the versions that the engines do not agree on.
    """

    before: list[Decision]
    decision: Decision
    offer: Offer
    can_be_followed: bool
    differed: tuple[VersionRef, ...]


@dataclass(frozen=True, slots=True)
class Again:
    """What an event changed.

    Attributes:
        decision: the one that holds now, if one was made; `before`, the one that held until then.
        differed: the versions that the engines do not agree on.
        commitments: the request's promises as they stand.
    """

    commitments: list[Commitment]
    decision: Decision | None = None
    before: Decision | None = None
    differed: tuple[VersionRef, ...] = ()


class _Terms(NamedTuple):
    """A decision with the terms of what it promises."""

    decision: Decision
    terms: tuple[Terms, ...]
    differed: tuple[VersionRef, ...]


async def first(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    context: Context,
    opened: RequestEvent,
    *,
    now: datetime,
) -> First:
    """Decide on a new request. Where a rule cannot be followed, the default is promised."""
    decision, terms, differed = await _decide(
        session, rulebook, request, context, Past(Received(now)), now=now
    )
    try:
        made = await commitments.prepare(session, [_offer(request, opened, decision, terms)], now=now)
    except BeyondHorizon:
        decision, terms = judging.unfollowed(decision), tuple(promises.terms_of(promises.DEFAULT, {}))
        made = await commitments.prepare(session, [_offer(request, opened, decision, terms)], now=now)
    return First(decision, made, differed)


async def anew(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    ledger: Sequence[RequestEvent],
    *,
    now: datetime,
) -> Anew:
    """Decide on the request as it was after the last event of a part of its ledger; see `domain.as_of`.

    A rule that cannot be followed changes no terms. Nothing is written.
    """
    event = ledger[-1]
    rows = await store.decisions(session, request.id)
    before = [row.to_domain() for row in rows]
    if event.repinned is not None and event.repinned.recount is not None and before:
        return await _recounted(session, request, event, event.repinned.recount, before, now=now)
    context = await context_of(session, request)
    past = Past(domain.received(request, ledger), _as_counted(rows, ledger))
    decided = await _decide(session, rulebook, request, context, past, now=now)
    return await _followed(session, request, event, before, decided, now=now)


async def _recounted(
    session: TenantSession,
    request: Request,
    event: RequestEvent,
    recount: Recount,
    before: list[Decision],
    *,
    now: datetime,
) -> Anew:
    """The decision that holds, counting by another version of a calendar from here on; no rule is asked."""
    decision = replace(
        judging.recounted(before[-1], {recount.calendar: recount.version_id}),
        id=DecisionId(ids.new_id()),
        decided_at=now,
    )
    terms = _Terms(decision, judging.terms_of(decision), ())
    return await _followed(session, request, event, before, terms, now=now)


async def _followed(
    session: TenantSession,
    request: Request,
    event: RequestEvent,
    before: list[Decision],
    decided: _Terms,
    *,
    now: datetime,
) -> Anew:
    """What a decision offers from an event on; nothing, if its calendars never leave time for it."""
    decision, terms, differed = decided
    offer = _offer(request, event, decision, terms)
    try:
        await commitments.prepare(session, [offer], now=now)
    except BeyondHorizon:
        decision, offer = judging.unfollowed(decision), replace(offer, terms=())
        return Anew(before, decision, offer, can_be_followed=False, differed=differed)
    return Anew(before, decision, offer, can_be_followed=True, differed=differed)


def _as_counted(found: Sequence[DecisionRow], ledger: Sequence[RequestEvent]) -> list[Decision]:
    """Decisions, with the versions of their calendars that count when all of the ledger has happened."""
    return [
        judging.recounted(row.to_domain(), domain.recounts(ledger, since=EventId(row.request_event_id)))
        for row in found
    ]


async def again(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    ledger: Sequence[RequestEvent],
    event: RequestEvent,
    *,
    now: datetime,
) -> Again:
    """Bring an event of the ledger before the promises; if it set facts, with what is decided on them.

    Later events that set facts are decided again too, since the facts before them are others now: the last
    DECIDED_AGAIN_MAX of them, of which the very last decision is the one that holds.
    """
    entries = domain.ledger_entries(event)
    if not event.is_decided_on:
        return Again(await commitments.record(session, request.id, entries, now=now))
    position = ledger.index(event)
    later = [at for at in range(position + 1, len(ledger)) if ledger[at].is_decided_on][-DECIDED_AGAIN_MAX:]
    then = domain.as_of(request, ledger, after=position + 1)
    found = await _after(session, rulebook, then, ledger[: position + 1], now=now)
    before, differed = found.before[-1] if found.before else None, found.differed
    standing = await commitments.record(session, request.id, entries, offer=found.offer, now=now)
    for at in later:
        then = domain.as_of(request, ledger, after=at + 1)
        found = await _after(session, rulebook, then, ledger[: at + 1], now=now)
        differed = (*differed, *found.differed)
        standing = await commitments.record(session, request.id, [], offer=found.offer, now=now)
    return Again(standing, found.decision, before, tuple(dict.fromkeys(differed)))


async def _after(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    ledger: Sequence[RequestEvent],
    *,
    now: datetime,
) -> Anew:
    found = await anew(session, rulebook, request, ledger, now=now)
    row = models.decision_columns(request, ledger[-1], found.decision)
    await store.append(session, {store.DECISIONS: [row]})
    return found


async def _decide(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    context: Context,
    past: Past,
    *,
    now: datetime,
) -> _Terms:
    """Decide on the request's facts."""
    group = request.facts.get("assignment_group")
    facts = domain.rule_facts(
        request,
        request.facts,
        client=context.client,
        service=context.service,
        group_calendar=None if group is None else await groups.calendar_of(session, group),
    )
    history = history_of(session, request, now=now)
    decided = await rules.decide(session, rulebook, facts, received=past.received, now=now, history=history)
    judged = judging.judge(
        decided, context.client, past.decisions, decision_id=DecisionId(ids.new_id()), now=now
    )
    also = judged.wanted
    if also:
        also &= await calendars.names(session, client_id=request.client_id)
    versions = await calendars.current_versions(session, judged.calendars, also=also)
    return _Terms(*judging.with_calendars(judged, versions), judged.differed)


async def context_of(session: TenantSession, request: Request) -> Context:
    return Context(
        None if request.client_id is None else await tenants.get_client(session, request.client_id),
        None if request.service_id is None else await tenants.get_service(session, request.service_id),
    )


def _offer(request: Request, event: RequestEvent, decision: Decision, terms: tuple[Terms, ...]) -> Offer:
    """What a decision promises, from the event on that it was made for."""
    known = domain.ledger_entries(event) if event.type is EventType.OPENED else []
    return Offer(
        request_id=request.id,
        client_id=request.client_id,
        service_id=request.service_id,
        terms=terms,
        decision_id=decision.id,
        at=max(event.occurred_at, request.opened_at),
        source_sequence=event.source_sequence,
        received_at=event.received_at,
        entry_id=EntryId(str(event.id)),
        entries=tuple(entry for entry in known if not isinstance(entry, Reopened)),
        running_only=event.repinned is not None,
        peers=domain.peers_of(decision.facts),
    )
