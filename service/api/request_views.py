"""What HTTP shows of requests, their ledgers and timelines."""

from datetime import datetime
from typing import Any

import msgspec

from service.api.arrangement_views import ArrangementSummary
from service.api.commitment_views import CommitmentView
from service.api.cycle_views import UsageView
from service.commitments.domain.timeline import Interval, Spent
from service.commitments.service import Account
from service.ids import (
    ArrangementId,
    ClientId,
    ContactId,
    DecisionId,
    EventId,
    RequestId,
    RequestTypeVersionId,
    ServiceId,
)
from service.rationalization import verdicts
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.verdicts import Verdict
from service.requests import domain
from service.requests.domain import EventType, RequestEvent, State
from service.requests.service import Accepted, Recorded
from service.rules.vocabulary import RequestType


class LackingView(msgspec.Struct, frozen=True):
    """What the request's type asks for and is not there.

    `pointer` leads into the request, such as `/facts/custom/site`, or names an item of its checklists, as
    `/checklist/labels` does.
    """

    pointer: str
    detail: str

    @classmethod
    def all_of(cls, request: domain.Request) -> "list[LackingView]":
        return [cls(fault.pointer, fault.detail) for fault in request.incomplete]


class RequestView(msgspec.Struct, frozen=True):
    """A request as it is known now.

    `source_client_id` is the client organization whose application sent it, null for the tenant's own: each
    has names of its own, so that two requests may have the same `source` and `external_id`. `merged_into` is
    the request that goes on in its place, if there is one. `type_name` is its type in the catalogue, and the
    kind of request where it has none; `incomplete` is what that type asks for and is not there. `arrangement`
    is what became of the verdict, null where it was accepted and nothing is to be there before work starts.
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
    merged_into: RequestId | None
    type_name: str
    type_version_id: RequestTypeVersionId | None
    standard: bool
    incomplete: list[LackingView]
    arrangement: ArrangementSummary | None

    @classmethod
    def of(cls, request: domain.Request, arrangement: Arrangement | None) -> "RequestView":
        typed = request.of_type
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
            merged_into=request.merged_into,
            type_name=request.type.value if typed is None else typed.name,
            type_version_id=None if typed is None else typed.version_id,
            standard=typed is not None and typed.standard,
            incomplete=LackingView.all_of(request),
            arrangement=None if arrangement is None else ArrangementSummary.of(arrangement),
        )


class AcceptedView(msgspec.Struct, frozen=True):
    """The request as accepted, the decision, and what is promised.

    `rule_id` is the rule that was followed in promising, null when none matched. An application of a client
    organization is not told what the verdict `requires`. `arrangement_id` is what becomes of the verdict,
    null where nothing has to.
    """

    id: RequestId
    state: State
    arrangement_id: ArrangementId | None
    decision_id: DecisionId
    degraded: bool
    rule_id: str | None
    verdict: Verdict
    reason: str | None
    incomplete: list[LackingView]
    commitments: list[CommitmentView]

    @classmethod
    def of(cls, accepted: Accepted, now: datetime, *, in_full: bool) -> "AcceptedView":
        decision = accepted.decision if in_full else domain.for_client(accepted.decision)
        return cls(
            id=accepted.request.id,
            state=accepted.request.state,
            arrangement_id=accepted.request.arrangement_id,
            decision_id=decision.id,
            degraded=decision.degraded,
            rule_id=decision.rule_id,
            verdict=verdicts.of(decision.verdict),
            reason=decision.reason,
            incomplete=LackingView.all_of(accepted.request),
            commitments=CommitmentView.all_of(accepted.commitments, now, in_full=in_full),
        )


class RecordedView(msgspec.Struct, frozen=True):
    """What was recorded, and how the promises stand after it."""

    event_id: EventId
    request_id: RequestId
    state: State
    decision_id: DecisionId | None
    commitments: list[CommitmentView]

    @classmethod
    def of(cls, recorded: Recorded, now: datetime, *, in_full: bool) -> "RecordedView":
        return cls(
            event_id=recorded.event.id,
            request_id=recorded.request.id,
            state=recorded.request.state,
            decision_id=None if recorded.decision is None else recorded.decision.id,
            commitments=CommitmentView.all_of(recorded.commitments, now, in_full=in_full),
        )


class RequestEventView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One entry of a request's ledger.

    `other` is the request that goes on in the place of this one, of `merged` and `rationalized`; of `noted`
    it is the one that goes on as this one. `rationalized` is what follows from a verdict, and `reason` why;
    `becomes` is the type that the request has from then on.
    """

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
    deed: str | None = None
    other: RequestId | None = None
    backdated: bool = False
    becomes: RequestType | None = None
    reason: str | None = None

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
            deed=event.deed,
            other=event.other,
            backdated=event.backdated,
            becomes=None if event.becomes is None else event.becomes.becomes,
            reason=event.because,
        )


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
    """One promise, how the time of its current cycle was spent, and who used it."""

    commitment: CommitmentView
    intervals: list[IntervalView]
    time: list[UsageView]

    @classmethod
    def of(cls, account: Account, now: datetime, *, in_full: bool) -> "PromiseTimelineView":
        return cls(
            CommitmentView.of(account.commitment, now),
            [IntervalView.of(each) for each in account.intervals],
            UsageView.all_of(account.usages[-1], in_full=in_full),
        )


class TimelineView(msgspec.Struct, frozen=True):
    request_id: RequestId
    now: datetime
    commitments: list[PromiseTimelineView]
