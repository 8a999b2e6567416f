"""What was agreed with requesters in counter-proposals, where it can be carried over. Pure.

An agreement is about what was offered. So it holds where both sides offer that; then it counts on both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.backtests.cases import Agreed
from service.backtests.effects import Effect
from service.backtests.ruling import Ruling, Side
from service.backtests.tellings import Point, Told
from service.ids import EventId
from service.rationalization.arrangements import terms
from service.rationalization.kind import RATIONALIZATION


def left_out(told: Told, rulings: Sequence[Sequence[Ruling]], sides: Sequence[Side]) -> EventId | None:
    """The event of the first agreement that cannot be carried over, if there is one.

    Args:
        told: the request.
        rulings: what each side says to each of its points.
        sides: both of them.
    """
    at = 0
    for telling in told.tellings:
        agreed = telling.agreed
        if agreed is not None and not (
            all(_offers(each[at - 1], agreed) for each in rulings) and _is_one_offer(agreed, sides)
        ):
            return telling.event.id
        at += len(telling.points)
    return None


def _offers(ruling: Ruling, agreed: Agreed) -> bool:
    return _waits(ruling) and ruling.proposal.get("proposal") == agreed.proposal


def _waits(ruling: Ruling) -> bool:
    """Whether it has the request wait for whoever asked."""
    return ruling.effect is Effect.WAITS


def _is_one_offer(agreed: Agreed, sides: Sequence[Side]) -> bool:
    """Whether what is written comes to the same: a window of another calendar is another window."""
    calendar = agreed.proposal.get("window", {}).get("calendar")
    return calendar is None or len({side.calendar(calendar) for side in sides}) == 1


@dataclass(frozen=True, slots=True)
class _Standing:
    """An agreement that stands, and the ruling that offered it."""

    agreed: Agreed
    offer: Ruling

    def holds(self, point: Point, ruling: Ruling) -> bool:
        """Whether it stands beside this: by the same rule or by none, as long as the request is as agreed."""
        said = point.facts["request"]
        is_settled = ruling.is_plain or _ruled(ruling) == _ruled(self.offer)
        return is_settled and terms.holds(self.agreed.terms, said, said["type"])


def _ruled(ruling: Ruling) -> tuple[object, ...]:
    """By which rule what is said."""
    return ruling.rules.get(RATIONALIZATION.name), ruling.verdict, ruling.proposal, ruling.gates


def effects(told: Told, rulings: Sequence[Ruling]) -> list[Effect]:
    """What each ruling does to its request: nothing where what it offers was agreed, and still holds."""
    found: list[Effect] = []
    standing: _Standing | None = None
    for telling in told.tellings:
        at = len(found)
        ours = rulings[at : at + len(telling.points)]
        if telling.agreed is not None:
            standing = _Standing(telling.agreed, rulings[at - 1])
        if standing is not None and ours and not standing.holds(telling.points[-1], ours[-1]):
            standing = None
        found += [
            Effect.NONE if standing is not None and _waits(ruling) else ruling.effect for ruling in ours
        ]
    return found
