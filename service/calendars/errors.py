"""Expected failures of this slice, beside those that `domain` raises by itself."""

from collections.abc import Iterable
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound


class CalendarNotFound(NotFound):
    """There is no such calendar, or no such version of one, for this tenant."""

    code = "calendar-not-found"

    def __init__(self, calendar: UUID | str) -> None:
        super().__init__(f"Calendar {calendar} does not exist.")


class CalendarNameTaken(Conflict):
    """Another calendar of the tenant has this name already."""

    code = "calendar-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a calendar {name!r} already; revise it, or choose another name.")


class CalendarsUnknown(Invalid):
    """Something counts by calendars that are not there."""

    code = "calendars-unknown"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"There is no calendar {', '.join(map(repr, sorted(names)))}; create it first.")


class ComputationsTooMany(Invalid):
    """More items than one call may bring."""

    code = "computations-too-many"

    def __init__(self, count: int, *, most: int) -> None:
        detail = f"{count} items are more than the {most} that one call may bring; send several calls."
        super().__init__(detail, faults=(Fault("", detail),))


class ComputeFileInvalid(Invalid):
    """A file of computations that cannot be read at all."""

    code = "compute-file-invalid"
