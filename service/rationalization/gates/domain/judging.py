"""Whether a gate is satisfied by what there is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.instants import rfc3339
from service.rationalization.gates.domain import conflicts, windows
from service.rationalization.gates.domain.conflicts import OtherChange
from service.rationalization.gates.domain.standing import Finding, Kind, State
from service.rationalization.gates.domain.windows import Planned, Span, Unclear

NAMED_MAX = 20
"""Of what stands in the way no more is named."""

IN_WORDS_MAX = 3
"""Nor more of it in a sentence."""

WANTED = {
    Kind.ROLLBACK_PLAN: "A rollback plan is to be recorded.",
    Kind.TEST_EVIDENCE: "Evidence that it was tried is to be recorded.",
    Kind.COMMUNICATION_PLAN: "A communication plan is to be recorded.",
}
READINESS = Finding(
    state=State.NOT_AVAILABLE,
    missing=(
        "Whether spare parts and an emergency plan are at hand cannot be judged yet; it holds nothing up.",
    ),
)
NO_SERVICE = Finding(
    state=State.NOT_AVAILABLE,
    missing=("No service is named, so that there is nothing to compare with; it holds nothing up.",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the answers to a questionnaire came to, as it was recorded.

    Attributes:
        rank: the place of `level` among `ranks`, from the least risk.
        ranks: of the version that was answered.
    """

    score: int
    level: str
    rank: int
    ranks: Sequence[str]

    def calls_for_two(self, two_persons_from: str | None) -> bool:
        """Whether every approval needs two persons; so it is too where no such rank is known."""
        if two_persons_from is None:
            return False
        return two_persons_from not in self.ranks or self.rank >= self.ranks.index(two_persons_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When work is planned, as far as that is known, and what all gates of it say of that.

    Attributes:
        fits: the first window from now on that all of them allow, of the same length.
    """

    when: Planned | Unclear
    fits: Span | None = None


def of_record(kind: Kind, recorded_at: datetime | None, *, edited_at: datetime | None) -> Finding:
    """A plan, or evidence of a test that passed: it is there, or it is not."""
    if recorded_at is None:
        return Finding(state=State.OPEN, missing=(WANTED[kind],))
    return Finding(state=State.SATISFIED, detail=_edited_since(recorded_at, edited_at))


def of_failed_test(recorded_at: datetime, *, edited_at: datetime | None) -> Finding:
    missing = "What was tried last failed; mend it, and record a test that passes."
    return Finding(state=State.OPEN, missing=(missing,), detail=_edited_since(recorded_at, edited_at))


def of_no_assessment(questionnaire: str, *, exists: bool) -> Finding:
    if exists:
        return Finding(state=State.OPEN, missing=(f"The questionnaire {questionnaire!r} is to be answered.",))
    missing = f"There is no questionnaire {questionnaire!r} yet; create it, and answer it then."
    return Finding(state=State.OPEN, missing=(missing,))


def of_assessment(
    scored: Scored, score_max: int | None, *, recorded_at: datetime, edited_at: datetime | None
) -> Finding:
    """What was scored, held against the most that is allowed."""
    detail = {
        "score": scored.score,
        "score_max": score_max,
        "level": scored.level,
        **_edited_since(recorded_at, edited_at),
    }
    if score_max is not None and scored.score > score_max:
        missing = (
            f"The risk scored {scored.score}, at most {score_max} is allowed: lessen it, and assess again."
        )
        return Finding(state=State.OPEN, missing=(missing,), detail=detail)
    return Finding(state=State.SATISFIED, detail=detail)


def of_calendar_missing(calendar: str) -> Finding:
    return Finding(
        state=State.OPEN, missing=(f"There is no calendar {calendar!r} any more; create it again.",)
    )


def of_freeze(frozen: Sequence[Span], plan: Plan) -> Finding:
    """No work in the open time of the calendar."""
    if isinstance(plan.when, Unclear):
        return Finding(state=State.OPEN, missing=(plan.when.missing,))
    in_the_way = windows.touching(frozen, plan.when.span)
    detail = _told(plan.when, in_the_way=[_span(span) for span in in_the_way[:NAMED_MAX]])
    if not in_the_way:
        return Finding(state=State.SATISFIED, detail=detail)
    start, end = in_the_way[0]
    return _not_then(f"No work from {rfc3339(start)} until {rfc3339(end)}.", plan, detail)


def of_maintenance(allowed: Sequence[Span], plan: Plan) -> Finding:
    """Work in the open time of the calendar only."""
    if isinstance(plan.when, Unclear):
        return Finding(state=State.OPEN, missing=(plan.when.missing,))
    near = windows.touching(allowed, plan.when.span)
    detail = _told(plan.when, windows=[_span(span) for span in near[:NAMED_MAX]])
    if windows.is_inside(allowed, plan.when.span):
        return Finding(state=State.SATISFIED, detail=detail)
    start, end = plan.when.span
    until = "" if plan.when.end is None else f" until {rfc3339(end)}"
    return _not_then(f"Work from {rfc3339(start)}{until} does not lie wholly in a window.", plan, detail)


def of_conflicts(
    others: Sequence[OtherChange], margin: timedelta, plan: Plan, *, maintenance: Sequence[Span]
) -> Finding:
    """No other change of the service comes near. Planned maintenance of it is told of, and in no way."""
    if isinstance(plan.when, Unclear):
        return Finding(state=State.OPEN, missing=(plan.when.missing,))
    found = conflicts.in_conflict(plan.when, others, margin)
    unplanned = sum(other.planned is None for other in others)
    waiting = sum(other.waits and other.planned is not None for other in others)
    overlapping = windows.touching(maintenance, plan.when.span)
    detail = _told(
        plan.when,
        in_conflict=[_change(other) for other in found[:NAMED_MAX]],
        compared_with=len(others) - unplanned - waiting,
        unplanned=unplanned,
        waiting=waiting,
        maintenance=[_span(span) for span in overlapping[:NAMED_MAX]],
    )
    if not found:
        return Finding(state=State.SATISFIED, detail=detail)
    named = ", ".join(f"{other.external_id} ({other.source})" for other in found[:IN_WORDS_MAX])
    more = f" and {len(found) - IN_WORDS_MAX} more" if len(found) > IN_WORDS_MAX else ""
    return _not_then(f"It comes too near to {named}{more} on the same service.", plan, detail)


def _not_then(why: str, plan: Plan, detail: Mapping[str, Any]) -> Finding:
    """It cannot be as it is planned; the next window that fits is offered."""
    fits = None if plan.fits is None else _span(plan.fits)
    advice = "No window fits within a year; ask for less time."
    if plan.fits is not None:
        advice = f"The next that fits begins {rfc3339(plan.fits[0])}."
    return Finding(state=State.OPEN, missing=(f"{why} {advice}",), detail={**detail, "next_fit": fits})


def _told(planned: Planned, **found: Any) -> dict[str, Any]:
    end = None if planned.end is None else rfc3339(planned.end)
    return {"planned": {"from": rfc3339(planned.start), "to": end}, **found}


def _span(span: Span) -> dict[str, Any]:
    return {"from": rfc3339(span[0]), "to": rfc3339(span[1])}


def _change(other: OtherChange) -> dict[str, Any]:
    when = None if other.planned is None else _span(other.planned.span)
    return {
        "request_id": str(other.request_id),
        "source": other.source,
        "external_id": other.external_id,
        "planned": when,
        "end_is_assumed": other.end_is_assumed,
    }


def _edited_since(recorded_at: datetime, edited_at: datetime | None) -> dict[str, Any]:
    return {"edited_since": edited_at is not None and edited_at > recorded_at}
