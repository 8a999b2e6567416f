"""HTTP for requests: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from service.api import conditional
from service.api.commitments import CommitmentView
from service.api.fields import Moment, Name
from service.api.idempotency import Once
from service.api.pagination import Page, Paging
from service.commitments.domain.timeline import Interval, Spent
from service.commitments.service import Account
from service.db import TenantSession
from service.ids import (
    ClientId,
    ContactId,
    DecisionId,
    EventId,
    PolicyId,
    PolicyVersionId,
    RequestId,
    ServiceId,
)
from service.requests import domain, service
from service.requests.domain import Decision, EventType, Place, RequestEvent, State
from service.requests.service import Accepted, Caller, Recorded, Report, Submission
from service.rules.domain import VersionRef
from service.rules.service import Rulebook, RuleWhy
from service.rules.vocabulary import RequestType

Title = Annotated[str, msgspec.Meta(max_length=500)]
Cause = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]
Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

FACTS = "Facts by name, such as priority, impact, urgency, category; your own go under custom."


class SubmitRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An incoming demand, as its ticket system knows it."""

    source: Annotated[Name, msgspec.Meta(description="The ticket system it comes from.")]
    external_id: Annotated[Name, msgspec.Meta(description="What that system calls it.")]
    type: RequestType
    title: Title | None = None
    occurred_at: Annotated[
        Moment | None, msgspec.Meta(description="When it was opened; now when left out.")
    ] = None
    sequence: Sequence = 0
    state: State = State.OPEN
    facts: Annotated[dict[str, Any], msgspec.Meta(description=FACTS)] = {}
    client: Name | None = None
    service: Name | None = None
    requester: Annotated[
        Name | None,
        msgspec.Meta(description="The contact who asks, of the same client: its id or its external_id."),
    ] = None

    def submission(self, now: datetime) -> Submission:
        return Submission(
            source=self.source,
            external_id=self.external_id,
            type=self.type,
            title=self.title,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            state=self.state,
            facts=self.facts,
            client=self.client,
            service=self.service,
            requester=self.requester,
        )


class _Reported(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What every report says.

    `sequence` is the source's own counter: it orders what happened at the same instant.
    """

    occurred_at: Moment | None = None
    sequence: Sequence = 0


class Changed(_Reported, frozen=True, tag="changed"):
    """Its state or its facts changed; a fact that is null goes away."""

    state: State | None = None
    facts: Annotated[dict[str, Any] | None, msgspec.Meta(description=FACTS)] = None

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.CHANGED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            state=self.state,
            facts=self.facts,
        )


class Replied(_Reported, frozen=True, tag="replied"):
    """Somebody answered: an agent's reply fulfils a promise to respond."""

    by: Literal["agent", "requester"]

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.REPLIED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            by=self.by,
        )


class Paused(_Reported, frozen=True, tag="paused"):
    """Work waits for somebody. Promises whose terms name the cause stand still meanwhile."""

    cause: Cause
    party: Cause = "requester"

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.PAUSED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            cause=self.cause,
            party=self.party,
        )


class Resumed(_Reported, frozen=True, tag="resumed"):
    """The waiting is over; without a cause, all waiting is."""

    cause: Cause | None = None

    def report(self, now: datetime) -> Report:
        return Report(
            type=EventType.RESUMED,
            occurred_at=self.occurred_at or now,
            sequence=self.sequence,
            cause=self.cause,
        )


class Noted(_Reported, frozen=True, tag="noted"):
    """Something happened that changes no promise."""

    def report(self, now: datetime) -> Report:
        return Report(type=EventType.NOTED, occurred_at=self.occurred_at or now, sequence=self.sequence)


