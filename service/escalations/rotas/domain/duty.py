"""Who is on duty when: rotations in layers, and what is agreed beside them. Pure."""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from service.escalations.rotas.domain import turns
from service.escalations.rotas.domain.turns import Hours, Rotation
from service.ids import MemberId

WINDOW_MAX = timedelta(days=400)
"""The longest stretch that shifts are listed for."""

NEXT_WITHIN = timedelta(days=60)
"""How far ahead the next shift is looked for."""

_REACHES = (timedelta(days=2), timedelta(days=10), NEXT_WITHIN)
"""Who is on duty is looked for near by first."""

SWAPPED_WITHIN = timedelta(days=180)
"""A shift that reaches further than this from an instant within it is not swapped."""

Span = tuple[datetime, datetime]


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
    """Layers and overrides; of several that say something about an instant the last one counts.

    Attributes:
        absent: members who may do nothing, because they were deactivated or have not accepted their
            invitation: nobody is on duty in their shifts.
    """

    zone: tzinfo
    rotations: tuple[Rotation, ...]
    overrides: tuple[Override, ...] = ()
    absent: frozenset[MemberId] = frozenset()


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
    """Who is on duty at an instant, if anybody, and whose shift comes next within NEXT_WITHIN.

    Attributes:
        absent: where nobody is, whose shift it would be, if that member were not absent.
    """

    now: Shift | None
    next: Shift | None
    absent: MemberId | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nobody is on duty.

    Attributes:
        absent: whose shift it would be, if that member were not absent.
    """

    start: datetime
    end: datetime
    absent: MemberId | None = None


def shifts(rota: Rota, start: datetime, end: datetime) -> list[Shift]:
    """The shifts between two instants, in order, cut at both; shifts of one member that meet are one.

    Raises:
        ValueError: the instants lie more than WINDOW_MAX apart.
    """
    return [shift for shift in _planned(rota, start, end) if shift.member not in rota.absent]


def member_at(rota: Rota, at: datetime) -> MemberId | None:
    """Who is on duty at an instant."""
    found = shifts(rota, at, at + timedelta.resolution)
    return found[0].member if found else None


def on_duty(rota: Rota, at: datetime) -> Duty:
    """Who is on duty at an instant, and who is next; shifts are shown as far as NEXT_WITHIN reaches."""
    here = _planned(rota, at, at + timedelta.resolution)
    absent = next((each.member for each in here if each.member in rota.absent), None)
    duty = Duty(None, None, absent)
    for reach in _REACHES:
        found = shifts(rota, at - reach, at + reach)
        now = next((shift for shift in found if shift.start <= at < shift.end), None)
        duty = Duty(now, next((shift for shift in found if shift.start > at), None), absent)
        if _is_whole(duty, at - reach, at + reach):
            break
    return duty


def shift_of(rota: Rota, member: MemberId, at: datetime) -> Shift | None:
    """The shift that is planned for a member at an instant, as far as SWAPPED_WITHIN reaches both ways."""
    found = _planned(rota, at - SWAPPED_WITHIN, at + SWAPPED_WITHIN)
    return next((each for each in found if each.member == member and each.start <= at < each.end), None)


def is_endless(shift: Shift, at: datetime) -> bool:
    """Does a shift that `shift_of` found reach further than was looked?"""
    return shift.start <= at - SWAPPED_WITHIN or at + SWAPPED_WITHIN <= shift.end


def swapped(a: Shift, b: Shift) -> tuple[Override, Override]:
    """What lets the members of two shifts stand in for one another."""
    return (
        Override(start=a.start, end=a.end, member=b.member, instead_of=a.member),
        Override(start=b.start, end=b.end, member=a.member, instead_of=b.member),
    )


def gaps(rota: Rota, start: datetime, end: datetime) -> list[Span]:
    """When nobody is on duty between two instants. Raises ValueError as `shifts` does."""
    return _between([(shift.start, shift.end) for shift in shifts(rota, start, end)], start, end)


def explained_gaps(rota: Rota, start: datetime, end: datetime) -> list[Gap]:
    """The same, each with whoever is absent then. Raises ValueError as `shifts` does."""
    planned = _planned(rota, start, end)
    found = [Gap(*span) for span in _between([(shift.start, shift.end) for shift in planned], start, end)]
    found += [Gap(each.start, each.end, each.member) for each in planned if each.member in rota.absent]
    return sorted(found, key=lambda gap: gap.start)


def _planned(rota: Rota, start: datetime, end: datetime) -> list[Shift]:
    """The shifts, those of members who are absent included."""
    if end - start > WINDOW_MAX:
        raise ValueError(f"shifts are listed for {WINDOW_MAX.days} days at most")
    found: list[Shift] = []
    for rotation in rota.rotations:
        found = _overlaid(found, list(_of_rotation(rotation, rota.zone, start, end)))
    for override in rota.overrides:
        _override(found, override, start, end)
    return _joined(found)


def _is_whole(duty: Duty, start: datetime, end: datetime) -> bool:
    """Was all of it found between two instants?"""
    ends = [shift.end for shift in (duty.now, duty.next) if shift is not None]
    begins_inside = duty.now is None or start < duty.now.start
    return duty.next is not None and begins_inside and all(each < end for each in ends)


def _of_rotation(rotation: Rotation, zone: tzinfo, start: datetime, end: datetime) -> Iterator[Shift]:
    last = end if rotation.ends_at is None else min(end, rotation.ends_at)
    for turn in turns.turns(rotation, zone, start, end):
        begins, ends = max(start, turn.start), min(last, turn.end)
        if begins < ends:
            yield from _within_hours(Shift(begins, ends, turn.member, rotation.name), rotation.hours)


def _within_hours(shift: Shift, hours: Hours | None) -> Iterator[Shift]:
    if hours is None:
        yield shift
        return
    for start, end in hours.intervals(shift.start, shift.end):
        yield replace(shift, start=start, end=end)


def _override(found: list[Shift], override: Override, start: datetime, end: datetime) -> None:
    """Put an override over the shifts that it meets, in place: there may be thousands of either."""
    first, last = max(start, override.start), min(end, override.end)
    if first >= last:
        return
    lowest = bisect_right(found, first, key=lambda shift: shift.end)
    met = slice(lowest, bisect_left(found, last, lowest, key=lambda shift: shift.start))
    below, over = found[met], [(first, last)]
    if override.instead_of is not None:
        theirs = (shift for shift in below if shift.member == override.instead_of)
        over = [(max(first, shift.start), min(last, shift.end)) for shift in theirs]
    parts = [part for shift in below for part in _outside(shift, over)]
    if override.member is not None:
        parts += [Shift(begins, ends, override.member, None) for begins, ends in over]
    found[met] = sorted(parts, key=lambda shift: shift.start)


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


def _outside(shift: Shift, taken: Sequence[Span]) -> Iterator[Shift]:
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


def _between(covered: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """What spans leave over of a stretch; they are in order and disjoint, and lie inside it."""
    edges = [(start, start), *covered, (end, end)]
    return [(before[1], after[0]) for before, after in itertools.pairwise(edges) if before[1] < after[0]]
