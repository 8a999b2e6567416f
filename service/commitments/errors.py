"""Expected failures of this slice."""

from service.errors import Conflict, NotFound
from service.ids import CommitmentId


class CommitmentNotFound(NotFound):
    """There is no such promise, or not for this caller."""

    code = "commitment-not-found"

    def __init__(self, commitment_id: CommitmentId) -> None:
        super().__init__(f"Commitment {commitment_id} does not exist.")


class CommitmentEnded(Conflict):
    """It was fulfilled or cancelled before: there is nothing left to do, or to agree on."""

    code = "commitment-ended"

    def __init__(self, commitment_id: CommitmentId) -> None:
        super().__init__(f"Commitment {commitment_id} has ended already.")