class RequestView(msgspec.Struct, frozen=True):
    """A request as it is known now.

    `source_client_id` is the client organization whose application sent it, null for the tenant's own: each
    has names of its own, so that two requests may have the same `source` and `external_id`.
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
    facts: dict[str, Any]
    opened_at: datetime
    received_at: datetime
    sequence: int

    @classmethod
    def of(cls, request: domain.Request) -> "RequestView":
        return cls(
            id=request.id,
            client_id=request.client_id,
            service_id=request.service_id,
            source_client_id=request.source_client_id,
            contact_id=request.contact_id,
            source=request.source,
            external_id=request.external_id,
            type=request.type,
            title=request.title,
            state=request.state,
            facts=request.facts,
            opened_at=request.opened_at,
            received_at=request.received_at,
            sequence=request.sequence,
        )


class VersionRefView(msgspec.Struct, frozen=True):
    """One version of one policy."""

    policy_id: PolicyId
    version_id: PolicyVersionId
    version: int

    @classmethod
    def of(cls, ref: VersionRef) -> "VersionRefView":
        return cls(ref.policy_id, ref.version_id, ref.version)


class ConsultedView(msgspec.Struct, frozen=True):
    """A version that was asked: which of its rules matched, and which could not be evaluated."""

    version_id: PolicyVersionId
    rules: list[str]
    errors: list[str]


class DecisionView(msgspec.Struct, frozen=True):
    """What was decided, on which snapshot of facts, by which versions.

    `degraded` means that something could not be evaluated which might have changed the answer. An application
    of a client organization does not see which rules there are: no versions, nothing of what else matched.
    """

    id: DecisionId
    decided_at: datetime
    facts: dict[str, Any]
    versions: list[VersionRefView]
    policy_version_id: PolicyVersionId | None
    rule_id: str | None
    matched: list[ConsultedView]
    degraded: bool
    engine: str

    @classmethod
    def of(cls, decision: Decision) -> "DecisionView":
        return cls(
            id=decision.id,
            decided_at=decision.decided_at,
            facts=decision.facts,
            versions=[VersionRefView.of(ref) for ref in decision.versions],
            policy_version_id=decision.policy_version_id,
            rule_id=decision.rule_id,
            matched=msgspec.convert(decision.matched, list[ConsultedView]),
            degraded=decision.degraded,
            engine=decision.engine,
        )


class AcceptedView(msgspec.Struct, frozen=True):
    """The request as accepted, the decision, and what is promised."""

    id: RequestId
    decision_id: DecisionId
    degraded: bool
    rule_id: str | None
    commitments: list[CommitmentView]

    @classmethod
    def of(cls, accepted: Accepted, now: datetime) -> "AcceptedView":
        return cls(
            id=accepted.request.id,
            decision_id=accepted.decision.id,
            degraded=accepted.decision.degraded,
            rule_id=accepted.decision.rule_id,
            commitments=[CommitmentView.of(commitment, now) for commitment in accepted.commitments],
        )


class RecordedView(msgspec.Struct, frozen=True):
    """What was recorded, and how the promises stand after it."""

    event_id: EventId
    request_id: RequestId
    state: State
    decision_id: DecisionId | None
    commitments: list[CommitmentView]

    @classmethod
    def of(cls, recorded: Recorded, now: datetime) -> "RecordedView":
        return cls(
            event_id=recorded.event.id,
            request_id=recorded.request.id,
            state=recorded.request.state,
            decision_id=None if recorded.decision is None else recorded.decision.id,
            commitments=[CommitmentView.of(commitment, now) for commitment in recorded.commitments],
        )


class RequestEventView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One entry of a request's ledger."""

    id: EventId
    type: EventType
    occurred_at: datetime
    sequence: int
    received_at: datetime
    state: State | None = None
    facts: dict[str, Any] | None = None
    cause: str | None = None
    party: str | None = None
    by: str | None = None
    backdated: bool = False

    @classmethod
    def of(cls, event: RequestEvent) -> "RequestEventView":
        return cls(
            id=event.id,
            type=event.type,
            occurred_at=event.occurred_at,
            sequence=event.source_sequence,
            received_at=event.received_at,
            state=event.state,
            facts=event.facts,
            cause=event.cause,
            party=event.party,
            by=event.by,
            backdated=event.backdated,
        )


class DecisionsView(msgspec.Struct, frozen=True):
    """The decision that holds, and those that held before it."""

    request_id: RequestId
    decision: DecisionView
    earlier: list[DecisionView]


class RuleWhyView(msgspec.Struct, frozen=True):
    """One rule, matched or not, with the values that decided it.

    `when` and `explanation` are null for an application of a client organization.
    """

    policy_id: PolicyId
    policy_version: int
    rule_id: str
    when: str | None
    because: str
    counts: bool
    explanation: dict[str, Any] | None

    @classmethod
    def of(cls, why: RuleWhy, *, in_full: bool) -> "RuleWhyView":
        return cls(
            policy_id=why.ref.policy_id,
            policy_version=why.ref.version,
            rule_id=why.rule.id,
            when=why.rule.when if in_full else None,
            because=why.rule.because,
            counts=why.counts,
            explanation=dict(why.explanation) if in_full else None,
        )


class WhyView(msgspec.Struct, frozen=True):
    """Every rule of the versions that were in effect, on the facts that were decided on.

    An application of a client organization sees the rule that was followed, what is said of the request, and
    what else that rule has read.
    """

    decision_id: DecisionId
    facts: dict[str, Any]
    rules: list[RuleWhyView]


class IntervalView(msgspec.Struct, frozen=True):
    """A stretch of time: the clock was counting, closed (outside the calendar's hours) or paused."""

    start: datetime
    end: datetime
    spent: Spent
    cause: str | None

    @classmethod
    def of(cls, interval: Interval) -> "IntervalView":
        return cls(interval.start, interval.end, interval.spent, interval.cause)


