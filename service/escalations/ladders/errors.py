"""Expected failures of ladders."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound


class LadderNotFound(NotFound):
    """There is no such ladder, or no such version of one, for this tenant."""

    code = "ladder-not-found"

    def __init__(self, ladder: UUID | str) -> None:
        super().__init__(f"Ladder {ladder} does not exist.")


class LadderNameTaken(Conflict):
    """Another ladder of the tenant has this name already."""

    code = "ladder-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a ladder {name!r} already; revise it, or choose another name.")


class LadderInvalid(Invalid):
    """A ladder cannot be climbed as it is written. Each entry of `errors` points at a place in the body."""

    code = "ladder-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The ladder cannot be climbed as it is written.", faults=faults)


class LadderRetired(Conflict):
    """The ladder is climbed no more already."""

    code = "ladder-retired"

    def __init__(self, name: str) -> None:
        super().__init__(f"The ladder {name!r} is retired already; a revision takes it up again.")


class LadderInUse(Conflict):
    """A policy in effect has the ladder climbed; without it nobody would be told."""

    code = "ladder-in-use"

    def __init__(self, name: str, policies: Iterable[str]) -> None:
        named = ", ".join(map(repr, sorted(policies)))
        super().__init__(f"The ladder {name!r} is climbed by the policy {named}; take it out there first.")
