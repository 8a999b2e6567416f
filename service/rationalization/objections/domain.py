"""Where an objection stands: somebody concerned does not agree with a verdict, a promise or an arrangement.

It has a clock of its own, and is decided by somebody other than who decided first. Time never decides it:
what nobody decided in time is overdue, and goes on until somebody does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId

METRIC = "objection"
"""What ladders and lists know the promise by that an objection is decided."""


class SubjectKind(StrEnum):
    """What is objected to."""

    ARRANGEMENT = "arrangement"
    """A verdict, and what was arranged by it."""
    DECISION = "decision"
    """The verdict of a decision that needed no arrangement."""
    COMMITMENT = "commitment"
    RENEGOTIATION = "renegotiation"
    SPECIAL_METHOD = "special_method"


class Cause(StrEnum):
    """Why, in one of the words that statistics go by."""

    WRONG_FACTS = "wrong_facts"
    UNEQUAL_TREATMENT = "unequal_treatment"
    HARDSHIP = "hardship"
    BETTER_ALTERNATIVE = "better_alternative"
    PROMISE_TOO_LATE = "promise_too_late"
    NOT_MY_REQUEST = "not_my_request"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under one lock."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised(_Entry):
    """Somebody objected.

    Attributes:
        due_at: by when it is to be decided.
    """

    due_at: datetime

    def __post_init__(self) -> None:
        if self.due_at <= self.at:
            raise ValueError("there must be time to decide on an objection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(_Entry):
    """Somebody decided on it, and says why."""

    by: MemberId
    upholds: bool
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("whoever decides on an objection says why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(_Entry):
    """Whoever objected does so no more."""


Entry: TypeAlias = Raised | Decided | Withdrawn


class State(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    """It was right: what is objected to is decided anew."""
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


DECIDED = frozenset({State.UPHELD, State.REJECTED})


class Refusal(StrEnum):
    """Why a decision or a withdrawal is not taken."""

    OWN_OBJECTION = "own_objection"
    OWN_DECISION = "own_decision"
    OWN_DEMAND = "own_demand"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """The members who may not decide on an objection.

    Attributes:
        objectors: who objected, in whatever part.
        deciders: who decided what is objected to, or wrote or approved the rule that did.
        askers: who wants what the verdict is about, or had a hand in it: it would be accepted by their word.
    """

    objectors: frozenset[MemberId] = frozenset()
    deciders: frozenset[MemberId] = frozenset()
    askers: frozenset[MemberId] = frozenset()

    @property
    def members(self) -> frozenset[MemberId]:
        return self.objectors | self.deciders | self.askers


NOBODY = Barred()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an objection stands.

    Attributes:
        since: when it came to stand so.
        reason: what was said when it was decided.
    """

    state: State
    since: datetime
    due_at: datetime
    reason: str | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it was not decided in time, so far or at all."""
        return (now if self.state is State.OPEN else self.since) > self.due_at


def standing(entries: Sequence[Entry], barred: Barred = NOBODY) -> Standing:
    """Where it stands after its entries. What cannot be taken, by `refusal`, counts for nothing.

    Raises:
        ValueError: the first entry raises nothing.
    """
    if not entries or not isinstance(entries[0], Raised):
        raise ValueError("nobody objected")
    raised = entries[0]
    found = Standing(state=State.OPEN, since=raised.at, due_at=raised.due_at)
    for entry in entries[1:]:
        if refusal(found, entry, barred) is None:
            found = after(found, entry)
    return found


def refusal(before: Standing, entry: Entry, barred: Barred) -> Refusal | None:
    """Why an entry cannot be taken after what was before it, if so."""
    if before.state is not State.OPEN or isinstance(entry, Raised):
        return Refusal.SETTLED
    if isinstance(entry, Withdrawn):
        return None
    if entry.by in barred.objectors:
        return Refusal.OWN_OBJECTION
    if entry.by in barred.deciders:
        return Refusal.OWN_DECISION
    return Refusal.OWN_DEMAND if entry.by in barred.askers else None


def after(found: Standing, entry: Entry) -> Standing:
    """Where it stands after an entry that is taken."""
    match entry:
        case Decided(upholds=upholds, reason=reason):
            state = State.UPHELD if upholds else State.REJECTED
            return replace(found, state=state, since=entry.at, reason=reason)
        case Withdrawn():
            return replace(found, state=State.WITHDRAWN, since=entry.at)
        case Raised():
            return found


def who_may_decide(leads: Collection[MemberId], barred: Barred) -> frozenset[MemberId]:
    """Those of the tenant's leads who have no part in what is objected to; nobody, if all of them have."""
    return frozenset(leads) - barred.members
