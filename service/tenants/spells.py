"""When a service is in maintenance: windows, and the spells that they make together. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.ids import MaintenanceId, ServiceId


class WindowState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    OVER = "over"
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """When a service is in maintenance.

    Attributes:
        starts_at: the first instant of it.
        ends_at: the first instant after it, as it was planned.
        called_off_at: when it was called off, which may be in the midst of it.
        state: as it was last told; what is true at an instant is said by the instants.
        passes: how often the requests of the service were gone through for it.
        version: grows with each change by somebody.
        sequence: how many events were told of it.
    """

    id: MaintenanceId
    service_id: ServiceId
    starts_at: datetime
    ends_at: datetime
    called_off_at: datetime | None = None
    reason: str | None
    state: WindowState = WindowState.PLANNED
    passes: int = 0
    version: int = 1
    sequence: int = 0
    created_at: datetime

    @property
    def over_at(self) -> datetime:
        """The first instant after it; not after its start if it never began."""
        return self.ends_at if self.called_off_at is None else min(self.ends_at, self.called_off_at)

    def holds_at(self, instant: datetime) -> bool:
        return self.starts_at <= instant < self.over_at


@dataclass(frozen=True, slots=True)
class Spell:
    """A service is in maintenance from `start` until before `end`, by one window or by several."""

    start: datetime
    end: datetime


def spells(windows: Iterable[MaintenanceWindow]) -> list[Spell]:
    """What windows of one service come to: disjoint, in order, and never end to end."""
    found: list[Spell] = []
    for window in sorted(windows, key=lambda window: window.starts_at):
        if window.over_at <= window.starts_at:
            continue
        if found and window.starts_at <= found[-1].end:
            found[-1] = Spell(found[-1].start, max(found[-1].end, window.over_at))
        else:
            found.append(Spell(window.starts_at, window.over_at))
    return found


def end_of_spell(windows: Iterable[MaintenanceWindow], at: datetime) -> datetime | None:
    """Until when a service with these windows is in maintenance at `at`; None if it is not."""
    return next((spell.end for spell in spells(windows) if spell.start <= at < spell.end), None)
