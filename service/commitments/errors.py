"""Expected failures of this slice."""

from service.errors import Fault, Invalid, NotFound
from service.ids import CommitmentId


class CommitmentNotFound(NotFound):
    code = "commitment-not-found"

    def __init__(self, commitment_id: CommitmentId) -> None:
        super().__init__(f"Commitment {commitment_id} does not exist.")


class DueBeforeAmbiguous(Invalid):
    """A local time means another instant in each zone."""

    code = "due-before-ambiguous"

    def __init__(self) -> None:
        detail = "due_before has no offset; write it as 2026-01-05T13:00:00Z or with +08:00."
        super().__init__(detail, faults=[Fault("/due_before", detail)])
