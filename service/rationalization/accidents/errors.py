"""Expected failures of the register of accidents."""

from collections.abc import Sequence

from service.errors import Fault, Invalid, NotFound
from service.ids import AccidentId


class AccidentNotFound(NotFound):
    """There is no such accident in the register."""

    code = "accident-not-found"

    def __init__(self, accident_id: AccidentId) -> None:
        super().__init__(f"Accident {accident_id} does not exist.")


class AccidentInvalid(Invalid):
    """The accident cannot be recorded as it stands. Each entry of `errors` says why."""

    code = "accident-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The accident cannot be recorded as it stands.", faults=faults)
