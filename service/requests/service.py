"""Use cases of this slice: submit a request, record what happens to it, say why. Load, decide, save."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments import promises
from service.commitments import service as commitments
from service.commitments.domain import EntryId, Terms
from service.commitments.models import Commitment
from service.commitments.service import Account, Offer, Prospect
from service.db import TenantSession
from service.errors import Fault
from service.ids import ClientId, DecisionId, EventId, RequestId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.requests import deeds, domain, judging, models, store
from service.requests.domain import Decision, EventType, Facts, Place, Request, RequestEvent, State
from service.requests.errors import BackdatingForbidden, EventInvalid, RequestInvalid
from service.rules import service as rules
from service.rules.language.walk import paths
from service.rules.pointers import Received
from service.rules.service import Rulebook, RuleWhy
from service.rules.vocabulary import RequestType
from service.tenants import contacts
from service.tenants import service as tenants
from service.tenants.domain import Client, Contact, OperatedService
from service.wakeups import service as wakeups

SUBJECT_KIND = "request"
DECIDED_AGAIN_MAX = 50
"""An event that comes later than this many others with facts leaves the terms of the oldest as they were."""
SILENT = frozenset({EventType.NOTED, EventType.REPINNED})
"""What changes neither the state nor the facts of a request."""
POLICY_KIND = promises.COMMITMENT.name


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose behalf it is on.

    Attributes:
        client_id: the client organization that the caller is confined to, if any.
        may_backdate: whether it may report what happened more than a day ago.
        actor: as the audit trail calls it.
    """

    client_id: ClientId | None
    may_backdate: bool
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request as its source sends it. `client` and `service` are names in this tenant's registers.

    Attributes:
        requester: the contact who asks: its id, or what the client's own register calls it.
    """

    source: str
    external_id: str
    type: RequestType
    title: str | None
    occurred_at: datetime
    sequence: int
    state: State
    facts: Facts
    client: str | None
    service: str | None
    requester: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened to a request, as its source reports it."""

    type: EventType
    occurred_at: datetime
    sequence: int
    state: State | None = None
    facts: Facts | None = None
    cause: str | None = None
    party: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that was accepted, with all that is promised of it."""

    request: Request
    decision: Decision
    commitments: list[Commitment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event that was recorded, and how the promises stand after it; `decision` if it was decided anew."""

    event: RequestEvent
    request: Request
    decision: Decision | None
    commitments: list[Commitment]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would be decided on a request, and how its promises would stand.

    Attributes:
        before: the decisions made before, in the order in which they were made.
        can_be_followed: whether the calendars open often enough for what is promised; where they do not, the
            promises stay as they are.
    """

    before: list[Decision]
    decision: Decision
    promised: list[Prospect]
    can_be_followed: bool


@dataclass(frozen=True, slots=True)
class _Anew:
    """What is decided on the facts as they are after an event."""

    before: list[Decision]
    decision: Decision
    offer: Offer
    can_be_followed: bool


@dataclass(frozen=True, slots=True)
class Why:
    """Why it was decided so: the rules, and the facts that they were asked about."""

    decision_id: DecisionId
    facts: Facts
    rules: list[RuleWhy]


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
class Context:
    """Whom and what a request concerns, as the tenant's registers have it."""

    client: Client | None
    service: OperatedService | None
    contact: Contact | None = None


async def submit(
    session: TenantSession, rulebook: Rulebook, submission: Submission, *, caller: Caller, now: datetime
) -> Accepted:
    """Accept a request: decide on its facts, promise what follows, and write all of it at once.

    Raises:
        RequestInvalid, RequestExists, BackdatingForbidden, ClientNotFound, ServiceNotFound, ContactNotFound
    """
    _check_submission(submission, now, caller)
    context = await _context(session, submission, caller)
    request = _new_request(submission, context, caller, now)
    opened = RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.OPENED,
        occurred_at=submission.occurred_at,
        source_sequence=submission.sequence,
        received_at=now,
        state=submission.state,
        facts=submission.facts,
        backdated=domain.is_backdated(submission.occurred_at, now),
    )
    decision, terms = await _decide(session, rulebook, request, context, Past(Received(now)), now=now)
    try:
        made = await commitments.prepare(session, [_offer(request, opened, decision, terms)], now=now)
    except BeyondHorizon:
        decision, terms = judging.unfollowed(decision), tuple(promises.terms_of(promises.DEFAULT, {}))
        made = await commitments.prepare(session, [_offer(request, opened, decision, terms)], now=now)
    told = _acceptance(request, decision)
    request = replace(request, sequence=told[-1].sequence)
    await store.accept(
        session,
        request,
        {
            store.EVENTS: [_event_row(request, opened)],
            store.DECISIONS: [_decision_row(request, opened, decision)],
            **commitments.rows(made),
        },
    )
    await outbox.append(session, [*told, *(event for step in made for event in step.events)])
    await wakeups.schedule(session, [step.wake_up for step in made if step.wake_up is not None])
    await audit.record(session, caller.actor, deeds.submitted(request, decision), now=now)
    return Accepted(request=request, decision=decision, commitments=[step.commitment for step in made])


