"""What the arithmetic can refuse. They live here, below `errors`, because pure code raises them."""

from collections.abc import Sequence

from service.errors import Fault, Invalid


class CalendarInvalid(Invalid):
    """The JSON form of a calendar is wrong; every fault is listed, with its place."""

    code = "calendar-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        places = " ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults)
        super().__init__(f"The calendar cannot be used. {places}", faults=faults)


class BeyondHorizon(Invalid):
    """The answer lies further away than calendars are computed."""

    code = "calendar-horizon-passed"


class NeverDue(Invalid):
    """The clock stands still for good: a pause without an end begins before the time is used up."""

    code = "calendar-never-due"


class OperationInvalid(Invalid):
    """What is asked of a calendar is not understood."""

    code = "calendar-operation-invalid"

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}", faults=(Fault(pointer, detail),))


class UnknownCountry(ValueError):
    """There is no holiday table of that name. The message says which names come near."""
