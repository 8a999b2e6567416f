"""What becomes of an arrangement when its request is decided anew. Pure."""

from enum import StrEnum

from service.rationalization.arrangements import terms
from service.rationalization.arrangements.domain import GATED, State, VerdictKind
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.matters import Matter

AGREED = GATED | {State.AGREED}
"""Of a counter-proposal: the requester took it."""

ANSWERED = frozenset({State.LAPSED, State.REFUSED})
"""What came of it is about what was asked for then; once that was edited it is asked anew."""


class Course(StrEnum):
    KEEP = "keep"
    REPLACE = "replace"
    """What follows from the new verdict takes its place."""
    DROP = "drop"
    """Nothing follows from the new verdict: work may start."""


def course(current: Arrangement, draft: Arrangement | None, matter: Matter, *, is_edited: bool) -> Course:
    """What is to be done with what was arranged.

    What an objection overturned, or what was agreed and still holds, stands against the same rule and against
    none. What was carried over goes on elsewhere, whatever is decided on it here.

    Args:
        current: what became of the verdict before.
        draft: what would become of the new one; None where nothing follows from it.
        matter: the request as it is now.
        is_edited: whether what is asked for is not what it was.
    """
    if current.state is State.REDIRECTED and current.carried_to is not None:
        return Course.KEEP
    stands = _is_settled(current, matter)
    if draft is None:
        return Course.KEEP if stands else Course.DROP
    if not is_same_ruling(current, draft):
        return Course.REPLACE
    if stands:
        return Course.KEEP
    is_answered = current.state in ANSWERED or _is_agreed(current)
    is_new = is_edited and (is_answered or current.proposal != draft.proposal)
    return Course.REPLACE if is_new or current.reason != draft.reason else Course.KEEP


def is_same_ruling(one: Arrangement, other: Arrangement) -> bool:
    """Whether the same rule gives the same verdict, whatever its terms come to."""
    return _rule_of(one) == _rule_of(other) and one.verdict == other.verdict


def _is_settled(current: Arrangement, matter: Matter) -> bool:
    if current.state is State.OVERTURNED:
        return True
    return _is_agreed(current) and terms.holds(current.proposal, matter.facts, matter.type.value)


def _is_agreed(current: Arrangement) -> bool:
    return current.standing.verdict is VerdictKind.ADJUST and current.state in AGREED


def _rule_of(arrangement: Arrangement) -> tuple[object, ...] | None:
    ruled_by = arrangement.ruled_by
    return None if ruled_by is None else (ruled_by.policy_id, ruled_by.rule_id)
