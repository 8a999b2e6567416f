"""What may be proposed instead of a promise, and the terms of what is promised then. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service import instants
from service.calendars.domain import WorkingTime
from service.commitments import domain
from service.commitments.domain import (
    Calendars,
    ElapsedTarget,
    EntryId,
    InstantTarget,
    Judgement,
    OnReopen,
    Started,
    Target,
    Terms,
    WorkingTarget,
)
from service.commitments.domain.measures import WALL_CLOCK
from service.commitments.domain.terms import SPAN_MAX
from service.commitments.renegotiation.domain import Proposed, Remedy
from service.errors import Fault

CHAIN_MAX = 5
"""How many promises may stand in place of a first one, each beside the one before."""

ANSWER_WITHIN_DAYS = 2
"""Working days that the user has to answer where neither the proposal nor a policy says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody proposes instead of a promise.

    Attributes:
        due: what is promised instead: an instant, or a target that counts from now in the promise's clock.
        answer_within: wall time that the user has to answer; None as the policy says.
        link_secret: of the link that the requester is given, if any: 256 random bits, as text.
    """

    reason: str
    tried: str = ""
    remedies: tuple[Remedy, ...] = ()
    due: datetime | Target
    answer_within: timedelta | None = None
    link_secret: str | None = field(default=None, repr=False)


def clock_of(terms: Terms, calendars: Calendars) -> WorkingTime:
    """What a promise of these terms counts by. Raises KeyError for a calendar that was not given."""
    if terms.calendar is None or isinstance(terms.target, ElapsedTarget):
        return WALL_CLOCK
    return calendars[terms.calendar]


def due_of(due: datetime | Target, terms: Terms, calendars: Calendars, now: datetime) -> datetime:
    """The instant that is proposed.

    Raises:
        BeyondHorizon: the calendar never leaves time for it.
        ValueError: the target is in working time, and the promise has no calendar.
    """
    if isinstance(due, datetime):
        return due
    counted = replace(terms, target=due, held_by=None, warn_before=None)
    started = Started(at=now, received_at=now, id=EntryId(""), terms=counted, decision="")
    return domain.standing([started], calendars, now).current.due_if_resumed_now


def proposed(
    proposal: Proposal, due_at: datetime, judged: Judgement, calendars: Calendars, now: datetime
) -> Proposed | list[Fault]:
    """The proposal with its times, or what is wrong with them.

    Args:
        proposal: what is proposed.
        due_at: what `due_of` makes of it.
        judged: the promise's current cycle.
        calendars: those of its terms.
        now: the tenant's now.
    """
    answer_by = _answer_by(proposal, due_at, judged.terms, calendars, now)
    faults = _faults(proposal, due_at, answer_by, judged, now)
    if faults:
        return faults
    return Proposed(
        at=now,
        original_due_at=judged.due_at,
        due_at=due_at,
        reason=proposal.reason,
        tried=proposal.tried,
        remedies=proposal.remedies,
        answer_by=answer_by,
        silence=judged.terms.silence,
    )


def working_distance(proposed: Proposed, terms: Terms, calendars: Calendars) -> timedelta | None:
    """How much later than the original, in its own clock; None while that cannot be said."""
    if proposed.original_due_at is None:
        return None
    return clock_of(terms, calendars).elapsed(proposed.original_due_at, proposed.due_at)


def revised_terms(judged: Judgement, due_at: datetime, calendars: Calendars, at: datetime) -> Terms:
    """The terms of the promise beside the original: the same, but for when it is due.

    It is warned of at the same share of its time. It begins no cycles of its own: where the original begins
    another one, that is promised in full again.
    """
    terms = judged.terms
    in_wall_time = clock_of(terms, calendars) is WALL_CLOCK
    on_reopen = OnReopen.FINAL if terms.on_reopen is OnReopen.NEW_CYCLE else terms.on_reopen
    return replace(
        terms,
        target=InstantTarget(due_at),
        calendar=None if in_wall_time else terms.calendar,
        warn_before=_warn_before(judged, due_at, calendars, at),
        restarts_by=frozenset[str](),
        on_reopen=on_reopen,
    )


def _answer_by(
    proposal: Proposal, due_at: datetime, terms: Terms, calendars: Calendars, now: datetime
) -> datetime:
    """Until when the user may answer: never longer than the proposal itself can be kept, unless asked for."""
    if proposal.answer_within is not None:
        return now + proposal.answer_within
    if terms.answer_within is not None:
        return min(now + terms.answer_within, due_at)
    return min(clock_of(terms, calendars).business_days(now, ANSWER_WITHIN_DAYS), due_at)


def _faults(
    proposal: Proposal, due_at: datetime, answer_by: datetime, judged: Judgement, now: datetime
) -> list[Fault]:
    place = "/due_at" if isinstance(proposal.due, datetime) else "/target"
    original_due_at = judged.due_if_resumed_now
    if not instants.is_usable(due_at):
        return [Fault(place, instants.refusal(due_at))]
    if due_at <= now:
        return [Fault(place, f"What is proposed must lie after now, which is {instants.rfc3339(now)}.")]
    if due_at > now + SPAN_MAX:
        return [Fault(place, f"Nothing is promised for longer than {SPAN_MAX.days} days.")]
    if due_at <= original_due_at:
        told = instants.rfc3339(original_due_at)
        return [Fault(place, f"The promise itself is due at {told}; propose something later.")]
    if answer_by > due_at:
        told = instants.rfc3339(due_at)
        return [Fault("/answer_within_seconds", f"The answer must come by {told}, which is proposed.")]
    return []


def _warn_before(judged: Judgement, due_at: datetime, calendars: Calendars, at: datetime) -> timedelta | None:
    terms, clock = judged.terms, clock_of(judged.terms, calendars)
    if terms.warn_before is None:
        return None
    whole = (
        terms.target.span
        if isinstance(terms.target, WorkingTarget | ElapsedTarget)
        else clock.elapsed(judged.started_at, max(judged.started_at, judged.due_if_resumed_now))
    )
    share = min(terms.warn_before / whole, 1.0) if whole else 1.0
    before = clock.elapsed(at, max(at, due_at)) * share
    return before if timedelta(0) < before <= SPAN_MAX else None
