"""Expected failures of this slice."""

from service.errors import NotFound
from service.ids import CommitmentId


class CommitmentNotFound(NotFound):
    """There is no such promise, or not for this caller."""

    code = "commitment-not-found"

    def __init__(self, commitment_id: CommitmentId) -> None:
        super().__init__(f"Commitment {commitment_id} does not exist.")
