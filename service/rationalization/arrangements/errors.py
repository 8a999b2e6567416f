"""Expected failures of arrangements."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import ArrangementId
from service.rationalization.arrangements.domain import Refusal, State

REMEDIES = {
    Refusal.OVER: "It counts no more; look at the request's arrangement that does.",
    Refusal.LAPSED: "The time for an answer is over; object, or report what has changed of the request.",
    Refusal.ANSWERED: "It was answered before.",
    Refusal.NOT_ASKED: "It is no counter-proposal; object to it if you do not agree.",
}


class ArrangementNotFound(NotFound):
    """There is no such arrangement, or not for this caller."""

    code = "arrangement-not-found"

    def __init__(self, arrangement_id: ArrangementId) -> None:
        super().__init__(f"Arrangement {arrangement_id} does not exist.")


class ArrangementNotOpen(Conflict):
    """It waits for no answer of this kind: it was answered, has lapsed, ended, or is no counter-proposal."""

    code = "arrangement-not-open"

    def __init__(self, arrangement_id: ArrangementId, state: State, refusal: Refusal) -> None:
        super().__init__(f"Arrangement {arrangement_id} is {state.replace('_', ' ')}. {REMEDIES[refusal]}")


class AnswerInvalid(Invalid):
    """The answer to a counter-proposal lacks something. Each entry of `errors` says what."""

    code = "answer-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("This is no answer to a counter-proposal.", faults=faults)
