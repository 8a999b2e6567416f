"""Where windows stand that a verdict requires, before anybody has answered or moved anything. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from service.calendars.domain import WorkingTime
from service.instants import rfc3339
from service.rationalization.gates.domain import State, windows
from service.rationalization.gates.domain.windows import Span, Unclear
from service.rationalization.verdicts import FreezeWindow, MaintenanceWindow, Verdict

WindowGate: TypeAlias = FreezeWindow | MaintenanceWindow
OpenTime: TypeAlias = Callable[[str], WorkingTime | None]
"""The calendar of this name, if there is one."""

LOOK_AROUND = timedelta(days=366)
"""How far around the work a freeze is followed, so that all of it is named."""


@dataclass(frozen=True, slots=True)
class WindowStanding:
    """Where one of them stands.

    Attributes:
        kind: `freeze_window` or `maintenance_window`.
        missing: why it is open, for people; empty where it is satisfied.
    """

    kind: str
    calendar: str
    state: State
    missing: str = ""

    @property
    def place(self) -> str:
        return f"{self.kind} {self.calendar}"


def windows_of(verdict: Verdict) -> tuple[WindowGate, ...]:
    """Those of its gates that are judged by a calendar."""
    return tuple(gate for gate in verdict.requires if isinstance(gate, FreezeWindow | MaintenanceWindow))


def standings(
    gates: Sequence[WindowGate], facts: Mapping[str, Any], open_time: OpenTime
) -> tuple[WindowStanding, ...]:
    """Where each gate stands, by what the facts of `request.*` say of when the work is planned.

    Nobody can be asked any more until when it was to last: who said its start alone is judged by that.
    """
    planned = windows.planned(facts)
    found: list[WindowStanding] = []
    for gate in gates:
        calendar = open_time(gate.calendar)
        if calendar is None:
            missing = "there is no such calendar"
        elif isinstance(planned, Unclear):
            missing = planned.missing
        else:
            missing = _missing(gate, calendar, planned.span)
        kind = "freeze_window" if isinstance(gate, FreezeWindow) else "maintenance_window"
        state = State.OPEN if missing else State.SATISFIED
        found.append(WindowStanding(kind, gate.calendar, state, missing))
    return tuple(found)


def _missing(gate: WindowGate, calendar: WorkingTime, work: Span) -> str:
    """What stands in the way of the work, if anything does."""
    near = calendar.intervals(*work)
    if isinstance(gate, MaintenanceWindow):
        if windows.is_inside(near, work):
            return ""
        return f"work from {_in_words(work)} does not lie wholly in a window"
    if not near:
        return ""
    around = calendar.intervals(work[0] - LOOK_AROUND, work[1] + LOOK_AROUND)
    return f"no work from {_in_words(windows.touching(around, work)[0])}"


def _in_words(span: Span) -> str:
    return f"{rfc3339(span[0])} until {rfc3339(span[1])}"
