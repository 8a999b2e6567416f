"""HTTP for promises: parse, call one use case, render."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.api import fields
from service.api.pagination import Page, Paging
from service.api.security import Principal
from service.commitments import service, wire
from service.commitments.domain import (
    ClockState,
    Judgement,
    Outcome,
    Pause,
    Rule,
    SegmentTrace,
    Threshold,
    Told,
    Verdict,
)
from service.commitments.models import Commitment
from service.commitments.service import Account, Sought
from service.db import TenantSession
from service.ids import ClientId, CommitmentId, CurveId, RequestId


class CommitmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One promise.

    `due_at` is null while the clock is paused; `due_if_resumed_now` is the due, were it to run from now on.
    `lateness_seconds` counts elapsed time past the due. A promise that is stopped and pending was cancelled.
    `miss_chance` and `at_risk_at` are for the tenant's own members and applications: null for a client's, and
    in the answer to a request or its event.
    """

    id: CommitmentId
    request_id: RequestId
    client_id: ClientId | None
    metric: str
    target: dict[str, Any]
    cycle: int
    clock: ClockState
    outcome: Outcome
    started_at: datetime
    due_at: datetime | None
    due_if_resumed_now: datetime | None
    warn_at: datetime | None
    warned_at: datetime | None
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    broken_at: datetime | None
    corrected_at: datetime | None
    miss_chance: float | None
    at_risk_at: datetime | None
    lateness_seconds: float
    flags: list[str]

    @classmethod
    def of(cls, commitment: Commitment, now: datetime, *, with_risk: bool = False) -> "CommitmentView":
        return cls(**_fields(commitment, now, with_risk=with_risk))


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on these terms were asked for: when they make the promise due, and whether that stands."""

    at: datetime
    decision_id: str
    target: dict[str, Any]
    calendar_version_id: str | None
    pausable_by: list[str]
    rule: Rule
    counted_from: datetime
    carried_seconds: float
    due_at: datetime | None
    verdict: Verdict

    @classmethod
    def of(cls, segment: SegmentTrace) -> "SegmentView":
        return cls(
            at=segment.at,
            decision_id=segment.decision,
            target=wire.target_document(segment.terms.target),
            calendar_version_id=segment.terms.calendar,
            pausable_by=sorted(segment.terms.pausable_by),
            rule=segment.rule,
            counted_from=segment.counted_from,
            carried_seconds=segment.carried.total_seconds(),
            due_at=segment.due_at,
            verdict=segment.verdict,
        )


class CycleView(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one cycle, and how its due was found."""

    cycle: int
    clock: ClockState
    outcome: Outcome
    started_at: datetime
    due_at: datetime | None
    fulfilled_at: datetime | None
    used_seconds: float
    lateness_seconds: float
    segments: list[SegmentView]

    @classmethod
    def of(cls, judged: Judgement) -> "CycleView":
        return cls(
            cycle=judged.cycle,
            clock=judged.clock,
            outcome=judged.outcome,
            started_at=judged.started_at,
            due_at=judged.due_at,
            fulfilled_at=judged.fulfilled_at,
            used_seconds=judged.used.total_seconds(),
            lateness_seconds=judged.lateness.total_seconds(),
            segments=[SegmentView.of(segment) for segment in judged.segments],
        )


class PauseView(msgspec.Struct, frozen=True):
    """Why the request waited, and for whom; whether that stopped the clock is up to the terms."""

    start: datetime
    end: datetime | None
    cause: str
    party: str

    @classmethod
    def of(cls, pause: Pause) -> "PauseView":
        return cls(pause.start, pause.end, pause.cause, pause.party)


class ToldView(msgspec.Struct, frozen=True):
    """A warning, a breach or its correction, which is told once; a correction says why."""

    at: datetime
    cycle: int
    threshold: Threshold
    because: str | None

    @classmethod
    def of(cls, told: Told) -> "ToldView":
        return cls(told.at, told.cycle, told.threshold, told.because or None)


