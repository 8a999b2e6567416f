"""What comes in about requests, and what is refused of it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from service import ids
from service.audit.domain import Actor
from service.errors import Fault
from service.ids import ClientId, EventId, RequestId, ServiceId
from service.requests import domain
from service.requests.domain import EventType, Facts, Request, RequestEvent, State, Typed
from service.requests.errors import BackdatingForbidden, EventInvalid, RequestInvalid
from service.rules.vocabulary import RequestType
from service.tenants.domain import Client, Contact, OperatedService


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
        type: a type of the tenant's catalogue by its name, or a kind of request.
        requester: the contact who asks: its id, or what the client's own register calls it.
    """

    source: str
    external_id: str
    type: str
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
    deed: str | None = None
    into: RequestId | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a demand is taken for.

    Attributes:
        typed: the type of the tenant's catalogue that it is of; None for a kind of request alone.
        service_id: of the service that it is for, if it names none.
        faults: why it is refused by its type.
        incomplete: what it lacks where its type takes it all the same.
    """

    family: RequestType
    typed: Typed | None = None
    service_id: ServiceId | None = None
    faults: tuple[Fault, ...] = ()
    incomplete: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """Whom and what a request concerns, as the tenant's registers have it."""

    client: Client | None
    service: OperatedService | None
    contact: Contact | None = None


def check_submission(submission: Submission, taken: Taken, now: datetime, caller: Caller) -> None:
    """Raises RequestInvalid, BackdatingForbidden."""
    faults = domain.faults_of_time(submission.occurred_at, now) + domain.faults_of_facts(submission.facts)
    faults += taken.faults
    if submission.source == domain.CARRIED:
        detail = "What is carried over here has this source, and nothing else; call yours otherwise."
        faults.append(Fault("/source", detail))
    if caller.client_id is not None and submission.client is not None:
        faults.append(Fault("/client", "This application submits for its own client only; leave it out."))
    if faults:
        raise RequestInvalid(faults)
    _check_backdating(submission.occurred_at, now, caller)


def check_report(report: Report, now: datetime, caller: Caller) -> None:
    """Raises EventInvalid, BackdatingForbidden."""
    faults = domain.faults_of_time(report.occurred_at, now) + domain.faults_of_facts(report.facts or {})
    if faults:
        raise EventInvalid(faults)
    _check_backdating(report.occurred_at, now, caller)


def _check_backdating(occurred_at: datetime, now: datetime, caller: Caller) -> None:
    if domain.is_backdated(occurred_at, now) and not caller.may_backdate:
        raise BackdatingForbidden


def new_request(
    submission: Submission, taken: Taken, context: Context, caller: Caller, now: datetime
) -> Request:
    return Request(
        id=RequestId(ids.new_id()),
        client_id=None if context.client is None else context.client.id,
        service_id=None if context.service is None else context.service.id,
        source_client_id=caller.client_id,
        contact_id=None if context.contact is None else context.contact.id,
        source=submission.source,
        external_id=submission.external_id,
        type=taken.family,
        typed=taken.typed,
        incomplete=taken.incomplete,
        title=submission.title,
        state=submission.state,
        facts=domain.merged({}, submission.facts),
        opened_at=submission.occurred_at,
        received_at=now,
        sequence=0,
        submitted_by=caller.actor.member_id,
    )


def opened(submission: Submission, now: datetime) -> RequestEvent:
    """The event that a request begins with."""
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.OPENED,
        occurred_at=submission.occurred_at,
        source_sequence=submission.sequence,
        received_at=now,
        state=submission.state,
        facts=submission.facts,
        backdated=domain.is_backdated(submission.occurred_at, now),
    )


def noted(merged: RequestEvent, source: Request) -> RequestEvent:
    """What the request that another was merged into has in its ledger of that."""
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.NOTED,
        occurred_at=merged.occurred_at,
        source_sequence=0,
        received_at=merged.received_at,
        other=source.id,
        backdated=merged.backdated,
    )


def faults_of_merging(source: Request, target: Request, *, has_merged: bool) -> list[Fault]:
    """Why one request may not be merged into another.

    Args:
        source: the one that is to be over.
        target: the one that is to go on.
        has_merged: whether others were merged into the source.
    """
    if source.id == target.id:
        return [Fault("/into", "A request cannot be merged into itself.")]
    if target.client_id != source.client_id:
        return [Fault("/into", "Both requests must be of one client organization.")]
    if target.merged_into is not None:
        goes_on = f"That request was merged into {target.merged_into} itself; merge into that one."
        return [Fault("/into", goes_on)]
    if has_merged:
        return [Fault("/into", "Others were merged into this request; merge that one into this one instead.")]
    return []


def reported(report: Report, now: datetime) -> RequestEvent:
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=report.type,
        occurred_at=report.occurred_at,
        source_sequence=report.sequence,
        received_at=now,
        state=State.CANCELLED if report.type is EventType.MERGED else report.state,
        facts=report.facts,
        cause=report.cause,
        party=report.party,
        by=report.by,
        deed=report.deed,
        other=report.into,
        backdated=domain.is_backdated(report.occurred_at, now),
    )