class PromiseTimelineView(msgspec.Struct, frozen=True):
    """One promise, and how the time of its current cycle was spent."""

    commitment: CommitmentView
    intervals: list[IntervalView]

    @classmethod
    def of(cls, account: Account, now: datetime) -> "PromiseTimelineView":
        return cls(
            CommitmentView.of(account.commitment, now), [IntervalView.of(each) for each in account.intervals]
        )


class TimelineView(msgspec.Struct, frozen=True):
    request_id: RequestId
    now: datetime
    commitments: list[PromiseTimelineView]


Reported = Changed | Replied | Paused | Resumed | Noted


class RequestController(Controller):
    path = "/v1/requests"
    tags = ("Requests",)

    @post("/", operation_id="submitRequest")
    async def submit(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        data: JSONBody[SubmitRequest],
    ) -> Response[AcceptedView]:
        """Submit a request: what is promised is decided, and kept watch over, from this answer on."""

        async def effect() -> Response[AcceptedView]:
            accepted = await service.submit(session, rulebook, data.submission(now), caller=caller, now=now)
            return Response(
                AcceptedView.of(accepted, now), headers={"Location": f"/v1/requests/{accepted.request.id}"}
            )

        return await once(effect)

    @get("/", operation_id="listRequests")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        source: Annotated[
            str | None, QueryParameter(description="From this source; with `external_id`.")
        ] = None,
        external_id: Annotated[str | None, QueryParameter(description="What the source calls it.")] = None,
    ) -> Response[Page[RequestView]]:
        """List requests, oldest first. A client's application sees those of its own client."""
        external = None if source is None or external_id is None else (source, external_id)
        found = await service.list_requests(
            session,
            client_id=caller.client_id,
            external=external,
            after=paging.after(UUID),
            limit=paging.sought,
        )
        return paging.page(found, position=lambda request: request.id, view=RequestView.of)

    @get("/{request_id:uuid}", operation_id="getRequest")
    async def get_one(
        self,
        request: Request[Any, Any, Any],
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> Response[RequestView]:
        """Show one request as it is known now."""
        found = await service.get(session, request_id, client_id=caller.client_id)
        tag = conditional.etag(found.id, found.sequence)
        return conditional.respond(request, RequestView.of(found), tag=tag)

    @post("/{request_id:uuid}/events", operation_id="reportEvent")
    async def report(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        once: NamedDependency[Once],
        request_id: FromPath[RequestId],
        data: JSONBody[Reported],
    ) -> Response[RecordedView]:
        """Report what happened to a request. What is told late counts from when it happened."""

        async def effect() -> RecordedView:
            recorded = await service.record(
                session, rulebook, request_id, data.report(now), caller=caller, now=now
            )
            return RecordedView.of(recorded, now)

        return await once(effect)

    @get("/{request_id:uuid}/events", operation_id="listRequestEvents")
    async def list_events(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        paging: NamedDependency[Paging],
        request_id: FromPath[RequestId],
    ) -> Response[Page[RequestEventView]]:
        """List the request's ledger, in the order in which its entries count."""
        found = await service.list_events(
            session, request_id, client_id=caller.client_id, after=paging.after(Place), limit=paging.sought
        )
        return paging.page(found, position=lambda event: event.order, view=RequestEventView.of)

    @get("/{request_id:uuid}/decision", operation_id="getDecision")
    async def get_decision(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> DecisionsView:
        """Show the decision that holds, and those before it."""
        found = await service.decisions(session, request_id, client_id=caller.client_id)
        *earlier, holding = [DecisionView.of(decision) for decision in found]
        return DecisionsView(request_id, holding, earlier)

    @get("/{request_id:uuid}/why", operation_id="getWhy")
    async def get_why(
        self,
        session: NamedDependency[TenantSession],
        rulebook: NamedDependency[Rulebook],
        caller: NamedDependency[Caller],
        request_id: FromPath[RequestId],
    ) -> WhyView:
        """Say why: every rule that was in effect, matched or not, with the values that decided it."""
        found = await service.why(session, rulebook, request_id, client_id=caller.client_id)
        in_full = caller.client_id is None
        asked = [RuleWhyView.of(each, in_full=in_full) for each in found.rules]
        return WhyView(found.decision_id, found.facts, asked)

    @get("/{request_id:uuid}/timeline", operation_id="getTimeline")
    async def get_timeline(
        self,
        session: NamedDependency[TenantSession],
        caller: NamedDependency[Caller],
        now: NamedDependency[datetime],
        request_id: FromPath[RequestId],
    ) -> TimelineView:
        """Show how the time of each promise was spent: counting, closed or paused."""
        found = await service.timeline(session, request_id, client_id=caller.client_id, now=now)
        return TimelineView(request_id, now, [PromiseTimelineView.of(account, now) for account in found])
