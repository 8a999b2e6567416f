"""Where an objection stands: somebody concerned does not agree with a verdict, a promise or an arrangement.

It has a clock of its own, and is decided by somebody other than who decided first. Time never decides it:
what nobody decided in time is overdue, and goes on until somebody does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under one lock."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised(_Entry):
    """Somebody objected.

    Attributes:
        by: who, if it is a member.
        decided_by: the members who decided what is objected to, or who wrote the rule that did.
        due_at: by when it is to be decided.
    """

    by: MemberId | None
    decided_by: frozenset[MemberId]
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


class Refusal(StrEnum):
    """Why a decision or a withdrawal is not taken."""

    OWN_OBJECTION = "own_objection"
    OWN_DECISION = "own_decision"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an objection stands.

    Attributes:
        since: when it came to stand so.
        reason: what was said when it was decided.
        overdue: whether it was not decided in time, so far or at all.
    """

    state: State
    since: datetime
    due_at: datetime
    reason: str | None = None
    overdue: bool = False


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What cannot be taken, by `refusal`, counts for nothing.

    Raises:
        ValueError: the first entry raises nothing.
    """
    if not entries or not isinstance(entries[0], Raised):
        raise ValueError("nobody objected")
    raised = entries[0]
    found = Standing(state=State.OPEN, since=raised.at, due_at=raised.due_at)
    for entry in entries[1:]:
        if refusal(raised, found, entry) is None:
            found = _after(found, entry)
    ended_at = now if found.state is State.OPEN else found.since
    return replace(found, overdue=ended_at > found.due_at)


def refusal(raised: Raised, before: Standing, entry: Entry) -> Refusal | None:
    """Why an entry cannot be taken after what was before it, if so."""
    if before.state is not State.OPEN or isinstance(entry, Raised):
        return Refusal.SETTLED
    if isinstance(entry, Withdrawn):
        return None
    if entry.by == raised.by:
        return Refusal.OWN_OBJECTION
    return Refusal.OWN_DECISION if entry.by in raised.decided_by else None


def next_wake_up(entries: Sequence[Entry], now: datetime) -> datetime | None:
    """When it will be overdue, if nobody decides until then."""
    found = standing(entries, now)
    return found.due_at + timedelta.resolution if found.state is State.OPEN and not found.overdue else None


def _after(found: Standing, entry: Entry) -> Standing:
    match entry:
        case Decided(upholds=upholds, reason=reason):
            state = State.UPHELD if upholds else State.REJECTED
            return replace(found, state=state, since=entry.at, reason=reason)
        case Withdrawn():
            return replace(found, state=State.WITHDRAWN, since=entry.at)
        case Raised():
            return found
