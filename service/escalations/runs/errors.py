"""Expected failures of this sub-slice."""

from datetime import datetime

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import EscalationId
from service.instants import rfc3339


class EscalationNotFound(NotFound):
    """There is no such run of a ladder, or not for this caller."""

    code = "escalation-not-found"

    def __init__(self, escalation_id: EscalationId) -> None:
        super().__init__(f"Escalation {escalation_id} does not exist.")


class EscalationOver(Conflict):
    """The ladder is climbed no more."""

    code = "escalation-over"

    def __init__(self, escalation_id: EscalationId, cause: str) -> None:
        super().__init__(f"Escalation {escalation_id} ended ({cause}); nobody is told any more.")


class EscalationTaken(Conflict):
    """Somebody else has acknowledged it."""

    code = "escalation-taken"

    def __init__(self, name: str, since: datetime) -> None:
        super().__init__(
            f"{name} has had it since {rfc3339(since)}. To take it all the same, have it handed over to you."
        )


class EscalationUnderWay(Conflict):
    """The ladder is being climbed for this promise."""

    code = "escalation-under-way"

    def __init__(self, ladder: str, escalation_id: EscalationId) -> None:
        super().__init__(
            f"The ladder {ladder!r} is climbed for this promise already: escalation {escalation_id}. Raise it"
            " to a step instead."
        )


class NothingToEscalate(Conflict):
    """The request has no promise that runs."""

    code = "nothing-to-escalate"

    def __init__(self) -> None:
        super().__init__("No promise of this request runs, so that there is nothing to tell anybody of.")


class EscalationInvalid(Invalid):
    """What is to be done with a run cannot be done so."""

    code = "escalation-invalid"

    def __init__(self, fault: Fault) -> None:
        super().__init__("The escalation stays as it is.", faults=[fault])
