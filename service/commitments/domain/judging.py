"""Where a promise stands at an instant: a pure function of its ledger, with a trace of how it was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.commitments.domain import measures as measuring
from service.commitments.domain import replay
from service.commitments.domain.ledger import Assigned, LedgerEntry, Threshold, Told
from service.commitments.domain.measures import Calendars, Measure, Rule
from service.commitments.domain.pauses import Pause
from service.commitments.domain.replay import Cycle, Flag, History
from service.commitments.domain.terms import OnChange, Terms

RESOLUTION = timedelta(microseconds=1)
"""The smallest step of time: a promise due at noon is broken one step later."""


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Outcome(StrEnum):
    PENDING = "pending"
    KEPT = "kept"
    BROKEN = "broken"


class Verdict(StrEnum):
    """Why a segment's due stands, or does not."""

    STANDS = "stands"
    TIGHTENED = "tightened"  # a later segment is due earlier
    LATER_THAN_PROMISED = "later_than_promised"  # its terms do not allow a later due
    ALREADY_MISSED = "already_missed"  # its terms allow a later due, but the one before had passed
    REPLACED = "replaced"  # a later segment was allowed to be later
    KEPT = "kept"  # other terms were offered; those before it stay in force


GOVERNING = frozenset({Verdict.STANDS, Verdict.LATER_THAN_PROMISED, Verdict.ALREADY_MISSED})
"""Of these segments the earliest due stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTrace:
    """How one segment's due was found, for people to follow."""

    at: datetime
    decision: str
    terms: Terms
    rule: Rule
    counted_from: datetime
    carried: timedelta
    due_at: datetime | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of one cycle.

    Attributes:
        clock: "stopped" and "pending" together mean cancelled.
        due_at: the due as things stand, if nothing more happens; None while paused.
        due_if_resumed_now: the due, were every pause to end now.
        warn_at: when to warn; None while paused, and when the terms ask for no warning.
        broken_at: the first instant after the due, once it has passed unfulfilled.
        lateness: elapsed time past the due, so far or when it ended; zero unless broken.
        used: time counted against the target of the terms in force.
        announced_at: when the user was first told that it will be missed, if ever.
        corrected: what somebody said of its breach, once that was marked as recorded wrongly.
    """

    cycle: int
    clock: ClockState
    outcome: Outcome
    started_at: datetime
    paused_since: datetime | None
    due_at: datetime | None
    due_if_resumed_now: datetime
    warn_at: datetime | None
    fulfilled_at: datetime | None
    cancelled_at: datetime | None
    reopened_at: datetime | None
    broken_at: datetime | None
    lateness: timedelta
    used: timedelta
    terms: Terms
    decision: str
    born_broken: bool
    segments: tuple[SegmentTrace, ...]
    announced_at: datetime | None = None
    corrected: Told | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it was broken, rightly recorded so, and the user not told before it was due."""
        if self.broken_at is None or self.due_at is None or self.corrected is not None:
            return False
        return self.announced_at is None or self.announced_at > self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a promise stands.

    Attributes:
        current: the cycle that runs, or ran last.
        past: the cycles before it; their figures stay.
        pauses: every pause of every cause, whatever it stops.
        turns: whose turn it was from when on, in order.
        told: every threshold that was told, in the order of telling.
        next_entry_at: when an entry that lies in the future will count.
    """

    now: datetime
    current: Judgement
    past: tuple[Judgement, ...]
    pauses: tuple[Pause, ...]
    turns: tuple[Assigned, ...]
    told: tuple[Told, ...]
    flags: frozenset[Flag]
    next_entry_at: datetime | None

    @property
    def cycles(self) -> tuple[Judgement, ...]:
        return (*self.past, self.current)


def standing(entries: Iterable[LedgerEntry], calendars: Calendars, now: datetime) -> Standing:
    """Where the promise with this ledger stands at `now`. The order of `entries` does not matter.

    What is dated after `now` does not count yet; a promise that starts later is shown as at its start.

    Raises:
        KeyError: a calendar of the terms was not given.
        ValueError: the ledger has no start, or two.
    """
    history = replay.read(entries, now)
    judged = [_judged(cycle, history, calendars, now) for cycle in history.cycles]
    born_broken = {Flag.BORN_BROKEN} if any(one.born_broken for one in judged) else set[Flag]()
    return Standing(
        now=now,
        current=judged[-1],
        past=tuple(judged[:-1]),
        pauses=history.pauses,
        turns=history.turns,
        told=history.told,
        flags=history.flags | born_broken,
        next_entry_at=history.next_entry_at,
    )


def breach_is_told(standing: Standing, judged: Judgement) -> bool:
    """Whether a breach of that cycle was told, and not corrected since."""
    last = _last_of_breach(standing.told, judged.started_at)
    return last is not None and last.threshold is Threshold.BROKEN


def breaches_of_no_cycle(standing: Standing) -> list[Told]:
    """Breaches that were told, and not corrected since, of cycles that, as was told later, never were."""
    starts = {one.started_at for one in standing.cycles}
    lost = [one for one in standing.told if one.threshold in _OF_BREACH and one.since not in starts]
    last = {one.since or one.cycle: one for one in lost}
    return [one for one in last.values() if one.threshold is Threshold.BROKEN]


def next_wake_up(standing: Standing, now: datetime) -> datetime | None:
    """The first instant after `now` at which anything about the promise changes by itself, if any."""
    instants = [standing.next_entry_at]
    current = standing.current
    if current.outcome is Outcome.PENDING and current.clock is not ClockState.STOPPED:
        breach_at = None if current.due_at is None else current.due_at + RESOLUTION
        instants += [current.warn_at, breach_at]
    return min((instant for instant in instants if instant is not None and instant > now), default=None)


def current_measure(entries: Iterable[LedgerEntry], calendars: Calendars, now: datetime) -> Measure:
    """The terms of the current cycle that make it due, measured. Raises as `standing` does."""
    history = replay.read(entries, now)
    cycle = history.cycles[-1]
    measured = measuring.measures(cycle, history, calendars)
    governing = _governing(measured, _verdicts(measured))
    return _winner(governing, cycle.ended_at or max(now, cycle.started_at))


def latest_measure(entries: Iterable[LedgerEntry], calendars: Calendars, now: datetime) -> Measure:
    """The terms in force, measured, whether others make it due or not: `used` counts by their clock."""
    history = replay.read(entries, now)
    return measuring.measures(history.cycles[-1], history, calendars)[-1]


def _last_of_breach(told: Iterable[Told], since: datetime) -> Told | None:
    """The last word on a breach of the cycle that began then."""
    words = [one for one in told if one.since == since and one.threshold in _OF_BREACH]
    return words[-1] if words else None


_OF_BREACH = frozenset({Threshold.BROKEN, Threshold.CORRECTED})


def _judged(cycle: Cycle, history: History, calendars: Calendars, now: datetime) -> Judgement:
    measured = measuring.measures(cycle, history, calendars)
    reached_at = cycle.ended_at or max(now, cycle.started_at)
    verdicts = _verdicts(measured)
    governing = _governing(measured, verdicts)
    winner = _winner(governing, reached_at)
    due_at = winner.due_at
    broken = due_at is not None and reached_at > due_at
    return Judgement(
        cycle=cycle.number,
        clock=_clock(cycle, governing),
        outcome=_outcome(cycle, broken=broken),
        started_at=cycle.started_at,
        paused_since=_paused_since(cycle, governing),
        due_at=due_at,
        due_if_resumed_now=min(measure.due_if_resumed(reached_at) for measure in governing),
        warn_at=None if due_at is None else winner.warn_at(),
        fulfilled_at=cycle.fulfilled_at,
        cancelled_at=cycle.cancelled_at,
        reopened_at=cycle.reopened_at,
        broken_at=due_at + RESOLUTION if due_at is not None and broken else None,
        lateness=reached_at - due_at if due_at is not None and broken else measuring.ZERO,
        used=measured[-1].used(reached_at),
        terms=cycle.segments[-1].terms,
        decision=cycle.segments[-1].decision,
        born_broken=broken and _is_born_broken(winner, due_at),
        segments=_trace(measured, verdicts, winner),
        announced_at=_announced_at(history, cycle, due_at),
        corrected=_corrected(history, cycle),
    )


def _announced_at(history: History, cycle: Cycle, due_at: datetime | None) -> datetime | None:
    """When it was first announced; what was taken back before the due was not."""
    told = [one for one in history.announced if one.since == cycle.started_at]
    taken_back = [one.at for one in told if one.taken_back and (due_at is None or one.at <= due_at)]
    since = max(taken_back, default=None)
    standing = [one.at for one in told if not one.taken_back and (since is None or one.at > since)]
    return min(standing, default=None)


def _corrected(history: History, cycle: Cycle) -> Told | None:
    """A correction by somebody; the ledger's own holds only as long as the ledger says the same."""
    last = _last_of_breach(history.told, cycle.started_at)
    return last if last is not None and last.threshold is Threshold.CORRECTED and last.by else None


