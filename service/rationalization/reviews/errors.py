"""Expected failures of reviews."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import RequestId, ReviewId


class ReviewNotFound(NotFound):
    """There is no such review."""

    code = "review-not-found"

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(f"Review {review_id} does not exist.")


class ReviewOwed(Conflict):
    """Work is reviewed once for each time that it was done."""

    code = "review-owed"

    def __init__(self, request_id: RequestId, review_id: ReviewId) -> None:
        super().__init__(f"Review {review_id} of request {request_id} is owed already; record its result.")


class ReviewOver(Conflict):
    """What was reviewed, or withdrawn, has its result."""

    code = "review-over"

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(
            f"Review {review_id} is done or was withdrawn. Start another one of the same request: its result"
            " takes the place of the one before."
        )


class RequestNotDone(Conflict):
    """Only what was done is reviewed."""

    code = "request-not-done"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(f"Request {request_id} is not resolved or closed: there is nothing to review yet.")


class ReviewOfOwnWork(Forbidden):
    """Nobody reviews what they did themselves."""

    code = "review-of-own-work"

    def __init__(self, review_id: ReviewId) -> None:
        super().__init__(
            f"The work that review {review_id} is of is assigned to you; somebody else records its result."
        )


class ReviewInvalid(Invalid):
    """The review cannot be recorded as it stands. Each entry of `errors` says why."""

    code = "review-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The review cannot be recorded as it stands.", faults=faults)
