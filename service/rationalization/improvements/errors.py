"""Expected failures of the register of improvements."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import ImprovementId


class ImprovementNotFound(NotFound):
    """There is no such item in the register of improvements."""

    code = "improvement-not-found"

    def __init__(self, improvement_id: ImprovementId) -> None:
        super().__init__(f"Improvement {improvement_id} does not exist.")


class ImprovementEnded(Conflict):
    """What is done or dropped is not changed any more."""

    code = "improvement-ended"

    def __init__(self, improvement_id: ImprovementId) -> None:
        super().__init__(f"Improvement {improvement_id} is done or dropped; open another one.")


class ImprovementInvalid(Invalid):
    """The item cannot be kept as it stands. Each entry of `errors` says why."""

    code = "improvement-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The improvement cannot be kept as it stands.", faults=faults)
