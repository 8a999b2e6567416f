"""Where an approval stands: a pure function of what was asked and answered.

Whoever answers first decides: an approval, once granted, refused, expired or withdrawn, stays so, whatever is
answered afterwards; one that nobody answered in time may still be withdrawn. What is asked anew makes all
answers before it void. A high risk that is found wants a second person, and what one alone had granted is
pending again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.ids import MemberId
from service.rationalization.approvals.domain.ledger import (
    TWO,
    Answered,
    Asked,
    Entry,
    Lapsed,
    TwoNeeded,
    Wanted,
    Withdrawn,
    by_two,
    voices,
)
from service.rationalization.involvement import domain as involvement
from service.rationalization.involvement.domain import Hand

__all__ = [
    "OWN",
    "TWO",
    "Answered",
    "Asked",
    "Entry",
    "Lapsed",
    "Refusal",
    "Standing",
    "State",
    "TwoNeeded",
    "Wanted",
    "WhyNot",
    "Withdrawn",
    "asked_last",
    "by_two",
    "refusal",
    "standing",
    "voices",
    "why_not",
]


class State(StrEnum):
    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Refusal(StrEnum):
    """Why an answer, an edit or a withdrawal is not taken."""

    OWN_REQUEST = "own_request"
    OWN_AGREEMENT = "own_agreement"
    OWN_EDIT = "own_edit"
    OWN_ASSESSMENT = "own_assessment"
    NOT_ASKED = "not_asked"
    DECIDED = "decided"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


OWN: Mapping[Hand, Refusal] = {
    Hand.AGREED: Refusal.OWN_AGREEMENT,
    Hand.EDITED: Refusal.OWN_EDIT,
    Hand.ASSESSED: Refusal.OWN_ASSESSMENT,
}
"""Why nobody decides on what they had a hand in."""


class WhyNot(StrEnum):
    """Why a member may not answer, whatever it would say. Of several reasons the first counts."""

    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DECIDED = "decided"
    OWN_REQUEST = "own_request"
    OWN_AGREEMENT = "own_agreement"
    OWN_EDIT = "own_edit"
    OWN_ASSESSMENT = "own_assessment"
    ANSWERED = "answered"
    """It approved already. It may still refuse, as long as nothing is decided."""
    NOT_ASKED = "not_asked"
    NOT_A_MEMBER = "not_a_member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an approval stands.

    Attributes:
        since: when it came to stand so.
        approvals: the consents that count so far, in the order in which they were given.
        refused_by: the answer that refused it, if one did.
        seats_open: the seats that nobody has taken yet, where each is wanted.
        persons_missing: how many more different members are needed at least.
        deadline_at: of what was asked last.
    """

    state: State
    since: datetime
    approvals: tuple[Answered, ...] = ()
    refused_by: Answered | None = None
    seats_open: frozenset[str]
    persons_missing: int
    deadline_at: datetime | None

    @property
    def approved_by(self) -> tuple[MemberId, ...]:
        """Who approved so far, each once."""
        return tuple(dict.fromkeys(answer.by for answer in self.approvals))

    @property
    def answers(self) -> tuple[Answered, ...]:
        """All that was answered and counts."""
        return self.approvals if self.refused_by is None else (*self.approvals, self.refused_by)


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What cannot be taken, by `refusal`, counts for nothing.

    Raises:
        ValueError: the first entry does not ask for anything.
    """
    return _stood(entries, now)[1]


def asked_last(entries: Sequence[Entry]) -> Asked:
    """What is asked for now: what was asked last, with what was added since.

    Raises:
        ValueError: the first entry does not ask for anything.
    """
    return _stood(entries, entries[0].at)[0]


def refusal(asked: Asked, before: Standing, entry: Entry) -> Refusal | None:
    """Why an entry cannot be taken, if so.

    Args:
        asked: what was asked last.
        before: where it stood before the entry.
        entry: the new one.
    """
    match _at(before, entry.at).state:
        case State.WITHDRAWN:
            return Refusal.WITHDRAWN
        case State.EXPIRED if not isinstance(entry, Asked | Withdrawn | Lapsed):
            return Refusal.EXPIRED
        case State.GRANTED if not isinstance(entry, Asked | TwoNeeded):
            return Refusal.DECIDED
        case State.REFUSED if not isinstance(entry, Asked):
            return Refusal.DECIDED
        case _ if isinstance(entry, Answered):
            return _refusal_of_answer(asked, entry)
        case _:
            return None


def why_not(asked: Asked, found: Standing, consents: Sequence[Answered]) -> WhyNot | None:
    """Why a member may not answer; None if it may.

    Args:
        asked: what was asked last.
        found: where it stands.
        consents: what the member would say if it consented, in each of its capacities.
    """
    reasons = [_why_not(asked, found, consent) for consent in consents]
    if not reasons:
        return WhyNot.NOT_A_MEMBER
    order = list(WhyNot)
    return None if None in reasons else min((each for each in reasons if each is not None), key=order.index)


def _why_not(asked: Asked, found: Standing, consent: Answered) -> WhyNot | None:
    reason = refusal(asked, found, consent)
    if reason is not None:
        return WhyNot(reason.value)
    has_said_so = any(consent.says_the_same(each) for each in found.answers)
    return WhyNot.ANSWERED if has_said_so else None


def _stood(entries: Sequence[Entry], now: datetime) -> tuple[Asked, Standing]:
    if not entries or not isinstance(entries[0], Asked):
        raise ValueError("nothing was asked for")
    asked, found = entries[0], _begun(entries[0])
    for entry in entries[1:]:
        found = _at(found, entry.at)
        if refusal(asked, found, entry) is None:
            asked = _asked_after(asked, entry)
            found = _after(asked, found, entry)
    return asked, _at(found, now)


def _refusal_of_answer(asked: Asked, answer: Answered) -> Refusal | None:
    if asked.requesters & answer.people:
        return Refusal.OWN_REQUEST
    hand = involvement.in_the_way(asked.hands, answer.people)
    if hand is not None:
        return OWN[hand]
    return None if answer.seats & asked.wanted.seats else Refusal.NOT_ASKED


def _asked_after(asked: Asked, entry: Entry) -> Asked:
    match entry:
        case Asked():
            return entry
        case TwoNeeded():
            return replace(asked, wanted=by_two(asked.wanted))
        case _:
            return asked


def _begun(asked: Asked) -> Standing:
    return Standing(
        state=State.PENDING,
        since=asked.at,
        seats_open=asked.wanted.seats if asked.wanted.everyone else frozenset(),
        persons_missing=asked.wanted.persons_min,
        deadline_at=asked.deadline_at,
    )


def _after(asked: Asked, before: Standing, entry: Entry) -> Standing:
    match entry:
        case Asked():
            return _begun(entry)
        case Withdrawn():
            return _changed(before, State.WITHDRAWN, entry.at)
        case Lapsed():
            return before
        case TwoNeeded():
            return _by_two(asked, before, entry)
        case Answered(approves=False):
            return replace(_changed(before, State.REFUSED, entry.at), refused_by=entry)
        case Answered():
            return _approved(asked, before, entry)


def _approved(asked: Asked, before: Standing, answer: Answered) -> Standing:
    approvals = (*before.approvals, answer)
    after = replace(
        before,
        approvals=approvals,
        seats_open=before.seats_open - answer.seats,
        persons_missing=_missing(asked, approvals),
    )
    is_granted = not after.seats_open and after.persons_missing == 0
    return _changed(after, State.GRANTED, answer.at) if is_granted else after


def _by_two(asked: Asked, before: Standing, entry: TwoNeeded) -> Standing:
    missing = _missing(asked, before.approvals)
    if before.state is not State.GRANTED or missing == 0:
        return replace(before, persons_missing=missing)
    pending = _changed(before, State.PENDING, entry.at)
    return replace(pending, persons_missing=missing, deadline_at=entry.deadline_at)


def _missing(asked: Asked, approvals: Sequence[Answered]) -> int:
    return max(asked.wanted.persons_min - voices(approvals), 0)


def _at(found: Standing, now: datetime) -> Standing:
    """The same at a later instant: what is pending after its deadline has expired."""
    if found.state is State.PENDING and found.deadline_at is not None and now > found.deadline_at:
        return _changed(found, State.EXPIRED, found.deadline_at)
    return found


def _changed(found: Standing, state: State, since: datetime) -> Standing:
    return replace(found, state=state, since=since)
