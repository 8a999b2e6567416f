"""Expected failures of special methods."""

from collections.abc import Sequence
from datetime import datetime

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import SpecialMethodId
from service.instants import rfc3339


class SpecialMethodNotFound(NotFound):
    """There is no such special method, or not for this caller."""

    code = "special-method-not-found"

    def __init__(self, special_method_id: SpecialMethodId) -> None:
        super().__init__(f"Special method {special_method_id} does not exist.")


class SpecialMethodInvalid(Invalid):
    """This cannot be said of a special method. Each entry of `errors` says why."""

    code = "special-method-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be said of a special method as it stands.", faults=faults)


class SpecialMethodNotInForce(Conflict):
    """It was used before it was approved, or after its end. What is to go on is asked for anew."""

    code = "special-method-not-in-force"

    def __init__(self, special_method_id: SpecialMethodId, at: datetime, why: str) -> None:
        super().__init__(f"Special method {special_method_id} may not be used at {rfc3339(at)}: {why}")


class SpecialMethodOver(Conflict):
    """It has ended, was refused or was withdrawn, and cannot be ended."""

    code = "special-method-over"

    def __init__(self, special_method_id: SpecialMethodId, state: str) -> None:
        super().__init__(f"Special method {special_method_id} is {state}: there is nothing to end.")


class SpecialMethodNotApproved(Conflict):
    """What is only proposed is not ended: its approval is refused, or its request is cancelled."""

    code = "special-method-not-approved"

    def __init__(self, special_method_id: SpecialMethodId) -> None:
        super().__init__(
            f"Special method {special_method_id} is not approved yet: refuse its approval, or cancel its"
            " request."
        )


class SpecialMethodNotOver(Conflict):
    """It is checked once it has ended, and until it is undone."""

    code = "special-method-not-over"

    def __init__(self, special_method_id: SpecialMethodId, state: str) -> None:
        super().__init__(
            f"Special method {special_method_id} is {state}: what has ended and is not undone is checked."
        )


class SpecialMethodOfOthers(Forbidden):
    """A special method is ended before its time by a manager, or by whoever asked for it."""

    code = "special-method-of-others"

    def __init__(self) -> None:
        super().__init__("Only a manager, or who asked for it, ends a special method before its time.")
