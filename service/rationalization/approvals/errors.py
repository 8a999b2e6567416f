"""Expected failures of approvals and delegations."""

from collections.abc import Sequence
from datetime import datetime

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import DelegationId, GateId
from service.instants import rfc3339


class ApprovalNotFound(NotFound):
    """There is no such approval, or not for this caller."""

    code = "approval-not-found"

    def __init__(self, gate_id: GateId) -> None:
        super().__init__(f"Approval {gate_id} does not exist.")


class ApprovalInvalid(Invalid):
    """What was answered cannot be taken as it stands. Each entry of `errors` says why."""

    code = "approval-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This is no answer to an approval as it stands.", faults=faults)


class ApprovalNeedsMember(Forbidden):
    """People consent, and not programs by themselves."""

    code = "approval-needs-member"

    def __init__(self) -> None:
        super().__init__(
            "An application cannot consent by itself; let a member log in, and answer through it."
        )


def _called(seats: Sequence[str]) -> str:
    """Seats in words: the role manager or the group Change board."""
    return " or ".join(f"the {each.replace(':', ' ', 1)}" for each in seats)


class _ApprovalOfOwnWork(Forbidden):
    """What was made by somebody is approved by somebody else."""

    def __init__(self, who: str, seats: Sequence[str]) -> None:
        super().__init__(
            f"{who} does not decide on it, nor does anybody for them; somebody else of {_called(seats)} must"
            " answer."
        )


class ApprovalOfOwnRequest(_ApprovalOfOwnWork):
    """Nobody approves, or refuses, what they ask for themselves, nor anybody else on their behalf."""

    code = "approval-of-own-request"

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__("Who asks for something", seats)


class ApprovalOfOwnAgreement(_ApprovalOfOwnWork):
    """Nobody approves, or refuses, what they agreed to in the requester's place."""

    code = "approval-of-own-agreement"

    def __init__(self, seats: Sequence[str]) -> None:
        who = (
            "Who agreed to a counter-proposal in the requester's place, or was told the link by which it was,"
        )
        super().__init__(who, seats)


class ApprovalOfOwnEdit(_ApprovalOfOwnWork):
    """Nobody approves, or refuses, what they have edited."""

    code = "approval-of-own-edit"

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__("Who edited what is asked for", seats)


class ApprovalOfOwnAssessment(_ApprovalOfOwnWork):
    """Nobody approves, or refuses, what is judged by their own assessment of its risk."""

    code = "approval-of-own-assessment"

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__("Who assessed its risk", seats)


class ApprovalNotAsked(Forbidden):
    """Only who holds one of the roles, or is in one of the groups, that are named may answer."""

    code = "approval-not-asked"

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__(
            f"The consent that is wanted is of {_called(seats)}; one of these must answer, or whoever they"
            " delegated it to."
        )


class ApprovalDecided(Conflict):
    """The first decision counts."""

    code = "approval-decided"

    def __init__(self, gate_id: GateId, state: str) -> None:
        super().__init__(
            f"Approval {gate_id} is {state} already, and stays so; object to that if it is wrong."
        )


class ApprovalExpired(Conflict):
    """An answer after the deadline does not count."""

    code = "approval-expired"

    def __init__(self, gate_id: GateId, deadline_at: datetime | None) -> None:
        until = "" if deadline_at is None else f" at {rfc3339(deadline_at)}"
        super().__init__(f"Approval {gate_id} expired{until}; a manager or an admin can ask for it anew.")


class ApprovalWithdrawn(Conflict):
    """Nothing is wanted any more."""

    code = "approval-withdrawn"

    def __init__(self, gate_id: GateId) -> None:
        super().__init__(f"Approval {gate_id} was withdrawn: what it was about is not wanted any more.")


class ApprovalNotExpired(Conflict):
    """Only what nobody answered in time is asked anew by hand."""

    code = "approval-not-expired"

    def __init__(self, gate_id: GateId, state: str) -> None:
        super().__init__(f"Approval {gate_id} is {state}; only one that has expired is asked anew.")


class DelegationNotFound(NotFound):
    """There is no such delegation, or not for this caller."""

    code = "delegation-not-found"

    def __init__(self, delegation_id: DelegationId) -> None:
        super().__init__(f"Delegation {delegation_id} does not exist.")


class DelegationInvalid(Invalid):
    """Nobody can answer for somebody so. Each entry of `errors` says why."""

    code = "delegation-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be delegated as it stands.", faults=faults)


class DelegationOfAnother(Forbidden):
    """Members delegate what is their own; managers and admins also for others."""

    code = "delegation-of-another"

    def __init__(self) -> None:
        super().__init__("A manager or an admin must do this; you can delegate your own approvals only.")


class DelegationEnded(Conflict):
    """It does not count any more."""

    code = "delegation-ended"

    def __init__(self, delegation_id: DelegationId) -> None:
        super().__init__(f"Delegation {delegation_id} is over already.")
