"""Expected failures of this slice."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from service.errors import Conflict, Fault, Invalid, NotFound
from service.ids import MemberId


class RotaNotFound(NotFound):
    """There is no such rota for this tenant."""

    code = "rota-not-found"

    def __init__(self, rota: UUID) -> None:
        super().__init__(f"Rota {rota} does not exist.")


class RotaInvalid(Invalid):
    """What is written of a rota, or agreed beside it, cannot stand as it is."""

    code = "rota-invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The rota cannot stand as it is; `errors` says where and why.", faults=faults)


class RotaNameTaken(Conflict):
    """Another rota has this name already."""

    code = "rota-name-taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A rota {name!r} exists already; change it, or choose another name.")


class RotaInUse(Conflict):
    """A ladder names the rota, and would tell nobody without it."""

    code = "rota-in-use"

    def __init__(self, name: str, ladders: Iterable[str]) -> None:
        named = ", ".join(map(repr, sorted(ladders)))
        super().__init__(f"Rota {name!r} is named by the ladder {named}; take it out there first.")


class RotaOverrideNotFound(NotFound):
    """There is no such override of this rota."""

    code = "rota-override-not-found"

    def __init__(self, override: UUID) -> None:
        super().__init__(f"Override {override} does not exist.")


class RotaFeedNotFound(NotFound):
    """There is no such link to this rota, or it was revoked."""

    code = "rota-feed-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such link to a rota, or it was revoked.")


class NotOnShift(Conflict):
    """A member whose shift is to be swapped has none then."""

    code = "not-on-shift"

    def __init__(self, member: MemberId, at: datetime) -> None:
        super().__init__(
            f"Member {member} has no shift at {at.isoformat()}; the shifts of the rota say whose it is."
        )


class ShiftNotSwappable(Conflict):
    """A shift cannot be swapped: it is over, or has no end near enough."""

    code = "shift-not-swappable"


class ShiftsTooMany(Invalid):
    """Shifts are asked for over a longer stretch than one call may look at, or one that ends too early."""

    code = "shifts-too-many"
