"""How a ladder is climbed: what is to be told now, and when to look again. Pure.

A run of a ladder is its ledger: what was sent, who acknowledged, who put it off. What is due follows from the
ledger, and from where the steps' instants lie now; they move with the promise that they hang on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.escalations.ladders.domain import REPEATS_MAX, Definition
from service.escalations.runs.domain.ledger import Begun, Ended, Entry, Raised, Reopened, Sent, in_order
from service.escalations.runs.domain.quiet import Hold, Quiet, State, Stretch, holds, pushed, quiet
from service.ids import MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a ladder, as far as it says when it is told.

    Attributes:
        repeat_every: how long after each telling it is told again; None for once.
        repeats_max: how often at most, after the first time.
    """

    repeat_every: timedelta | None = None
    repeats_max: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.repeats_max <= REPEATS_MAX:
            raise ValueError(f"a step is repeated up to {REPEATS_MAX} times")
        if (self.repeat_every is None) != (self.repeats_max == 0):
            raise ValueError("a step that is repeated says how often, and how soon")
        if self.repeat_every is not None and self.repeat_every <= timedelta(0):
            raise ValueError("a step is repeated after some time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The steps of a run, as they were when it began.

    Attributes:
        acknowledged_for: how long an acknowledgement keeps the ladder quiet; None for good.
    """

    steps: tuple[Step, ...]
    acknowledged_for: timedelta | None = None

    @classmethod
    def of(cls, definition: Definition) -> "Ladder":
        steps = (
            Step(repeat_every=step.repeat_every, repeats_max=step.repeats_max) for step in definition.steps
        )
        return cls(steps=tuple(steps), acknowledged_for=definition.acknowledged_for)


@dataclass(frozen=True, slots=True, order=True)
class Telling:
    """A step that is to be told: once for each step and repeat."""

    planned_at: datetime
    step: int
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run stands.

    Attributes:
        by: who acknowledged, was given it, or put it off, in these states.
        until: when that ends by itself, if ever.
        held: the maintenance in which it tells nothing now, if any.
        reopened_at: when quiet ended by itself, if that was not told yet.
        due: what is to be told now, in the order in which it was planned; of one step only the latest repeat.
        coming: what is told next of each step, if nothing happens.
        next_at: when to look again, if nothing happens.
    """

    state: State
    by: MemberId | None = None
    until: datetime | None = None
    held: Hold | None = None
    reopened_at: datetime | None = None
    due: tuple[Telling, ...] = ()
    coming: tuple[Telling, ...] = ()
    next_at: datetime | None = None

    @property
    def look_at(self) -> datetime | None:
        """When to look: in the past, since when there has been something to do."""
        looks = [*(telling.planned_at for telling in self.due), self.reopened_at, self.next_at]
        return min((at for at in looks if at is not None), default=None)


def standing(
    ladder: Ladder, entries: Iterable[Entry], instants: Mapping[int, datetime | None], now: datetime
) -> Standing:
    """Where the run with this ledger stands at `now`. The order of `entries` does not matter.

    What is dated after `now` does not count yet.

    Args:
        ladder: as it was when the run began.
        entries: the ledger.
        instants: of each step, by its index, as things stand; None where that cannot be said now.
        now: the tenant's now.

    Raises:
        ValueError: the ledger has no beginning.
    """
    ledger = in_order(entry for entry in entries if entry.at <= now)
    begun = next((entry for entry in ledger if isinstance(entry, Begun)), None)
    if begun is None:
        raise ValueError("the run has not begun")
    if any(isinstance(entry, Ended) for entry in ledger):
        return Standing(state=State.ENDED)
    wanted, held = quiet(ledger, acknowledged_for=ladder.acknowledged_for), holds(ledger)
    stretches = [*wanted, *held]
    planned: list[Telling] = []
    for index, step in enumerate(ladder.steps):
        told = [entry for entry in ledger if isinstance(entry, Sent) and entry.step == index]
        first_at = _first_at(ledger, index, told, instants.get(index), begun=begun)
        planned += _tellings(step, index, _last(told), first_at, stretches=stretches, now=now)
    planned += _wakings(ledger, wanted, held, planned)
    return _standing(ledger, wanted, held, planned, now=now)


def _standing(
    ledger: Sequence[Entry],
    wanted: Sequence[Quiet],
    held: Sequence[Hold],
    planned: Sequence[Telling],
    *,
    now: datetime,
) -> Standing:
    current = next((each for each in reversed(wanted) if each.holds(now)), None)
    until = None if current is None else current.end
    coming = tuple(sorted(telling for telling in planned if telling.planned_at > now))
    looks = [*(telling.planned_at for telling in coming), *([] if until is None else [until])]
    return Standing(
        state=State.CLIMBING if current is None else current.state,
        by=None if current is None else current.by,
        until=until,
        held=next((each for each in held if each.holds(now)), None),
        reopened_at=_reopened_at(ledger, wanted, now),
        due=_latest(telling for telling in planned if telling.planned_at <= now),
        coming=coming,
        next_at=min(looks, default=None),
    )


def _reopened_at(ledger: Sequence[Entry], wanted: Sequence[Quiet], now: datetime) -> datetime | None:
    """When the last quiet stretch ended by itself, if nobody was told of that."""
    last = wanted[-1] if wanted else None
    if last is None or last.end is None or last.end > now or not last.wakes:
        return None
    is_told = any(isinstance(entry, Reopened) and entry.at >= last.end for entry in ledger)
    return None if is_told else last.end


def _first_at(
    ledger: Sequence[Entry], index: int, told: Sequence[Sent], instant: datetime | None, *, begun: Begun
) -> datetime | None:
    """When a step is told other than as a repeat: once at its instant, or when somebody goes up to it.

    It is told too where the step below has nobody to tell, unless it was told before. Where that found nobody
    either, its own instant still counts.
    """
    since = ledger.index(told[-1]) + 1 if told else 0
    raised = [entry.at for entry in ledger[since:] if isinstance(entry, Raised) and entry.step == index]
    if told:
        return max(raised, default=None if any(entry.staffed for entry in told) else _later(instant, told))
    below = [entry.at for entry in ledger if _is_unstaffed(entry, index - 1)]
    wanted = [instant] if instant is not None and index not in begun.skips else []
    return min((max(at, begun.at) for at in (*wanted, *raised, *below)), default=None)


def _later(instant: datetime | None, told: Sequence[Sent]) -> datetime | None:
    """The step's own instant, if it was only called before that."""
    last = max(entry.planned_at for entry in told)
    return instant if instant is not None and instant > last else None


def _is_unstaffed(entry: Entry, index: int) -> bool:
    return isinstance(entry, Sent) and entry.step == index and not entry.staffed


def _last(told: Sequence[Sent]) -> Sent | None:
    return max(told, key=lambda entry: entry.repeat, default=None)


def _tellings(
    step: Step,
    index: int,
    last: Sent | None,
    first_at: datetime | None,
    *,
    stretches: Sequence[Stretch],
    now: datetime,
) -> Iterable[Telling]:
    """What is left to tell of one step: all that is due, and the first that is not."""
    repeat = 0 if last is None else last.repeat + 1
    at = first_at
    if last is not None and repeat <= step.repeats_max and (at is None or not last.staffed):
        again = _after(last.planned_at, step)
        at = again if at is None or again is None else min(at, again)
    while at is not None:
        planned = pushed(at, stretches)
        if planned is None:
            return
        yield Telling(planned, index, repeat)
        repeat += 1
        at = _after(planned, step) if planned <= now and repeat <= step.repeats_max else None


def _after(at: datetime, step: Step) -> datetime | None:
    return None if step.repeat_every is None else at + step.repeat_every


def _wakings(
    ledger: Sequence[Entry], wanted: Sequence[Quiet], held: Sequence[Hold], planned: Sequence[Telling]
) -> list[Telling]:
    """The last step told before a quiet stretch that ended by itself is told again at its end.

    Only of the last stretch, and not when something is told then in any case.
    """
    last = wanted[-1] if wanted else None
    if last is None or last.end is None or not last.wakes:
        return []
    at = pushed(last.end, held)
    told = [entry for entry in ledger if isinstance(entry, Sent)]
    before = [entry for entry in told if entry.planned_at < last.end]
    is_told = any(entry.planned_at >= last.end for entry in told)
    if at is None or not before or is_told or any(telling.planned_at == at for telling in planned):
        return []
    highest = max(before, key=lambda entry: (entry.step, entry.repeat))
    return [Telling(at, highest.step, highest.repeat + 1)]


def _latest(due: Iterable[Telling]) -> tuple[Telling, ...]:
    """Of each step the last; those before it came to nothing in an outage, and are told no more."""
    latest = {telling.step: telling for telling in sorted(due)}
    return tuple(sorted(latest.values()))
