"""Use cases of this slice: submit a request, record what happens to it. Load, decide, save."""

from dataclasses import dataclass, replace
from datetime import datetime

from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.models import Commitment
from service.commitments.service import Prospect
from service.db import TenantSession
from service.ids import RequestId
from service.requests import checking, deciding, domain, following, holding, intake, recording, store
from service.requests.domain import Decision, Request, RequestEvent
from service.requests.effects import Occasion
from service.requests.errors import EventInvalid
from service.requests.intake import Caller, Context, Report, Submission, Taken
from service.requests.recording import Accepted, Arrival, Recorded
from service.rules.service import Rulebook
from service.tenants import contacts
from service.tenants import service as tenants
from service.tenants.domain import Client

__all__ = [
    "Accepted",
    "Caller",
    "Foreseen",
    "Recorded",
    "Report",
    "Submission",
    "append",
    "foresee",
    "record",
    "submit",
]


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


async def submit(
    session: TenantSession, rulebook: Rulebook, submission: Submission, *, caller: Caller, now: datetime
) -> Accepted:
    """Accept a request: decide on its facts, promise what follows, and write all of it at once.

    Raises:
        RequestInvalid, RequestExists, BackdatingForbidden, ClientNotFound, ServiceNotFound, ContactNotFound
    """
    taken = await checking.taken(session, submission)
    intake.check_submission(submission, taken, now, caller)
    context = await _context(session, submission, taken, caller)
    request = intake.new_request(submission, taken, context, caller, now)
    arrival = Arrival(request, intake.opened(submission, now), context)
    accepted = await recording.accept(session, rulebook, arrival, caller.actor, now=now)
    occasion = Occasion(rulebook, caller.actor, now)
    request = await following.follow(session, occasion, accepted.request, accepted.decision)
    promised = await _as_they_are(session, accepted.request, request, accepted.commitments)
    accepted = replace(accepted, request=request, commitments=promised)
    for owed in await holding.owed(session, request, now=now):
        held = await append(session, rulebook, accepted.request, owed, caller.actor, now=now)
        accepted = replace(accepted, request=held.request, commitments=held.commitments)
    return accepted


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
    intake.check_report(report, now, caller)
    if report.into is not None:
        source, target = await _pair(session, request_id, report.into, caller=caller)
        event = intake.reported(report, now)
        recorded = await append(session, rulebook, source, event, caller.actor, now=now)
        await append(session, rulebook, target, intake.noted(event, source), caller.actor, now=now)
        return recorded
    row = await store.get(session, request_id, client_id=caller.client_id, lock=True)
    # Ids order what has one instant: an event gets its own once nobody else writes to the ledger before it.
    event = intake.reported(report, now)
    recorded = await append(session, rulebook, row.to_domain(), event, caller.actor, now=now)
    for owed in await holding.owed(session, recorded.request, now=now) if event.lets_run else ():
        held = await append(session, rulebook, recorded.request, owed, caller.actor, now=now)
        recorded = replace(recorded, request=held.request, commitments=held.commitments)
    return recorded


async def _pair(
    session: TenantSession, request_id: RequestId, into: RequestId, *, caller: Caller
) -> tuple[Request, Request]:
    """A request and the one that it is to be merged into: both locked, always in the same order.

    Raises:
        RequestNotFound, EventInvalid
    """
    found = {
        each: (await store.get(session, each, client_id=caller.client_id, lock=True)).to_domain()
        for each in sorted({request_id, into})
    }
    source, target = found[request_id], found[into]
    has_merged = await store.has_merged(session, source.id)
    if faults := intake.faults_of_merging(source, target, has_merged=has_merged):
        raise EventInvalid(faults)
    return source, target


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
    recorded = await recording.append(session, rulebook, before, event, actor, now=now)
    occasion = Occasion(rulebook, actor, now)
    request = await following.happened(session, occasion, before, recorded)
    return replace(
        recorded,
        request=request,
        commitments=await _as_they_are(session, recorded.request, request, recorded.commitments),
    )


async def foresee(
    session: TenantSession, rulebook: Rulebook, request: Request, event: RequestEvent, *, now: datetime
) -> Foreseen:
    """What `append` would decide and promise anew; nothing is written."""
    ledger = await recording.ledger_with(session, request, event)
    until = ledger.index(event) + 1
    then = domain.as_of(request, ledger, after=until)
    found = await deciding.anew(session, rulebook, then, ledger[:until], now=now)
    promised = await commitments.foresee(session, request.id, found.offer, now=now)
    return Foreseen(found.before, found.decision, promised, can_be_followed=found.can_be_followed)


async def _context(session: TenantSession, submission: Submission, taken: Taken, caller: Caller) -> Context:
    client: Client | None = None
    if caller.client_id is not None:
        client = await tenants.get_client(session, caller.client_id)
    elif submission.client is not None:
        client = await tenants.find_client(session, submission.client)
    service = None
    if submission.service is not None:
        service = await tenants.find_service(session, submission.service)
    elif taken.service_id is not None:
        service = await tenants.get_service(session, taken.service_id)
    contact = None
    if submission.requester is not None:
        whose = None if client is None else client.id
        contact = await contacts.named(session, submission.requester, client_id=whose)
    return Context(client, service, contact)


async def _as_they_are(
    session: TenantSession, before: Request, after: Request, promised: list[Commitment]
) -> list[Commitment]:
    """The promises as they stand now, where something followed from a verdict."""
    if after == before:
        return promised
    seen = await commitments.last_seen(session, [each.id for each in promised])
    return [seen[each.id] for each in promised]