def _clock(cycle: Cycle, governing: Sequence[Measure]) -> ClockState:
    if cycle.ended_at is not None:
        return ClockState.STOPPED
    return ClockState.RUNNING if _paused_since(cycle, governing) is None else ClockState.PAUSED


def _paused_since(cycle: Cycle, governing: Sequence[Measure]) -> datetime | None:
    """A promise stands still when every segment that binds it does."""
    since = [measure.stops.open_since for measure in governing]
    paused = [at for at in since if at is not None]
    return max(paused) if cycle.ended_at is None and len(paused) == len(since) else None


def _outcome(cycle: Cycle, *, broken: bool) -> Outcome:
    if broken:
        return Outcome.BROKEN
    return Outcome.PENDING if cycle.fulfilled_at is None else Outcome.KEPT


def _is_born_broken(winner: Measure, due_at: datetime | None) -> bool:
    """Whether the due had passed when we first heard of the terms that set it."""
    known_at = max(winner.segment.at, winner.segment.received_at)
    return due_at is not None and due_at < known_at


def _verdicts(measured: Sequence[Measure]) -> list[Verdict]:
    """Which segments bind: each new one beside those before it, unless it may be later."""
    verdicts: list[Verdict] = []
    bound: list[Measure] = []
    for measure in measured:
        if measure.rule is Rule.KEEP:
            verdicts.append(Verdict.KEPT)
            continue
        verdict = _verdict(measure, bound)
        if verdict is Verdict.STANDS:
            verdicts = [Verdict.KEPT if old is Verdict.KEPT else Verdict.REPLACED for old in verdicts]
            bound = []
        verdicts.append(verdict)
        bound.append(measure)
    return verdicts


