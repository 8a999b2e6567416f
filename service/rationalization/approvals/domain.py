"""Where an approval stands: a pure function of what was asked and answered.

Whoever answers first decides: an approval, once granted, refused, expired or withdrawn, stays so, whatever is
told of it afterwards. An edit of what was asked for makes all answers before it void.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose consent is wanted.

    Attributes:
        seats: roles and groups, by name. Whoever holds one of them may answer.
        everyone: whether each seat must be taken; one member may take several that it holds.
        persons_min: how many different members at least.
    """

    seats: frozenset[str]
    everyone: bool = False
    persons_min: int = 1

    def __post_init__(self) -> None:
        if not self.seats:
            raise ValueError("an approval says by whom")
        if self.persons_min < 1:
            raise ValueError("an approval needs somebody")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under the gate's lock."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_Entry):
    """It was asked for, or asked for anew after what it is about was edited.

    Attributes:
        requester: who wants what is to be approved, if it is a member.
        deadline_at: the last instant at which an answer counts; None for none.
    """

    wanted: Wanted
    requester: MemberId | None
    deadline_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(_Entry):
    """Somebody answered.

    Attributes:
        seats: what the member held at that time, by itself or for somebody who is away.
        on_behalf_of: for whom, when it answered for somebody who is away.
    """

    by: MemberId
    seats: frozenset[str]
    approves: bool
    on_behalf_of: MemberId | None = None

    @property
    def people(self) -> frozenset[MemberId]:
        """Who must not be the requester."""
        return frozenset({self.by} if self.on_behalf_of is None else {self.by, self.on_behalf_of})


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(_Entry):
    """What it is about is no longer wanted."""


Entry: TypeAlias = Asked | Answered | Withdrawn


class State(StrEnum):
    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Refusal(StrEnum):
    """Why an answer, an edit or a withdrawal is not taken."""

    OWN_REQUEST = "own_request"
    NOT_ASKED = "not_asked"
    DECIDED = "decided"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an approval stands.

    Attributes:
        since: when it came to stand so.
        approved_by: who approved so far, in the order of their answers; each once.
        seats_open: the seats that nobody has taken yet, where each is wanted.
        persons_missing: how many more different members are needed at least.
        deadline_at: of what was asked last.
    """

    state: State
    since: datetime
    approved_by: tuple[MemberId, ...]
    seats_open: frozenset[str]
    persons_missing: int
    deadline_at: datetime | None


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What cannot be taken, by `refusal`, counts for nothing.

    Raises:
        ValueError: the first entry does not ask for anything.
    """
    if not entries or not isinstance(entries[0], Asked):
        raise ValueError("nothing was asked for")
    found = _begun(entries[0])
    asked = entries[0]
    for entry in entries[1:]:
        if refusal(asked, found, entry) is None:
            asked = entry if isinstance(entry, Asked) else asked
            found = _after(asked, found, entry)
    return _at(found, now)


def refusal(asked: Asked, before: Standing, entry: Entry) -> Refusal | None:
    """Why an entry cannot be taken, if so.

    Args:
        asked: what was asked last.
        before: where it stood before the entry.
        entry: the new one.
    """
    match _at(before, entry.at).state:
        case State.EXPIRED if not isinstance(entry, Asked):
            return Refusal.EXPIRED
        case State.WITHDRAWN:
            return Refusal.WITHDRAWN
        case State.GRANTED | State.REFUSED if not isinstance(entry, Asked):
            return Refusal.DECIDED
        case _ if isinstance(entry, Answered):
            return _refusal_of_answer(asked, entry)
        case _:
            return None


def _refusal_of_answer(asked: Asked, answer: Answered) -> Refusal | None:
    if asked.requester in answer.people:
        return Refusal.OWN_REQUEST
    return None if answer.seats & asked.wanted.seats else Refusal.NOT_ASKED


def _begun(asked: Asked) -> Standing:
    return Standing(
        state=State.PENDING,
        since=asked.at,
        approved_by=(),
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
        case Answered(approves=False):
            return _changed(before, State.REFUSED, entry.at)
        case Answered():
            return _approved(asked, before, entry)


def _approved(asked: Asked, before: Standing, answer: Answered) -> Standing:
    people = tuple(dict.fromkeys([*before.approved_by, answer.by]))
    seats_open = before.seats_open - answer.seats
    missing = max(asked.wanted.persons_min - len(people), 0)
    is_granted = not seats_open and missing == 0
    after = replace(before, approved_by=people, seats_open=seats_open, persons_missing=missing)
    return _changed(after, State.GRANTED, answer.at) if is_granted else after


def _at(found: Standing, now: datetime) -> Standing:
    """The same at a later instant: what is pending after its deadline has expired."""
    if found.state is State.PENDING and found.deadline_at is not None and now > found.deadline_at:
        return _changed(found, State.EXPIRED, found.deadline_at)
    return found


def _changed(found: Standing, state: State, since: datetime) -> Standing:
    return replace(found, state=state, since=since)
