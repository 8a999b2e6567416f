"""Stretches in which a run tells nothing: somebody has it, put it off, or there is maintenance. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from service.escalations.runs.domain.ledger import (
    Acknowledged,
    Entry,
    HandedOver,
    Held,
    Raised,
    Released,
    Snoozed,
)
from service.ids import MemberId


class State(StrEnum):
    CLIMBING = "climbing"
    ACKNOWLEDGED = "acknowledged"
    HANDED_OVER = "handed_over"
    """Somebody was given it, and has not acknowledged it yet."""
    SNOOZED = "snoozed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Quiet:
    """A stretch in which nothing is told, since somebody has it or put it off; `end` None is for good.

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


@dataclass(frozen=True, slots=True)
class Hold:
    """A stretch in which nothing is told, since the service is in maintenance."""

    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at < self.end)


Stretch: TypeAlias = Quiet | Hold


def quiet(ledger: Iterable[Entry], *, acknowledged_for: timedelta | None) -> list[Quiet]:
    """The stretches that somebody wanted; whoever acts later says how long it stays quiet, from then on.

    Args:
        ledger: in order.
        acknowledged_for: how long an acknowledgement counts; None for good.
    """
    found: list[Quiet] = []
    for entry in ledger:
        if not isinstance(entry, Acknowledged | Snoozed | HandedOver | Raised):
            continue
        if found and found[-1].holds(entry.at):
            found.append(replace(found.pop(), end=entry.at, wakes=False))
        match entry:
            case Acknowledged(at=at, by=by):
                end = None if acknowledged_for is None else at + acknowledged_for
                found.append(Quiet(at, end, State.ACKNOWLEDGED, by))
            case Snoozed(at=at, by=by, until=until):
                found.append(Quiet(at, until, State.SNOOZED, by))
            case HandedOver(at=at, to=to, until=until):
                found.append(Quiet(at, until, State.HANDED_OVER, to))
            case Raised():
                pass
    return [each for each in found if each.end is None or each.start < each.end]


def holds(ledger: Iterable[Entry]) -> list[Hold]:
    """The stretches of maintenance; what is said later of one that lasts says how long it lasts."""
    found: list[Hold] = []
    for entry in ledger:
        if not isinstance(entry, Held | Released):
            continue
        start = entry.at
        if found and found[-1].holds(entry.at):
            start = found.pop().start
        if isinstance(entry, Held):
            found.append(Hold(start, entry.until))
        elif start < entry.at:
            found.append(Hold(start, entry.at))
    return [each for each in found if each.end is None or each.start < each.end]


def pushed(at: datetime, stretches: Sequence[Stretch]) -> datetime | None:
    """The first instant from `at` on that is not quiet; None when it stays so."""
    while (stretch := next((each for each in stretches if each.holds(at)), None)) is not None:
        if stretch.end is None:
            return None
        at = stretch.end
    return at
