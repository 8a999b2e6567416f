"""Who is on duty when: rotations in layers, and what is agreed beside them. Pure.

Handovers stand on the local clock: a shift that begins at 08:00 begins at 08:00 all year, and is an hour
shorter or longer where the clocks change. A handover in the hour that is left out comes later by that hour,
one in the hour that comes twice is the first of both, as calendars have it.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from service.ids import MemberId

WINDOW_MAX = timedelta(days=400)
"""The longest stretch that shifts are listed for."""

NEXT_WITHIN = timedelta(days=60)
"""How far ahead the next shift is looked for."""

LENGTH_MAX = 1_000
_GAP_MAX = timedelta(days=1)
"""No zone has ever left out more: Apia left out a Friday in 2011."""


class Unit(StrEnum):
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


_STEPS = {Unit.HOURS: timedelta(hours=1), Unit.DAYS: timedelta(days=1), Unit.WEEKS: timedelta(weeks=1)}


class Hours(Protocol):
    """Open time, such as a calendar's."""

    def intervals(self, start: datetime, end: datetime) -> Sequence[tuple[datetime, datetime]]:
        """The open intervals between two instants, in order, cut at both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One layer: members who take turns.

    Attributes:
        name: unique within its rota.
        members: in their turn.
        length: of one turn, in `unit`.
        first_handover: the naive local time at which the first turn begins; before it there is nobody.
        ends_at: from then on the layer is empty; None for never.
        hours: when the layer counts at all; None for always.
    """

    name: str
    members: tuple[MemberId, ...]
    length: int
    unit: Unit
    first_handover: datetime
    ends_at: datetime | None = None
    hours: Hours | None = None

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError(f"{self.name}: a rotation needs somebody")
        if not 1 <= self.length <= LENGTH_MAX:
            raise ValueError(f"{self.name}: a turn lasts 1 to {LENGTH_MAX} {self.unit}")
        if self.first_handover.tzinfo is not None:
            raise ValueError(f"{self.name}: the first handover is a local time")

    @property
    def step(self) -> timedelta:
        """The length of a turn on the local clock."""
        return self.length * _STEPS[self.unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody else for a while. A swap of shifts is two of them.

    Attributes:
        member: who is on duty; None for nobody.
        instead_of: only where this member would be; None wherever.
    """

    start: datetime
    end: datetime
    member: MemberId | None
    instead_of: MemberId | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("an override ends after it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Layers and overrides; of several that say something about an instant the last one counts."""

    zone: tzinfo
    rotations: tuple[Rotation, ...]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody's time on duty: from `start` until before `end`.

    Attributes:
        rotation: the layer that it comes from; None for an override.
    """

    start: datetime
    end: datetime
    member: MemberId
    rotation: str | None


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty at an instant, if anybody, and whose shift comes next within NEXT_WITHIN."""

    now: Shift | None
    next: Shift | None


def shifts(rota: Rota, start: datetime, end: datetime) -> list[Shift]:
    """The shifts between two instants, in order, cut at both; shifts of one member that meet are one.

    Raises:
        ValueError: the instants lie more than WINDOW_MAX apart.
    """
    if end - start > WINDOW_MAX:
        raise ValueError(f"shifts are listed for {WINDOW_MAX.days} days at most")
    found: list[Shift] = []
    for rotation in rota.rotations:
        found = _overlaid(found, list(_of_rotation(rotation, rota.zone, start, end)))
    for override in rota.overrides:
        found = _overridden(found, override, start, end)
    return _joined(found)


def member_at(rota: Rota, at: datetime) -> MemberId | None:
    """Who is on duty at an instant."""
    found = shifts(rota, at, at + timedelta.resolution)
    return found[0].member if found else None


def on_duty(rota: Rota, at: datetime) -> Duty:
    """Who is on duty at an instant, and who is next; shifts are shown as far as NEXT_WITHIN reaches."""
    found = shifts(rota, at - NEXT_WITHIN, at + NEXT_WITHIN)
    now = next((shift for shift in found if shift.start <= at < shift.end), None)
    return Duty(now, next((shift for shift in found if shift.start > at), None))


def gaps(rota: Rota, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When nobody is on duty between two instants. Raises ValueError as `shifts` does."""
    covered = [(shift.start, shift.end) for shift in shifts(rota, start, end)]
    edges = [(start, start), *covered, (end, end)]
    return [(before[1], after[0]) for before, after in itertools.pairwise(edges) if before[1] < after[0]]


def handover(rotation: Rotation, zone: tzinfo, turn: int) -> datetime:
    """When a turn begins: 0 is the first. Never before the turns before it, whatever the clocks do."""
    reach = min(turn, -(-_GAP_MAX // rotation.step))
    return max(
        _instant(rotation.first_handover + (turn - back) * rotation.step, zone) for back in range(reach + 1)
    )


def turn_at(rotation: Rotation, zone: tzinfo, at: datetime) -> int | None:
    """The number of the turn at an instant; None before the first."""
    if at < handover(rotation, zone, 0):
        return None
    local = at.astimezone(zone).replace(tzinfo=None)
    turn = max((local - rotation.first_handover) // rotation.step, 0)
    while handover(rotation, zone, turn) > at:
        turn -= 1
    while handover(rotation, zone, turn + 1) <= at:
        turn += 1
    return turn


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """In a gap later by the gap, in an overlap the first: that is what fold 0 means."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _of_rotation(rotation: Rotation, zone: tzinfo, start: datetime, end: datetime) -> Iterator[Shift]:
    first = max(start, handover(rotation, zone, 0))
    last = end if rotation.ends_at is None else min(end, rotation.ends_at)
    turn = turn_at(rotation, zone, first)
    begins = first
    while turn is not None and begins < last:
        ends = min(handover(rotation, zone, turn + 1), last)
        member = rotation.members[turn % len(rotation.members)]
        if begins < ends:
            yield from _within_hours(Shift(begins, ends, member, rotation.name), rotation.hours)
        begins, turn = ends, turn + 1


def _within_hours(shift: Shift, hours: Hours | None) -> Iterator[Shift]:
    if hours is None:
        yield shift
        return
    for start, end in hours.intervals(shift.start, shift.end):
        yield replace(shift, start=start, end=end)


def _overridden(below: Sequence[Shift], override: Override, start: datetime, end: datetime) -> list[Shift]:
    """The shifts under one override."""
    first, last = max(start, override.start), min(end, override.end)
    if first >= last:
        return list(below)
    over = [(first, last)]
    if override.instead_of is not None:
        theirs = (shift for shift in below if shift.member == override.instead_of)
        over = [(max(first, shift.start), min(last, shift.end)) for shift in theirs]
        over = [(begins, ends) for begins, ends in over if begins < ends]
    kept = [part for shift in below for part in _outside(shift, over)]
    if override.member is not None:
        kept += [Shift(begins, ends, override.member, None) for begins, ends in over]
    return sorted(kept, key=lambda shift: shift.start)


def _overlaid(below: Sequence[Shift], above: Sequence[Shift]) -> list[Shift]:
    """Both, of which the upper ones count where they meet."""
    taken = [(shift.start, shift.end) for shift in above]
    kept: list[Shift] = []
    first = 0
    for shift in below:
        while first < len(taken) and taken[first][1] <= shift.start:
            first += 1
        kept += _outside(shift, taken[first : bisect_left(taken, (shift.end, shift.end), first)])
    return sorted([*kept, *above], key=lambda shift: shift.start)


def _outside(shift: Shift, taken: Sequence[tuple[datetime, datetime]]) -> Iterator[Shift]:
    """The parts of a shift that lie outside spans, which are in order and disjoint."""
    begins = shift.start
    for start, end in taken:
        if begins < min(start, shift.end):
            yield replace(shift, start=begins, end=min(start, shift.end))
        begins = max(begins, end)
    if begins < shift.end:
        yield replace(shift, start=begins)


def _joined(found: Sequence[Shift]) -> list[Shift]:
    joined: list[Shift] = []
    for shift in found:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.end == shift.start
            and (last.member, last.rotation) == (shift.member, shift.rotation)
        ):
            joined[-1] = replace(last, end=shift.end)
        else:
            joined.append(shift)
    return joined
