"""What HTTP shows of how a promise came to stand so: its cycles, who used their time, and its forecast."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.commitments import wire
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
from service.commitments.domain.usage import Usage, by_party
from service.commitments.service import Account
from service.ids import CurveId


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