class ForecastView(msgspec.Struct, frozen=True, kw_only=True):
    """What the chance of a miss was taken from: so many promises of this cohort, the oldest made at `since`.

    `cohort` is metric, clock, and the kind of request and its priority, as far as enough promises are known.
    `at_risk_at` is when the chance is above `renegotiate_above`, if the promise goes on as it does.
    """

    miss_chance: float | None
    renegotiate_above: float | None
    at_risk_at: datetime | None
    curve_id: CurveId
    cohort: str
    promises: int
    fulfilled: int
    since: datetime
    made_at: datetime

    @classmethod
    def of(cls, account: Account) -> "ForecastView | None":
        risk = account.risk
        if risk.curves is None:
            return None
        known = risk.curves.known
        return cls(
            miss_chance=risk.chance,
            renegotiate_above=account.standing.current.terms.renegotiate_above,
            at_risk_at=risk.at,
            curve_id=risk.curves.id,
            cohort=known.cohort.key,
            promises=known.promises,
            fulfilled=known.fulfilled,
            since=known.since,
            made_at=risk.curves.made_at,
        )


class CommitmentDetailView(CommitmentView, frozen=True, kw_only=True):
    """One promise with its cycles, each with the segments that its due was found from, and its pauses.

    `forecast` is null for a client's application, where too little is known, and of what has ended.
    """

    cycles: list[CycleView]
    pauses: list[PauseView]
    told: list[ToldView]
    forecast: ForecastView | None

    @classmethod
    def detailed(cls, account: Account, now: datetime, *, with_risk: bool) -> "CommitmentDetailView":
        told = [one for one in account.standing.told if with_risk or one.threshold is not Threshold.AT_RISK]
        return cls(
            **_fields(account.commitment, now, with_risk=with_risk),
            forecast=ForecastView.of(account) if with_risk else None,
            cycles=[CycleView.of(judged) for judged in account.standing.cycles],
            pauses=[PauseView.of(pause) for pause in account.standing.pauses],
            told=[ToldView.of(one) for one in told],
        )


class CommitmentController(Controller):
    path = "/v1/commitments"
    tags = ("Commitments",)

    @get("/", operation_id="listCommitments")
    async def list_all(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        paging: NamedDependency[Paging],
        request_id: Annotated[UUID | None, QueryParameter(description="Of this request only.")] = None,
        outcome: Annotated[Outcome | None, QueryParameter(description="With this outcome only.")] = None,
        clock_state: Annotated[
            ClockState | None, QueryParameter(name="clock", description="Whose clock does this.")
        ] = None,
        due_before: Annotated[str | None, fields.instant_parameter("Due before this")] = None,
    ) -> Response[Page[CommitmentView]]:
        """List promises, oldest first. A client's application sees those of its own client."""
        sought = Sought(
            client_id=principal.client_id,
            request_id=None if request_id is None else RequestId(request_id),
            outcome=outcome,
            clock=clock_state,
            due_before=fields.instant("due_before", due_before),
        )
        found = await service.list_commitments(
            session, sought, after=paging.after(UUID), limit=paging.sought, now=now
        )
        return paging.page(
            found,
            position=lambda commitment: commitment.id,
            view=lambda commitment: CommitmentView.of(commitment, now, with_risk=principal.client_id is None),
        )

    @get("/{commitment_id:uuid}", operation_id="getCommitment")
    async def get_one(
        self,
        session: NamedDependency[TenantSession],
        principal: NamedDependency[Principal],
        now: NamedDependency[datetime],
        commitment_id: FromPath[CommitmentId],
    ) -> CommitmentDetailView:
        """Show one promise, and how its due was found."""
        account = await service.get(session, commitment_id, client_id=principal.client_id, now=now)
        return CommitmentDetailView.detailed(account, now, with_risk=principal.client_id is None)


def _fields(commitment: Commitment, now: datetime, *, with_risk: bool) -> dict[str, Any]:
    return {
        "id": commitment.id,
        "request_id": commitment.request_id,
        "client_id": commitment.client_id,
        "metric": commitment.metric,
        "target": wire.target_document(commitment.target),
        "cycle": commitment.cycle,
        "clock": commitment.clock,
        "outcome": commitment.outcome,
        "started_at": commitment.started_at,
        "due_at": commitment.due_at,
        "due_if_resumed_now": commitment.due_if_resumed_now,
        "warn_at": commitment.warn_at,
        "warned_at": commitment.warned_at,
        "fulfilled_at": commitment.fulfilled_at,
        "cancelled_at": commitment.cancelled_at,
        "broken_at": commitment.broken_at,
        "corrected_at": commitment.corrected_at,
        "miss_chance": commitment.miss_chance if with_risk else None,
        "at_risk_at": commitment.at_risk_at if with_risk else None,
        "lateness_seconds": commitment.lateness(now).total_seconds(),
        "flags": list(commitment.flags),
    }
