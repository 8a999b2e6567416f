"""Who answers for whom in absence: a pure function of what members agreed on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.ids import DelegationId, MemberId

SPAN_MAX = timedelta(days=366)


class State(StrEnum):
    AHEAD = "ahead"
    ACTIVE = "active"
    OVER = "over"
    ENDED = "ended"
    """Taken back before its time was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A member answers for another one for a while.

    Attributes:
        member_id: who is away.
        deputy_id: who answers meanwhile.
        until_at: the first instant at which it does not count any more.
        seats: the roles and groups that it is for; None for all that the member holds.
        given_by: who said so, as the audit trail calls them.
        ended_at: when it was taken back, if it was.
    """

    id: DelegationId
    member_id: MemberId
    deputy_id: MemberId
    from_at: datetime
    until_at: datetime
    seats: frozenset[str] | None = None
    because: str = ""
    given_by: str = ""
    created_at: datetime
    ended_at: datetime | None = None
    version: int = 1

    @property
    def over_at(self) -> datetime:
        """The first instant at which it does not count any more, whatever the reason."""
        return self.until_at if self.ended_at is None else min(self.until_at, self.ended_at)

    def covers(self, seats: frozenset[str]) -> frozenset[str]:
        """Those of the member's seats that the deputy answers for."""
        return seats if self.seats is None else seats & self.seats


class Fault(StrEnum):
    """What is wrong with a delegation that is to be."""

    TO_ITSELF = "to_itself"
    NO_TIME = "no_time"
    PAST = "past"
    TOO_LONG = "too_long"
    OVERLAPS = "overlaps"


def state(delegation: Delegation, now: datetime) -> State:
    """Where it stands at `now`."""
    if delegation.ended_at is not None and now >= delegation.ended_at:
        return State.ENDED
    if now < delegation.from_at:
        return State.AHEAD
    return State.ACTIVE if now < delegation.until_at else State.OVER


def overlap(one: Delegation, other: Delegation) -> bool:
    """Would two members answer for the same one at the same time for the same seat?"""
    if one.member_id != other.member_id:
        return False
    begins, ends = max(one.from_at, other.from_at), min(one.over_at, other.over_at)
    return begins < ends and _share_a_seat(one, other)


def _share_a_seat(one: Delegation, other: Delegation) -> bool:
    return one.seats is None or other.seats is None or bool(one.seats & other.seats)


def faults(new: Delegation, known: Iterable[Delegation], now: datetime) -> list[Fault]:
    """What is wrong with a new one, beside those there are."""
    wrong = {
        Fault.TO_ITSELF: new.member_id == new.deputy_id,
        Fault.NO_TIME: new.until_at <= new.from_at,
        Fault.PAST: new.until_at <= now,
        Fault.TOO_LONG: new.until_at - new.from_at > SPAN_MAX,
        Fault.OVERLAPS: any(overlap(new, each) for each in known),
    }
    return [fault for fault, is_so in wrong.items() if is_so]
