"""Expected failures of maintenance windows."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import MaintenanceId


class MaintenanceWindowNotFound(NotFound):
    """There is no such maintenance window."""

    code = "maintenance-window-not-found"

    def __init__(self, window_id: MaintenanceId) -> None:
        super().__init__(f"Maintenance window {window_id} does not exist.")


class MaintenanceWindowInvalid(Invalid):
    """The window cannot be planned as it stands. Each entry of `errors` says why."""

    code = "maintenance-window-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The maintenance window cannot be planned as it stands.", faults=faults)


class MaintenanceWindowOver(Conflict):
    """What is over, or was called off, is changed no more. Plan another window."""

    code = "maintenance-window-over"

    def __init__(self, window_id: MaintenanceId) -> None:
        super().__init__(f"Maintenance window {window_id} is over, or was called off; plan another one.")