async def record(
    session: TenantSession,
    rulebook: Rulebook,
    request_id: RequestId,
    report: Report,
    *,
    caller: Caller,
    now: datetime,
) -> Recorded:
    """Append what happened to a request's ledger, and see where its promises stand then.

    What is told late counts from when it happened: what was decided on facts that came after it is decided
    again.

    Raises:
        RequestNotFound, EventInvalid, BackdatingForbidden
    """
    _check_report(report, now, caller)
    row = await store.get(session, request_id, client_id=caller.client_id, lock=True)
    return await append(session, rulebook, row.to_domain(), _reported(report, now), caller.actor, now=now)


async def append(
    session: TenantSession,
    rulebook: Rulebook,
    before: Request,
    event: RequestEvent,
    actor: Actor,
    *,
    now: datetime,
) -> Recorded:
    """Append an event to the ledger of a request, which the caller holds locked, with all that follows."""
    history = await _history_with(session, before, event)
    request = replace(before, state=domain.state_after(history), facts=domain.facts_after(history))
    await store.append(session, {store.EVENTS: [_event_row(request, event)]})
    decision, standing = await _judge_again(session, rulebook, request, history, event, now=now)
    await audit.record(session, actor, deeds.reported(before, request, event), now=now)
    drafts = _change(request, event, decision)
    if drafts:
        request = replace(request, sequence=drafts[-1].sequence)
        await store.save(session, request)
        await outbox.append(session, drafts)
    return Recorded(event=event, request=request, decision=decision, commitments=standing)


async def foresee(
    session: TenantSession, rulebook: Rulebook, request: Request, event: RequestEvent, *, now: datetime
) -> Foreseen:
    """What `append` would decide and promise anew; nothing is written."""
    history = await _history_with(session, request, event)
    position = history.index(event)
    anew = await _decide_anew(session, rulebook, request, history[: position + 1], now=now)
    promised = await commitments.foresee(session, request.id, anew.offer, now=now)
    return Foreseen(anew.before, anew.decision, promised, can_be_followed=anew.can_be_followed)


async def get(session: TenantSession, request_id: RequestId, *, client_id: ClientId | None) -> Request:
    return (await store.get(session, request_id, client_id=client_id)).to_domain()


async def list_requests(
    session: TenantSession,
    *,
    client_id: ClientId | None,
    external: tuple[str, str] | None,
    after: UUID | None,
    limit: int,
) -> list[Request]:
    """Requests in the order in which they were accepted; `external` is (source, external id)."""
    rows = await store.listed(session, client_id=client_id, external=external, after=after, limit=limit)
    return [row.to_domain() for row in rows]


async def list_events(
    session: TenantSession,
    request_id: RequestId,
    *,
    client_id: ClientId | None,
    after: Place | None,
    limit: int,
) -> list[RequestEvent]:
    """A part of the request's ledger, in the order in which it counts."""
    await store.get(session, request_id, client_id=client_id)
    ledger = domain.in_order([row.to_domain() for row in await store.events(session, request_id)])
    return [event for event in ledger if after is None or event.order > after][:limit]


async def decisions(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None
) -> list[Decision]:
    """The request's decisions, in the order in which they were made; the last one holds.

    An application of a client organization is not told which rules there are.
    """
    found = await _decisions(session, request_id, client_id=client_id)
    return found if client_id is None else [domain.for_client(decision) for decision in found]


async def why(
    session: TenantSession, rulebook: Rulebook, request_id: RequestId, *, client_id: ClientId | None
) -> Why:
    """The decision that holds, and every rule that was asked, matched or not, with the values.

    An application of a client organization is told the rule that was followed, and the values that it read.
    """
    decision = (await _decisions(session, request_id, client_id=client_id))[-1]
    winners: set[tuple[UUID, str]] = set()
    if decision.policy_version_id is not None and decision.rule_id is not None:
        winners.add((decision.policy_version_id, decision.rule_id))
    refs = {POLICY_KIND: decision.versions}
    asked = await rules.why(session, rulebook, refs, decision.facts, winners=winners)
    if client_id is None:
        return Why(decision.id, decision.facts, asked)
    followed = [each for each in asked if each.counts]
    read = frozenset(path for each in followed for path in paths(each.rule.condition))
    return Why(decision.id, domain.facts_for_client(decision.facts, read), followed)


