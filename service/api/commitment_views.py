"""What HTTP shows of promises."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from service.api.cycle_views import CycleView, ForecastView, PauseView, ToldView
from service.commitments import wire
from service.commitments.domain import ClockState, Level, Origin, Outcome, Threshold
from service.commitments.models import Commitment, Made
from service.commitments.service import Account
from service.ids import ClientId, CommitmentId, ContactId, RequestId


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
