"""What HTTP shows of promises."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.commitments import wire
from service.commitments.domain import (
    ClockState,
    Judgement,
    Level,
    Origin,
    Outcome,
    Pause,
    Rule,
    SegmentTrace,
    Threshold,
    Told,
    Verdict,
)
from service.commitments.domain.usage import Usage, by_party
from service.commitments.models import Commitment, Made
from service.commitments.service import Account
from service.ids import ClientId, CommitmentId, ContactId, CurveId, RequestId


class MadeView(msgspec.Struct, frozen=True):
    """How a promise came about.

    `what` is promised in words, `by` whom and `to` which contact, where somebody promised it; by whom is for
    the tenant's own, as `miss_chance` is. `revises` is the promise that this one was made beside, once that
    could not be kept.
    """

    origin: Origin
    what: str | None
    by: str | None
    to: ContactId | None
    revises: CommitmentId | None

    @classmethod
    def of(cls, made: Made, *, in_full: bool) -> "MadeView":
        return cls(made.origin, made.what, made.by if in_full else None, made.to, made.revises)


class CommitmentView(msgspec.Struct, frozen=True, kw_only=True):
    """One promise.

    `due_at` is null while the clock is paused; `due_if_resumed_now` is the due, were it to run from now on.
    `lateness_seconds` counts elapsed time past the due. A promise that is stopped and pending was cancelled.
    `announced_at` is when the user was told that the current cycle will be missed; a breach is `silent` if
    they were not told before it. An `ola` or a `uc` is shown to the tenant's own only; it counts while the
    request is with `held_by`.
    `miss_chance` and `at_risk_at` are for the tenant's own members and applications: null for a client's, and
    in the answer to a request or its event.
    """

    id: CommitmentId
    request_id: RequestId
    client_id: ClientId | None
    metric: str
    made: MadeView
    level: Level
    held_by: str | None
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
    announced_at: datetime | None
    silent: bool
    miss_chance: float | None
    at_risk_at: datetime | None
    lateness_seconds: float
    flags: list[str]

    @classmethod
    def of(cls, commitment: Commitment, now: datetime, *, in_full: bool = False) -> "CommitmentView":
        return cls(**_fields(commitment, now, in_full=in_full))

    @classmethod
    def all_of(
        cls, commitments: Iterable[Commitment], now: datetime, *, in_full: bool
    ) -> "list[CommitmentView]":
        """Those of a request; to a client's application what it was promised."""
        shown = commitments if in_full else (one for one in commitments if one.level is Level.SLA)
        return [cls.of(commitment, now) for commitment in shown]


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


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the promise's own clock passed while it was somebody's.

    `party` is whom one waited for, or `us`; `group` and `person` are whose turn it was, which an application
    of a client is not told. `used_seconds` counts against the target, and adds up to what the cycle used;
    `paused_seconds` passed while the clock stood still.
    """

    party: str
    group: str | None
    person: str | None
    used_seconds: float
    paused_seconds: float

    @classmethod
    def all_of(cls, usages: Sequence[Usage], *, in_full: bool) -> "list[UsageView]":
        return [
            cls(
                party=usage.holder.party,
                group=usage.holder.group,
                person=usage.holder.person,
                used_seconds=usage.used.total_seconds(),
                paused_seconds=usage.paused.total_seconds(),
            )
            for usage in (usages if in_full else by_party(usages))
        ]


class CycleView(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one cycle, who used its time, and how its due was found."""

    cycle: int
    clock: ClockState
    outcome: Outcome
    started_at: datetime
    due_at: datetime | None
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    broken_at: datetime | None
    announced_at: datetime | None
    silent: bool
    used_seconds: float
    lateness_seconds: float
    time: list[UsageView]
    segments: list[SegmentView]

    @classmethod
    def of(cls, judged: Judgement, usages: Sequence[Usage], *, in_full: bool) -> "CycleView":
        return cls(
            cycle=judged.cycle,
            clock=judged.clock,
            outcome=judged.outcome,
            started_at=judged.started_at,
            due_at=judged.due_at,
            fulfilled_at=judged.fulfilled_at,
            cancelled_at=judged.cancelled_at,
            broken_at=judged.broken_at,
            announced_at=judged.announced_at,
            silent=judged.is_silent,
            used_seconds=judged.used.total_seconds(),
            lateness_seconds=judged.lateness.total_seconds(),
            time=UsageView.all_of(usages, in_full=in_full),
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
    """A warning, a breach or its correction, which is told once; a correction says why.

    `by` says who corrected it, to the tenant's own; null where the ledger itself did.
    """

    at: datetime
    cycle: int
    threshold: Threshold
    reason: str | None
    by: str | None

    @classmethod
    def of(cls, told: Told, *, in_full: bool) -> "ToldView":
        by = told.by if in_full and told.by else None
        return cls(told.at, told.cycle, told.threshold, told.because or None, by)


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
    `revised_by` are the promises that were made beside this one when it could not be kept.
    """

    revised_by: list[CommitmentId]
    cycles: list[CycleView]
    pauses: list[PauseView]
    told: list[ToldView]
    forecast: ForecastView | None

    @classmethod
    def detailed(cls, account: Account, now: datetime, *, in_full: bool) -> "CommitmentDetailView":
        told = [one for one in account.standing.told if in_full or one.threshold is not Threshold.AT_RISK]
        return cls(
            **_fields(account.commitment, now, in_full=in_full),
            forecast=ForecastView.of(account) if in_full else None,
            revised_by=list(account.revised_by),
            cycles=[
                CycleView.of(judged, usages, in_full=in_full)
                for judged, usages in zip(account.standing.cycles, account.usages, strict=True)
            ],
            pauses=[PauseView.of(pause) for pause in account.standing.pauses],
            told=[ToldView.of(one, in_full=in_full) for one in told],
        )


def _fields(commitment: Commitment, now: datetime, *, in_full: bool) -> dict[str, Any]:
    return {
        "id": commitment.id,
        "request_id": commitment.request_id,
        "client_id": commitment.client_id,
        "metric": commitment.metric,
        "made": MadeView.of(commitment.made, in_full=in_full),
        "level": commitment.level,
        "held_by": commitment.held_by,
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
        "announced_at": commitment.announced_at,
        "silent": commitment.silent,
        "miss_chance": commitment.miss_chance if in_full else None,
        "at_risk_at": commitment.at_risk_at if in_full else None,
        "lateness_seconds": commitment.lateness(now).total_seconds(),
        "flags": list(commitment.flags),
    }
