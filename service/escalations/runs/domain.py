"""How a ladder is climbed: what is to be told now, and when to look again. Pure.

A run of a ladder is its ledger: what was sent, who acknowledged, who put it off. What is due follows from the
ledger, and from where the steps' instants lie now; they move with the promise that they hang on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId

REPEATS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a ladder.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry of a run's ledger says.

    Attributes:
        id: of the entry; with the instants it gives one order, whatever the order of arrival.
    """

    at: datetime
    received_at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(_Entry):
    """The run began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(_Entry):
    """A step was told. `repeat` is 0 for the first time; numbers that an outage took are left out."""

    step: int
    repeat: int
    planned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(_Entry):
    """Somebody takes it."""

    by: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed(_Entry):
    """Somebody wants quiet for a while."""

    by: MemberId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised(_Entry):
    """Somebody goes up to a step by hand. Whatever was acknowledged or put off before is so no longer."""

    by: MemberId
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_Entry):
    """The run is over: what it was about is done, or no longer wanted."""

    why: str


Entry: TypeAlias = Begun | Sent | Acknowledged | Snoozed | Raised | Ended


class State(StrEnum):
    CLIMBING = "climbing"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    ENDED = "ended"


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
        by: who acknowledged, or put it off, in these states.
        due: what is to be told now, in the order in which it was planned; of one step only the latest repeat.
        next_at: when something is to be told next, if nothing happens.
    """

    state: State
    by: MemberId | None
    due: tuple[Telling, ...]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A stretch in which nothing is told; `end` None is for good.

    Attributes:
        wakes: whether it ended by itself, so that the last step that was told is told again.
    """

    start: datetime
    end: datetime | None
    state: State
    by: MemberId
    wakes: bool = True

    def holds(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


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
        return Standing(state=State.ENDED, by=None, due=(), next_at=None)
    quiet = _quiet(ledger, ladder)
    planned: list[Telling] = []
    for index, step in enumerate(ladder.steps):
        last = _sent(ledger, index)
        first_at = _first_at(ledger, index, last, instants.get(index), begun_at=begun.at)
        planned += _tellings(step, index, last, first_at, quiet=quiet, now=now)
    planned += _wakings(ledger, quiet, planned)
    due = _latest(telling for telling in planned if telling.planned_at <= now)
    current = next((each for each in reversed(quiet) if each.holds(now)), None)
    return Standing(
        state=State.CLIMBING if current is None else current.state,
        by=None if current is None else current.by,
        due=due,
        next_at=min((telling.planned_at for telling in planned if telling.planned_at > now), default=None),
    )


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.at, entry.received_at, entry.id))


def _quiet(ledger: Sequence[Entry], ladder: Ladder) -> list[_Quiet]:
    """The quiet stretches; whoever acts later says how long it stays quiet, from then on."""
    found: list[_Quiet] = []
    for entry in ledger:
        if not isinstance(entry, Acknowledged | Snoozed | Raised):
            continue
        if found and found[-1].holds(entry.at):
            last = found.pop()
            found.append(_Quiet(last.start, entry.at, last.state, last.by, wakes=False))
        match entry:
            case Acknowledged():
                lasts = ladder.acknowledged_for
                end = None if lasts is None else entry.at + lasts
                found.append(_Quiet(entry.at, end, State.ACKNOWLEDGED, entry.by))
            case Snoozed():
                found.append(_Quiet(entry.at, entry.until, State.SNOOZED, entry.by))
            case Raised():
                pass
    return [each for each in found if each.end is None or each.start < each.end]


def _first_at(
    ledger: Sequence[Entry], index: int, last: Sent | None, instant: datetime | None, *, begun_at: datetime
) -> datetime | None:
    """When a step is told other than as a repeat: once at its instant, or when somebody goes up to it."""
    raised = [entry.at for entry in ledger if isinstance(entry, Raised) and entry.step == index]
    if last is not None:
        return max((at for at in raised if at > last.planned_at), default=None)
    return min((max(at, begun_at) for at in (instant, *raised) if at is not None), default=None)


def _sent(ledger: Sequence[Entry], index: int) -> Sent | None:
    """The last time that a step was told."""
    told = [entry for entry in ledger if isinstance(entry, Sent) and entry.step == index]
    return max(told, key=lambda entry: entry.repeat, default=None)


def _tellings(
    step: Step,
    index: int,
    last: Sent | None,
    first_at: datetime | None,
    *,
    quiet: Sequence[_Quiet],
    now: datetime,
) -> Iterable[Telling]:
    """What is left to tell of one step: all that is due, and the first that is not."""
    repeat = 0 if last is None else last.repeat + 1
    at = first_at
    if at is None and last is not None and repeat <= step.repeats_max:
        at = _after(last.planned_at, step)
    while at is not None:
        planned = _pushed(at, quiet)
        if planned is None:
            return
        yield Telling(planned, index, repeat)
        repeat += 1
        at = _after(planned, step) if planned <= now and repeat <= step.repeats_max else None


def _after(at: datetime, step: Step) -> datetime | None:
    return None if step.repeat_every is None else at + step.repeat_every


def _pushed(at: datetime, quiet: Sequence[_Quiet]) -> datetime | None:
    """The first instant from `at` on that is not quiet; None when it stays so."""
    for stretch in quiet:
        if stretch.holds(at):
            if stretch.end is None:
                return None
            at = stretch.end
    return at


def _wakings(ledger: Sequence[Entry], quiet: Sequence[_Quiet], planned: Sequence[Telling]) -> list[Telling]:
    """The last step told before a quiet stretch that ended by itself is told again at its end.

    Only of the last stretch, and not when something is told then in any case.
    """
    last = quiet[-1] if quiet else None
    if last is None or last.end is None or not last.wakes:
        return []
    told = [entry for entry in ledger if isinstance(entry, Sent)]
    before = [entry for entry in told if entry.planned_at < last.end]
    is_told = any(entry.planned_at >= last.end for entry in told)
    if not before or is_told or any(telling.planned_at == last.end for telling in planned):
        return []
    highest = max(before, key=lambda entry: (entry.step, entry.repeat))
    return [Telling(last.end, highest.step, highest.repeat + 1)]


def _latest(due: Iterable[Telling]) -> tuple[Telling, ...]:
    """Of each step the last; those before it came to nothing in an outage, and are told no more."""
    latest = {telling.step: telling for telling in sorted(due)}
    return tuple(sorted(latest.values()))
