"""Expected failures of renegotiations."""

from collections.abc import Sequence
from datetime import datetime

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import CommitmentId, RenegotiationId
from service.instants import rfc3339


class RenegotiationNotFound(NotFound):
    """There is no such renegotiation, or not for this caller."""

    code = "renegotiation-not-found"

    def __init__(self, renegotiation_id: RenegotiationId) -> None:
        super().__init__(f"Renegotiation {renegotiation_id} does not exist.")


class RenegotiationInvalid(Invalid):
    """What is proposed cannot be promised, or not be answered. Each entry of `errors` says why."""

    code = "renegotiation-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be proposed, or answered, as it stands.", faults=faults)


class RenegotiationEnded(Conflict):
    """It was answered, withdrawn or settled before, or nobody answered in time."""

    code = "renegotiation-ended"

    def __init__(self, renegotiation_id: RenegotiationId, state: str) -> None:
        super().__init__(f"Renegotiation {renegotiation_id} is {state}, and takes nothing of this kind.")


class RenegotiationNotCountered(Conflict):
    """Only a counter-proposal can be settled."""

    code = "renegotiation-not-countered"

    def __init__(self, renegotiation_id: RenegotiationId) -> None:
        super().__init__(f"Nobody made a counter-proposal in renegotiation {renegotiation_id} yet.")


class CommitmentRevised(Conflict):
    """Another promise stands beside it already: that one is to be renegotiated."""

    code = "commitment-revised"

    def __init__(self, commitment_id: CommitmentId, revised_id: CommitmentId) -> None:
        super().__init__(f"Beside commitment {commitment_id} stands {revised_id}; renegotiate that one.")


class RenegotiatedTooOften(Conflict):
    """A promise that was made anew so often is not made once more."""

    code = "renegotiated-too-often"

    def __init__(self, commitment_id: CommitmentId, most: int) -> None:
        super().__init__(
            f"Commitment {commitment_id} is the {most}th promise in place of the first; agree with the user"
            " in another way, and cancel it with that as the reason."
        )


class CounterPassed(Conflict):
    """A due that has passed can be promised no more."""

    code = "counter-passed"

    def __init__(self, due_at: datetime) -> None:
        super().__init__(f"The counter-proposal asks for {rfc3339(due_at)}, which has passed.")
