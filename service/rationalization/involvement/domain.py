"""Who does not decide on something, since it is of their making. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId


class Hand(StrEnum):
    """What a member did about what is to be approved. Of several the first is told as the reason.

    Plans and evidence that a member puts on record are no such thing: they say what others can look at, and
    a test is well signed off by whoever ran it. A risk assessment is a judgement, and settles how many
    people have to consent.
    """

    AGREED = "agreed"
    """Took a counter-proposal in the requester's place."""
    EDITED = "edited"
    """Changed what is asked for."""
    ASSESSED = "assessed"
    """Gave the answers by which its risk was scored last."""


class Chance(StrEnum):
    """What lets a member have a hand in something without being seen; in nobody's way by itself."""

    LINK = "link"
    """Was told the address by which whoever has it agrees as the requester."""


Hands: TypeAlias = Mapping[Hand, frozenset[MemberId]]
"""Who did what."""


def in_the_way(hands: Hands, people: frozenset[MemberId]) -> Hand | None:
    """Why none of these people decides, nor anybody for them; None where nothing is in the way."""
    return next((hand for hand in Hand if hands.get(hand, frozenset()) & people), None)


def everybody(hands: Hands) -> frozenset[MemberId]:
    """All who had a hand in it."""
    return frozenset[MemberId]().union(*hands.values())