async def _decisions(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None
) -> list[Decision]:
    await store.get(session, request_id, client_id=client_id)
    return [row.to_domain() for row in await store.decisions(session, request_id)]


async def timeline(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None, now: datetime
) -> list[Account]:
    """The request's promises, each with how its time was spent."""
    await store.get(session, request_id, client_id=client_id)
    return await commitments.accounts(session, request_id, now=now)


def _check_submission(submission: Submission, now: datetime, caller: Caller) -> None:
    faults = domain.faults_of_time(submission.occurred_at, now) + domain.faults_of_facts(submission.facts)
    if caller.client_id is not None and submission.client is not None:
        faults.append(Fault("/client", "This application submits for its own client only; leave it out."))
    if faults:
        raise RequestInvalid(faults)
    _check_backdating(submission.occurred_at, now, caller)


def _check_report(report: Report, now: datetime, caller: Caller) -> None:
    faults = domain.faults_of_time(report.occurred_at, now) + domain.faults_of_facts(report.facts or {})
    if faults:
        raise EventInvalid(faults)
    _check_backdating(report.occurred_at, now, caller)


def _check_backdating(occurred_at: datetime, now: datetime, caller: Caller) -> None:
    if domain.is_backdated(occurred_at, now) and not caller.may_backdate:
        raise BackdatingForbidden


async def _context(session: TenantSession, submission: Submission, caller: Caller) -> Context:
    client: Client | None = None
    if caller.client_id is not None:
        client = await tenants.get_client(session, caller.client_id)
    elif submission.client is not None:
        client = await tenants.find_client(session, submission.client)
    service = None
    if submission.service is not None:
        service = await tenants.find_service(session, submission.service)
    contact = None
    if submission.requester is not None:
        whose = None if client is None else client.id
        contact = await contacts.named(session, submission.requester, client_id=whose)
    return Context(client, service, contact)


async def _context_of(session: TenantSession, request: Request) -> Context:
    return Context(
        None if request.client_id is None else await tenants.get_client(session, request.client_id),
        None if request.service_id is None else await tenants.get_service(session, request.service_id),
    )


def _new_request(submission: Submission, context: Context, caller: Caller, now: datetime) -> Request:
    return Request(
        id=RequestId(ids.new_id()),
        client_id=None if context.client is None else context.client.id,
        service_id=None if context.service is None else context.service.id,
        source_client_id=caller.client_id,
        contact_id=None if context.contact is None else context.contact.id,
        source=submission.source,
        external_id=submission.external_id,
        type=submission.type,
        title=submission.title,
        state=submission.state,
        facts=domain.merged({}, submission.facts),
        opened_at=submission.occurred_at,
        received_at=now,
        sequence=0,
    )


def _reported(report: Report, now: datetime) -> RequestEvent:
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=report.type,
        occurred_at=report.occurred_at,
        source_sequence=report.sequence,
        received_at=now,
        state=report.state,
        facts=report.facts,
        cause=report.cause,
        party=report.party,
        by=report.by,
        backdated=domain.is_backdated(report.occurred_at, now),
    )


async def _decide(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    context: Context,
    past: Past,
    *,
    now: datetime,
) -> tuple[Decision, tuple[Terms, ...]]:
    """Decide on the request's facts: the decision, and the terms of what it promises."""
    facts = domain.rule_facts(request, request.facts, client=context.client, service=context.service)
    decided = await rules.decide(session, rulebook, facts, received=past.received, now=now)
    judged = judging.judge(
        decided, context.client, past.decisions, decision_id=DecisionId(ids.new_id()), now=now
    )
    wanted = judged.calendars
    return judging.with_calendars(judged, await calendars.current_versions(session, wanted) if wanted else {})


async def _judge_again(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    history: Sequence[RequestEvent],
    event: RequestEvent,
    *,
    now: datetime,
) -> tuple[Decision | None, list[Commitment]]:
    """Bring an event before the promises; if it set facts, with what is decided on them.

    Later events that set facts are decided again too, since the facts before them are others now: the last
    DECIDED_AGAIN_MAX of them, of which the very last decision is the one that holds.
    """
    entry = domain.ledger_entry(event)
    entries = [] if entry is None else [entry]
    if not event.is_decided_on:
        return None, await commitments.record(session, request.id, entries, now=now)
    position = history.index(event)
    later = [at for at in range(position + 1, len(history)) if history[at].is_decided_on][-DECIDED_AGAIN_MAX:]
    decision, offer = await _decide_after(session, rulebook, request, history[: position + 1], now=now)
    standing = await commitments.record(session, request.id, entries, offer=offer, now=now)
    for at in later:
        decision, offer = await _decide_after(session, rulebook, request, history[: at + 1], now=now)
        standing = await commitments.record(session, request.id, [], offer=offer, now=now)
    return decision, standing


