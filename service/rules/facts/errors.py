"""Expected failures of a tenant's own facts."""

from collections.abc import Sequence

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import FactId


class FactNotFound(NotFound):
    """The tenant has declared no such fact."""

    code = "fact-not-found"

    def __init__(self, fact_id: FactId) -> None:
        super().__init__(f"Fact {fact_id} does not exist.")


class FactNameTaken(Conflict):
    """The tenant has declared a fact of this name already."""

    code = "fact-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A fact {name!r} is declared already; change that one.")


class FactInUse(Conflict):
    """A policy in effect, or one that will be, reads the fact."""

    code = "fact-in-use"

    def __init__(self, name: str, policies: Sequence[str]) -> None:
        readers = ", ".join(repr(policy) for policy in policies)
        super().__init__(
            f"The fact {name!r} is read by what is published of {readers}; publish a version that does not"
            " read it first."
        )


class FactInvalid(Invalid):
    """A fact cannot be declared as it stands."""

    code = "fact-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The fact cannot be declared as it stands.", faults=faults)
