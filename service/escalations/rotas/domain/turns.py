"""Members who take turns: when each turn begins, and whose it is. Pure.

Handovers stand on the local clock: a shift that begins at 08:00 begins at 08:00 all year, and is an hour
shorter or longer where the clocks change. A handover in the hour that is left out comes later by that hour,
one in the hour that comes twice is the first of both, as calendars have it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from service.ids import MemberId

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


@dataclass(frozen=True, slots=True)
class Turn:
    """From `start` until before `end`; one that the clocks left out altogether ends where it begins."""

    start: datetime
    end: datetime
    member: MemberId


def handover(rotation: Rotation, zone: tzinfo, turn: int) -> datetime:
    """When a turn begins: 0 is the first. Never before the turns before it, whatever the clocks do."""
    reach = min(turn, -(-_GAP_MAX // rotation.step))
    return max(_begins(rotation, zone, turn - back) for back in range(reach + 1))


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


def turns(rotation: Rotation, zone: tzinfo, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns that reach into a stretch, in order, each as long as it is."""
    last = end if rotation.ends_at is None else min(end, rotation.ends_at)
    first = max(start, handover(rotation, zone, 0))
    turn = turn_at(rotation, zone, first)
    if turn is None:
        return
    begins = handover(rotation, zone, turn)
    while begins < last:
        ends = max(begins, _begins(rotation, zone, turn + 1))
        yield Turn(begins, ends, rotation.members[turn % len(rotation.members)])
        begins, turn = ends, turn + 1


def _begins(rotation: Rotation, zone: tzinfo, turn: int) -> datetime:
    """By its own local time: in a gap later by the gap, in an overlap the first, as fold 0 means."""
    local = rotation.first_handover + turn * rotation.step
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
