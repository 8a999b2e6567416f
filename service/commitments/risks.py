"""How likely a promise is to be missed as it stands, and when that is more than its terms allow. Pure.

Time is that of the promise's own clock: working time for targets in working time and in days, wall time for
elapsed ones. A target in days has as much as lies between its start and its due, less what was paused.
While it is paused no time is used, so that the chance stays as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.commitments.domain import (
    Calendars,
    ClockState,
    Judgement,
    LedgerEntry,
    Outcome,
    Standing,
    Threshold,
    judging,
)
from service.commitments.domain.measures import Measure
from service.commitments.forecasting import domain as forecasting
from service.commitments.forecasting.domain import Cohort
from service.commitments.forecasting.models import Curves

AGAIN_MIN = timedelta(hours=1)
"""Nearer to its due a promise is not looked at once more, only to see whether the history says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """What is forecast of a promise.

    Attributes:
        chance: that its current cycle will be missed, from 0 to 1; None where too little is known.
        curves: what it was compared with.
        at: from when on it is more than the terms allow, whether that has come or not.
        again_at: when to look again, for then the history may say otherwise.
    """

    chance: float | None = None
    curves: Curves | None = None
    at: datetime | None = None
    again_at: datetime | None = None


NONE = Risk()


def cohort_of(current: Judgement, peers: str | None) -> Cohort | None:
    """What a promise is compared with; none for one whose next cycle begins with the end of each.

    That is a duty to report: how long the last report took says nothing of when the next one comes.
    """
    if current.terms.restarts_by:
        return None
    return Cohort.of(current.terms.metric, current.terms.target, peers)


def risk(
    ledger: Sequence[LedgerEntry],
    standing: Standing,
    calendars: Calendars,
    curves: Mapping[Cohort, Curves],
    *,
    peers: str | None,
) -> Risk:
    """What is forecast of the promise with this ledger, which stands so."""
    current = standing.current
    cohort = cohort_of(current, peers)
    if cohort is None or current.outcome is not Outcome.PENDING or current.clock is ClockState.STOPPED:
        return NONE
    level, again_at = current.terms.renegotiate_above, None
    if level is not None and current.due_at is not None:
        again_at = _again_at(standing.now, current.due_at)
    found = curves.get(cohort)
    if found is None:
        return Risk(again_at=again_at)
    measure = judging.latest_measure(ledger, calendars, standing.now)
    target = current.used + _left(measure, standing)
    return Risk(
        chance=forecasting.chance_of_miss(found.known.curve, used=current.used, target=target),
        curves=found,
        at=None if level is None else _begins_at(measure, found, level, target),
        again_at=again_at,
    )


def _left(measure: Measure, standing: Standing) -> timedelta:
    """How much time of the clock is left before the due; the terms in force need not be those that set it."""
    now = max(standing.now, standing.current.started_at)
    due = standing.current.due_if_resumed_now
    return measure.meter.elapsed(now, due) if due > now else timedelta(0)


def _begins_at(measure: Measure, curves: Curves, level: float, target: timedelta) -> datetime | None:
    """When the chance first lies above the level; by a curve that is newer than that, when that was made."""
    crossed = forecasting.first_above(curves.known.curve, level, target=target)
    reached = None if crossed is None else measure.reached(crossed)
    return None if reached is None else max(reached, curves.made_at)


def is_to_be_told(risk: Risk, standing: Standing) -> bool:
    """Whether the duty to renegotiate begins: once in each cycle, and not for what was announced already."""
    current = standing.current
    if risk.at is None or risk.at > standing.now or current.clock is not ClockState.RUNNING:
        return False
    return current.announced_at is None and not _is_told(standing)


def next_look(risk: Risk, standing: Standing) -> datetime | None:
    """When the promise is to be looked at again for its risk, if at all."""
    if standing.current.announced_at is not None or _is_told(standing):
        return None
    instants = [at for at in (risk.at, risk.again_at) if at is not None and at > standing.now]
    return min(instants, default=None)


def because(risk: Risk, level: float | None) -> str:
    """Why it is to be renegotiated, in words. Empty where nothing was forecast."""
    if risk.curves is None or risk.chance is None or level is None:
        return ""
    known = risk.curves.known
    return (
        f"a miss is {risk.chance:.0%} likely, more than {level:.0%}: of {known.promises} promises like it"
        f" since {known.since:%Y-%m-%d}, curve {risk.curves.id}"
    )


def _is_told(standing: Standing) -> bool:
    since = standing.current.started_at
    return any(one.threshold is Threshold.AT_RISK and one.since == since for one in standing.told)


def _again_at(now: datetime, due_at: datetime) -> datetime | None:
    """Halfway to the due: the nearer it is, the sooner."""
    left = due_at - now
    return now + left / 2 if left > AGAIN_MIN else None