async def _decide_after(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    history: Sequence[RequestEvent],
    *,
    now: datetime,
) -> tuple[Decision, Offer]:
    """Decide on the facts as they were after the last event of `history`; the terms hold from it on.

    A rule that cannot be followed changes no terms.
    """
    anew = await _decide_anew(session, rulebook, request, history, now=now)
    await store.append(session, {store.DECISIONS: [_decision_row(request, history[-1], anew.decision)]})
    return anew.decision, anew.offer


async def _decide_anew(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    history: Sequence[RequestEvent],
    *,
    now: datetime,
) -> _Anew:
    event = history[-1]
    then = replace(request, facts=domain.facts_after(history))
    context = await _context_of(session, request)
    before = [row.to_domain() for row in await store.decisions(session, request.id)]
    decision, terms = await _decide(
        session, rulebook, then, context, Past(domain.received(request, history), before), now=now
    )
    offer = _offer(request, event, decision, terms)
    try:
        await commitments.prepare(session, [offer], now=now)
    except BeyondHorizon:
        return _Anew(before, judging.unfollowed(decision), replace(offer, terms=()), can_be_followed=False)
    return _Anew(before, decision, offer, can_be_followed=True)


async def _history_with(session: TenantSession, request: Request, event: RequestEvent) -> list[RequestEvent]:
    """The request's ledger with one event more."""
    return domain.in_order([*(each.to_domain() for each in await store.events(session, request.id)), event])


def _offer(request: Request, event: RequestEvent, decision: Decision, terms: tuple[Terms, ...]) -> Offer:
    """What a decision promises, from the event on that it was made for."""
    entry = domain.ledger_entry(event) if event.type is EventType.OPENED else None
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
        entries=() if entry is None or event.state is State.OPEN else (entry,),
        running_only=event.repinned is not None,
    )


def _acceptance(request: Request, decision: Decision) -> list[EventDraft]:
    payload = {
        "request_id": request.id,
        "source": request.source,
        "external_id": request.external_id,
        "decision_id": decision.id,
        "rule_id": decision.rule_id,
        "degraded": decision.degraded,
    }
    kinds = ["request.accepted"]
    if decision.rule_id is None:
        kinds.append("request.unmatched")
    if decision.degraded:
        kinds.append("request.degraded")
    return _drafts(kinds, request, payload, at=decision.decided_at)


def _change(request: Request, event: RequestEvent, decision: Decision | None) -> list[EventDraft]:
    payload = {
        "request_id": request.id,
        "event_id": event.id,
        "type": event.type.value,
        "state": request.state.value,
        "facts": event.facts,
    }
    kinds = [] if event.type in SILENT else ["request.changed"]
    if decision is not None and decision.degraded:
        kinds.append("request.degraded")
    return _drafts(kinds, request, payload, at=event.occurred_at)


def _drafts(
    kinds: Sequence[str], request: Request, payload: dict[str, Any], *, at: datetime
) -> list[EventDraft]:
    """Events of the request, numbered from where its sequence stands."""
    return [
        EventDraft(
            type=kind,
            subject_kind=SUBJECT_KIND,
            subject_id=request.id,
            sequence=sequence,
            occurred_at=at,
            payload=payload,
            client_id=request.client_id,
        )
        for sequence, kind in enumerate(kinds, start=request.sequence + 1)
    ]


def _event_row(request: Request, event: RequestEvent) -> dict[str, Any]:
    detail = {
        "state": None if event.state is None else event.state.value,
        "facts": event.facts,
        "cause": event.cause,
        "party": event.party,
        "by": event.by,
        "repinned": None if event.repinned is None else models.repinned_detail(event.repinned),
    }
    return {
        "id": event.id,
        "request_id": request.id,
        "client_id": request.client_id,
        "type": event.type.value,
        "occurred_at": event.occurred_at,
        "source_sequence": event.source_sequence,
        "received_at": event.received_at,
        "detail": {key: value for key, value in detail.items() if value is not None},
        "backdated": event.backdated,
    }


def _decision_row(request: Request, event: RequestEvent, decision: Decision) -> dict[str, Any]:
    return {
        "id": decision.id,
        "request_id": request.id,
        "client_id": request.client_id,
        "request_event_id": event.id,
        "decided_at": decision.decided_at,
        "kind": POLICY_KIND,
        "facts": decision.facts,
        "versions": [ref.to_json() for ref in decision.versions],
        "calendars": decision.calendars,
        "policy_version_id": decision.policy_version_id,
        "rule_id": decision.rule_id,
        "matched": decision.matched,
        "degraded": decision.degraded,
        "engine": decision.engine,
    }
