"""Expected failures of this slice."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import PolicyId


class PolicyNotFound(NotFound):
    """There is no such policy, or no such version of it."""

    code = "policy-not-found"

    def __init__(self, policy_id: PolicyId) -> None:
        super().__init__(f"Policy {policy_id} does not exist.")


class PolicyNameTaken(Conflict):
    """Another policy of the tenant has this name already."""

    code = "policy-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A policy {name!r} exists already; add a version to it, or choose another name.")


class PolicyInvalid(Invalid):
    """A policy cannot be used as it stands. Each entry of `errors` points at a place in its document."""

    code = "policy-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The policy cannot be used as it stands.", faults=faults)


class OutcomeInvalid(Invalid):
    """The `then` of a rule is not what a policy of its kind may promise."""

    code = "outcome-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("A rule's outcome is not one of its policy's kind.", faults=faults)