def _verdict(measure: Measure, bound: Sequence[Measure]) -> Verdict:
    """How new terms stand to those that bind so far.

    Judging all of it by the new terms takes back a due that was missed under the old; no other change does.
    """
    if not bound:
        return Verdict.STANDS
    if not measure.terms.may_be_later:
        return Verdict.LATER_THAN_PROMISED
    missed = any(old.due_at is not None and old.due_at < measure.segment.at for old in bound)
    if missed and measure.terms.on_change is not OnChange.FROM_ORIGIN:
        return Verdict.ALREADY_MISSED
    return Verdict.STANDS


def _governing(measured: Sequence[Measure], verdicts: Sequence[Verdict]) -> list[Measure]:
    return [measure for measure, verdict in zip(measured, verdicts, strict=True) if verdict in GOVERNING]


def _winner(governing: Sequence[Measure], now: datetime) -> Measure:
    """The segment whose due comes first, of equals the latest; while all are paused, as if resumed now."""
    definite = [(due_at, measure) for measure in governing if (due_at := measure.due_at) is not None]
    dues = definite or [(measure.due_if_resumed(now), measure) for measure in governing]
    return min(reversed(dues), key=lambda due: due[0])[1]


def _trace(
    measured: Sequence[Measure], verdicts: Sequence[Verdict], winner: Measure
) -> tuple[SegmentTrace, ...]:
    """Each segment with its part in the result: those before the winner were tightened by it."""
    lines: list[SegmentTrace] = []
    before_winner = True
    for measure, verdict in zip(measured, verdicts, strict=True):
        shown = verdict
        if measure is winner:
            shown, before_winner = Verdict.STANDS, False
        elif verdict in GOVERNING and before_winner:
            shown = Verdict.TIGHTENED
        lines.append(
            SegmentTrace(
                at=measure.segment.at,
                decision=measure.segment.decision,
                terms=measure.terms,
                rule=measure.rule,
                counted_from=measure.counted_from,
                carried=measure.carried,
                due_at=measure.due_at,
                verdict=shown,
            )
        )
    return tuple(lines)
