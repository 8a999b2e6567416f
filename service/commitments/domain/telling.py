"""What is to be told when a promise moves on. Each threshold is told once for each cycle."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from service.commitments.domain import judging
from service.commitments.domain.judging import ClockState, Judgement, Outcome, Standing
from service.commitments.domain.ledger import Threshold, Told


class HappeningKind(StrEnum):
    STARTED = "started"
    WARNED = "warned"
    KEPT = "kept"
    BROKEN = "broken"
    PAUSED = "paused"
    RESUMED = "resumed"
    DUE_CHANGED = "due_changed"
    FULFILLED_LATE = "fulfilled_late"
    CORRECTED = "corrected"
    AT_RISK = "at_risk"
    CANCELLED = "cancelled"
    REOPENED = "reopened"


THRESHOLDS = {
    HappeningKind.WARNED: Threshold.WARNED,
    HappeningKind.BROKEN: Threshold.BROKEN,
    HappeningKind.CORRECTED: Threshold.CORRECTED,
    HappeningKind.AT_RISK: Threshold.AT_RISK,
}
"""These are to be remembered: append a `Told` for each one that is told, unless it is recorded already."""
_KINDS = {threshold: kind for kind, threshold in THRESHOLDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing to tell.

    Attributes:
        at: when it came about, which may lie before the `now` at which it was found.
        since: when the cycle began.
        due_at: the due after it; None while paused.
        was_due_at: the due before it.
        born_broken: the due had passed when we first heard of the terms.
        silent: it is broken, and the user was not told before it was due.
        recorded: the entry that says so, where the ledger has one already.
    """

    kind: HappeningKind
    cycle: int
    at: datetime
    due_at: datetime | None = None
    was_due_at: datetime | None = None
    fulfilled_at: datetime | None = None
    lateness: timedelta = timedelta(0)
    since: datetime | None = None
    born_broken: bool = False
    silent: bool = False
    recorded: Told | None = None


def happenings(before: Standing | None, after: Standing) -> tuple[Happening, ...]:
    """What to tell after the step from `before` (None: the promise is new) to `after`, oldest first."""
    changes = _started(after) if before is None else _changes(before, after)
    found = (*changes, *_endings(before, after), *_recorded(before, after), *_thresholds(after))
    return tuple(sorted(found, key=lambda happening: happening.at))


def _started(after: Standing) -> Iterator[Happening]:
    current = after.current
    yield _happening(HappeningKind.STARTED, current, current.started_at)
    if current.paused_since is not None:
        yield _happening(HappeningKind.PAUSED, current, current.paused_since)


def _changes(before: Standing, after: Standing) -> Iterator[Happening]:
    old, new = before.current, after.current
    if new.reopened_at is not None and new.reopened_at != old.reopened_at:
        yield _happening(HappeningKind.REOPENED, new, new.reopened_at, was_due_at=old.due_at)
    elif None not in {old.due_at, new.due_at} and old.due_at != new.due_at:
        yield _happening(HappeningKind.DUE_CHANGED, new, after.now, was_due_at=old.due_at)
    if new.paused_since is not None and old.paused_since is None:
        yield _happening(HappeningKind.PAUSED, new, new.paused_since, was_due_at=old.due_at)
    if new.clock is ClockState.RUNNING and old.clock is ClockState.PAUSED:
        since = old.paused_since or old.started_at
        ends = [pause.end for pause in after.pauses if pause.end is not None]
        ends += [turn.at for turn in after.turns]
        at = max((end for end in ends if end > since), default=after.now)
        yield _happening(HappeningKind.RESUMED, new, at)


def _endings(before: Standing | None, after: Standing) -> Iterator[Happening]:
    old_cycles = {} if before is None else _by_start(before.cycles)
    for start, new in _by_start(after.cycles).items():
        old = old_cycles.get(start)
        if new.fulfilled_at is not None:
            yield from _fulfilment(old, new, breach_is_told=judging.breach_is_told(after, new))
        elif new.cancelled_at is not None and (old is None or old.cancelled_at is None):
            yield _happening(HappeningKind.CANCELLED, new, new.cancelled_at)


def _by_start(cycles: Iterable[Judgement]) -> dict[tuple[datetime, int], Judgement]:
    """Cycles by when they began, and which of those it is: a late report gives them other numbers."""
    found: dict[tuple[datetime, int], Judgement] = {}
    seen = Counter[datetime]()
    for one in cycles:
        found[one.started_at, seen[one.started_at]] = one
        seen[one.started_at] += 1
    return found


def _fulfilment(old: Judgement | None, new: Judgement, *, breach_is_told: bool) -> Iterator[Happening]:
    """A breach not told yet tells of its own late fulfilment: one happening, not two."""
    at = new.fulfilled_at or new.started_at
    if new.outcome is Outcome.KEPT and (old is None or old.outcome is not Outcome.KEPT):
        yield _happening(HappeningKind.KEPT, new, at)
    if new.outcome is Outcome.BROKEN and breach_is_told and (old is None or old.fulfilled_at is None):
        yield _happening(HappeningKind.FULFILLED_LATE, new, at)


def _recorded(before: Standing | None, after: Standing) -> Iterator[Happening]:
    """What somebody else has put on record since: it is told, and not recorded twice."""
    known = {entry.id for entry in before.told} if before is not None else set[str]()
    judged = {one.cycle: one for one in after.cycles}
    for entry in after.told:
        if entry.id not in known:
            about = judged.get(entry.cycle, after.current)
            happening = _happening(_KINDS[entry.threshold], about, entry.at, cycle=entry.cycle)
            yield replace(happening, recorded=entry)


def _thresholds(after: Standing) -> Iterator[Happening]:
    for new in {one.started_at: one for one in after.cycles}.values():
        told = judging.breach_is_told(after, new)
        if new.broken_at is not None and not told and new.corrected is None:
            yield _happening(HappeningKind.BROKEN, new, new.broken_at)
        elif told and new.broken_at is None:
            yield _happening(HappeningKind.CORRECTED, new, after.now)
    for lost in judging.breaches_of_no_cycle(after):
        happening = _happening(HappeningKind.CORRECTED, after.current, after.now, cycle=lost.cycle)
        yield replace(happening, since=lost.since)
    if _is_to_be_warned(after):
        current = after.current
        yield _happening(HappeningKind.WARNED, current, current.warn_at or after.now)


def _is_to_be_warned(after: Standing) -> bool:
    current = after.current
    if current.outcome is not Outcome.PENDING or current.clock is not ClockState.RUNNING:
        return False
    told = any(
        entry.threshold is Threshold.WARNED and entry.since == current.started_at for entry in after.told
    )
    return current.warn_at is not None and current.warn_at <= after.now and not told


def _happening(
    kind: HappeningKind,
    judged: Judgement,
    at: datetime,
    *,
    was_due_at: datetime | None = None,
    cycle: int | None = None,
) -> Happening:
    return Happening(
        kind=kind,
        cycle=judged.cycle if cycle is None else cycle,
        at=at,
        due_at=judged.due_at,
        was_due_at=was_due_at,
        fulfilled_at=judged.fulfilled_at,
        lateness=judged.lateness,
        since=judged.started_at,
        born_broken=judged.born_broken,
        silent=judged.is_silent,
    )
