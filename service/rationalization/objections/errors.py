"""Expected failures of objections."""

from collections.abc import Mapping, Sequence

from service.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from service.ids import ObjectionId
from service.rationalization.objections.domain import Refusal


class ObjectionNotFound(NotFound):
    """There is no such objection, or not for this caller."""

    code = "objection-not-found"

    def __init__(self, objection_id: ObjectionId) -> None:
        super().__init__(f"Objection {objection_id} does not exist.")


class ObjectionExists(Conflict):
    """Whoever objects to something does so once at a time."""

    code = "objection-exists"

    def __init__(self, kind: str) -> None:
        super().__init__(f"You have objected to this {kind} already, and nobody has decided on that yet.")


class ObjectionFinal(Conflict):
    """An objection was decided. It is final unless what it is about is decided anew."""

    code = "objection-final"

    def __init__(self, objection_id: ObjectionId, state: str, reason: str) -> None:
        super().__init__(f"Objection {objection_id} to the same was {state}, which is final: {reason}")


class ObjectionSettled(Conflict):
    """What was decided or withdrawn takes neither a decision nor a withdrawal."""

    code = "objection-settled"

    def __init__(self, objection_id: ObjectionId, state: str) -> None:
        super().__init__(f"Objection {objection_id} is {state} already.")


class ObjectionSubjectPast(Conflict):
    """What is objected to does not hold any more."""

    code = "objection-subject-past"

    def __init__(self, kind: str) -> None:
        super().__init__(f"This {kind} does not hold any more; object to what does.")


class ObjectionDeciderInvolved(Forbidden):
    """An objection is decided by somebody other than who decided first, who objects, and who asks for it."""

    code = "objection-decider-involved"

    def __init__(self, part: Refusal) -> None:
        super().__init__(f"{_PARTS[part]}; another admin or manager decides.")


_PARTS: Mapping[Refusal, str] = {
    Refusal.OWN_OBJECTION: "You object to it yourself, or it was raised from your mail address",
    Refusal.OWN_DECISION: "You decided what is objected to, or wrote or approved the rule that did",
    Refusal.OWN_DEMAND: "You asked for what it is about, edited or assessed it, or agreed to it for who asks",
}


class ObjectionDeciderUnknown(Forbidden):
    """Only a member decides an objection: an application that acts by itself is nobody in particular."""

    code = "objection-decider-unknown"

    def __init__(self) -> None:
        super().__init__("An objection is decided by a member; log in as one.")


class ObjectionOfAnother(Forbidden):
    """An objection is withdrawn by whoever raised it."""

    code = "objection-of-another"

    def __init__(self) -> None:
        super().__init__("Somebody else objects; only they can withdraw that. Decide on it instead.")


class ObjectionTermsInvalid(Invalid):
    """Objections cannot be promised to be decided so. Each entry of `errors` says why."""

    code = "objection-terms-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("Objections cannot be decided by these terms.", faults=faults)
