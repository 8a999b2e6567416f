"""Expected failures of this slice."""

from datetime import datetime

from service.errors import Conflict, Fault, Invalid
from service.instants import refusal, rfc3339


class SandboxOnly(Conflict):
    """Only a sandbox tenant has a clock of its own."""

    code = "sandbox-only"

    def __init__(self) -> None:
        super().__init__("This tenant is live: its time is the time. Use an application of a sandbox tenant.")


class ClockMovesForward(Invalid):
    """A sandbox's clock never goes back, as what has happened stays so."""

    code = "clock-moves-forward"

    def __init__(self, target_at: datetime) -> None:
        detail = f"The clock stands at, or is on its way to, {rfc3339(target_at)}; name no earlier instant."
        super().__init__(detail, faults=[Fault("/now", detail)])


class ClockOutOfRange(Invalid):
    """A sandbox's clock stays where calendars can be computed."""

    code = "clock-out-of-range"

    def __init__(self, to: datetime) -> None:
        super().__init__(refusal(to), faults=[Fault("/now", refusal(to))])
