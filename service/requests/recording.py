"""A request and the events of its ledger, written with the promises that follow from them.

What follows from verdicts stands above: see `requests.rationalizing`.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.db import TenantSession, gathering
from service.escalations.runs import service as runs
from service.outbox import service as outbox
from service.rationalization.involvement import service as involvement
from service.rationalization.involvement.domain import Hand
from service.requests import (
    affairs,
    checking,
    deciding,
    deeds,
    domain,
    models,
    neighbours,
    renegotiating,
    store,
    telling,
)
from service.requests.domain import Decision, EventType, Request, RequestEvent
from service.requests.intake import Context
from service.requests.major_incidents import service as major_incidents
from service.rules.service import Rulebook
from service.wakeups import service as wakeups


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that is new, and the event that its ledger begins with."""

    request: Request
    opened: RequestEvent
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that was accepted, with all that is promised of it."""

    request: Request
    decision: Decision
    commitments: list[Commitment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event that was recorded, and how the promises stand after it.

    Attributes:
        decision: if it was decided anew.
        decided_before: the decision that held until then.
    """

    event: RequestEvent
    request: Request
    decision: Decision | None
    decided_before: Decision | None
    commitments: list[Commitment]


async def accept(
    session: TenantSession, rulebook: Rulebook, arrival: Arrival, actor: Actor, *, now: datetime
) -> Accepted:
    """Decide on a new request, promise what follows, and write all of it at once.

    Raises:
        RequestExists
    """
    request, opened = arrival.request, arrival.opened
    first = await deciding.first(session, rulebook, request, arrival.context, opened, now=now)
    decision, made = first.decision, first.made
    told = telling.acceptance(request, decision, first.differed)
    request = replace(request, sequence=told[-1].sequence)
    async with gathering(session.db):
        await store.accept(
            session,
            request,
            {
                store.EVENTS: [models.event_columns(request, opened)],
                store.DECISIONS: [models.decision_columns(request, opened, decision)],
                **commitments.rows(made),
            },
        )
        wake_ups = [step.wake_up for step in made if step.wake_up is not None]
        await wakeups.schedule(session, [*wake_ups, *neighbours.moved(None, request, now=now)])
        await audit.record(session, actor, deeds.submitted(request, decision), now=now)
        await outbox.append(session, [*told, *(event for step in made for event in step.events)])
    if decision.is_of_major_incident:
        await major_incidents.suspect(session, request.id, now=now)
    promised = [step.commitment for step in made]
    if decision.climbs:
        await runs.follow(session, promised, affair=affairs.of(request, decision), now=now)
    return Accepted(request=request, decision=decision, commitments=promised)


async def append(
    session: TenantSession,
    rulebook: Rulebook,
    before: Request,
    event: RequestEvent,
    actor: Actor,
    *,
    now: datetime,
) -> Recorded:
    """Append an event to the ledger of a request, which the caller holds locked, and have promises follow."""
    ledger = await ledger_with(session, before, event)
    request = replace(
        before,
        state=domain.state_after(ledger),
        facts=domain.facts_after(ledger),
        merged_into=domain.merged_into(ledger),
        type=domain.as_of(before, ledger, after=len(ledger)).type,
    )
    request = await checking.lacking(session, before, request, event)
    await store.append(session, {store.EVENTS: [models.event_columns(request, event)]})
    await _note_who_edited(session, before, request, event, actor, now=now)
    found = await deciding.again(session, rulebook, request, ledger, event, now=now)
    await audit.record(session, actor, deeds.reported(before, request, event), now=now)
    if found.decision is not None and found.decision.is_of_major_incident:
        await major_incidents.suspect(session, request.id, now=now)
    drafts = telling.change(request, event, found.decision, differed=found.differed)
    if drafts:
        request = replace(request, sequence=drafts[-1].sequence)
        await store.save(session, request)
        await outbox.append(session, drafts)
    affair = affairs.of(request, found.decision)
    await renegotiating.follow(session, found.commitments, affair=affair, now=now)
    await wakeups.schedule(session, neighbours.moved(before, request, now=now))
    return Recorded(
        event=event,
        request=request,
        decision=found.decision,
        decided_before=found.before,
        commitments=found.commitments,
    )


async def _note_who_edited(
    session: TenantSession,
    before: Request,
    after: Request,
    event: RequestEvent,
    actor: Actor,
    *,
    now: datetime,
) -> None:
    """Whoever edits what is asked for does not approve it. What was agreed is noted where it is agreed."""
    is_reported = event.type is not EventType.RATIONALIZED
    if actor.member_id is not None and is_reported and domain.is_rewritten(before, after):
        await involvement.wrote(session, affairs.matter(after), actor.member_id, Hand.EDITED, now=now)


async def ledger_with(session: TenantSession, request: Request, event: RequestEvent) -> list[RequestEvent]:
    """The request's ledger with one event more."""
    return domain.in_order([*await ledger_of(session, request), event])


async def ledger_of(session: TenantSession, request: Request) -> list[RequestEvent]:
    """All that happened to a request, in the order in which it counts."""
    return domain.in_order([each.to_domain() for each in await store.events(session, request.id)])
