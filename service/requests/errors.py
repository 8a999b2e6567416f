"""Expected failures of this slice."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import CommitmentId, DecisionId, RequestId


class RequestNotFound(NotFound):
    """There is no such request, or not for this caller."""

    code = "request-not-found"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(f"Request {request_id} does not exist.")


class DecisionNotFound(NotFound):
    """There is no such decision, or not for this caller."""

    code = "decision-not-found"

    def __init__(self, decision_id: DecisionId) -> None:
        super().__init__(f"Decision {decision_id} does not exist.")


class RequestExists(Conflict):
    """The source has sent a request under this `external_id` before. Report its changes as events."""

    code = "request-exists"

    def __init__(self, source: str, external_id: str, request_id: RequestId) -> None:
        super().__init__(
            f"{external_id!r} of {source!r} is request {request_id} already; report its changes as events."
        )


class RequestInvalid(Invalid):
    """The request cannot be accepted as it stands. Each entry of `errors` says why."""

    code = "request-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The request cannot be accepted as it stands.", faults=faults)


class EventInvalid(Invalid):
    """The event cannot be recorded as it stands. Each entry of `errors` says why."""

    code = "event-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The event cannot be recorded as it stands.", faults=faults)


class BackdatingForbidden(Forbidden):
    """What happened more than a day ago is reported with the scope `requests:backdate` only."""

    code = "backdating-forbidden"

    def __init__(self) -> None:
        super().__init__("It happened more than a day ago; reporting it needs the scope requests:backdate.")


class RequestOver(Conflict):
    """Nothing is promised of a request that was cancelled."""

    code = "request-over"

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(f"Request {request_id} was cancelled; there is nothing to promise.")


class PromiseInvalid(Invalid):
    """This cannot be promised, or not be said of a promise. Each entry of `errors` says why."""

    code = "promise-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This cannot be promised, or said of a promise, as it stands.", faults=faults)


class CommitmentNotOfPerson(Conflict):
    """What a policy promised is fulfilled by what is reported of the request, and is not taken back."""

    code = "commitment-not-of-person"

    def __init__(self, commitment_id: CommitmentId) -> None:
        super().__init__(
            f"Commitment {commitment_id} was made by a policy; report what happened to the request instead."
        )


class BreachNotRecorded(Conflict):
    """Only a breach that is on record can be corrected."""

    code = "breach-not-recorded"

    def __init__(self, commitment_id: CommitmentId, cycle: int) -> None:
        super().__init__(f"No breach of commitment {commitment_id} stands in its cycle {cycle}.")


class BreachAlreadyCorrected(Conflict):
    """A breach is marked as recorded wrongly once."""

    code = "breach-already-corrected"

    def __init__(self, commitment_id: CommitmentId, cycle: int) -> None:
        super().__init__(
            f"The breach of commitment {commitment_id} in its cycle {cycle} is corrected already."
        )
