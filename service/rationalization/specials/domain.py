"""Where a special method stands: a deviation from the norm that is allowed for a while, and undone after it.

It may be used from its approval up to its end and at no other time; it ends by itself; and whoever runs it
says afterwards how it went.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

REMINDERS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under one lock."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(_Entry):
    """It was asked for.

    Attributes:
        ends_at: the last instant at which it may be used.
        remind_before: how long before its end somebody is reminded, each once.
    """

    ends_at: datetime
    remind_before: frozenset[timedelta] = frozenset()

    def __post_init__(self) -> None:
        if self.ends_at <= self.at:
            raise ValueError("a special method ends after it was asked for")
        if len(self.remind_before) > REMINDERS_MAX or any(
            span <= timedelta(0) for span in self.remind_before
        ):
            raise ValueError(f"at most {REMINDERS_MAX} reminders, all of them before the end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(_Entry):
    """It may be used from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Entry):
    """It may not be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_Entry):
    """It was ended before its time, or withdrawn before it was approved."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(_Entry):
    """What was found when it was over: whether it is undone, and whether it was worth it."""

    undone: bool
    result: str


Entry: TypeAlias = Proposed | Approved | Refused | Ended | Checked


class State(StrEnum):
    PROPOSED = "proposed"
    ALLOWED = "allowed"
    REFUSED = "refused"
    LAPSED = "lapsed"
    """Its end came before anybody approved it."""
    EXPIRED = "expired"
    """Its end came: it may not be used any more, and is to be undone and checked."""
    ENDED = "ended"
    """It was ended before its time, and is to be undone and checked."""
    WITHDRAWN = "withdrawn"
    CHECKED = "checked"


TO_BE_CHECKED = frozenset({State.EXPIRED, State.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a special method stands.

    Attributes:
        since: when it came to stand so.
        undone: what the check says; None until there was one.
    """

    state: State
    since: datetime
    ends_at: datetime
    undone: bool | None = None


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What comes too late, or does not fit, counts for nothing.

    Raises:
        ValueError: the first entry proposes nothing.
    """
    if not entries or not isinstance(entries[0], Proposed):
        raise ValueError("nothing was proposed")
    proposed = entries[0]
    found = Standing(state=State.PROPOSED, since=proposed.at, ends_at=proposed.ends_at)
    for entry in entries[1:]:
        found = _after(_at(found, entry.at), entry)
    return _at(found, now)


def is_taken(entries: Sequence[Entry], entry: Entry) -> bool:
    """Whether an entry still changes anything, after those before it."""
    before = standing(entries, entry.at)
    return _after(before, entry) != before


def may_be_used(entries: Sequence[Entry], at: datetime) -> bool:
    """Whether it may be used at an instant, as far as is known then."""
    return standing([entry for entry in entries if entry.at <= at], at).state is State.ALLOWED


def next_wake_up(entries: Sequence[Entry], now: datetime) -> datetime | None:
    """When somebody is to be reminded of its end, or it ends by itself, whatever comes first."""
    found, first = standing(entries, now), entries[0]
    if found.state not in {State.PROPOSED, State.ALLOWED} or not isinstance(first, Proposed):
        return None
    reminders = reminders_between(first, found, now, found.ends_at)
    return min([*reminders, found.ends_at + timedelta.resolution])


def reminders_between(
    proposed: Proposed, found: Standing, after: datetime, until: datetime
) -> list[datetime]:
    """When reminders fall due after one instant and up to another, in order; of what is allowed only."""
    if found.state is not State.ALLOWED:
        return []
    instants = (proposed.ends_at - span for span in proposed.remind_before)
    return sorted(at for at in instants if max(after, found.since) < at <= until)


def are_a_pattern(
    approved_at: Iterable[datetime], now: datetime, *, within: timedelta, how_many: int
) -> bool:
    """Whether so many similar exceptions were approved within the period that ends now."""
    return sum(now - within < at <= now for at in approved_at) >= how_many


def _at(found: Standing, now: datetime) -> Standing:
    """The same at a later instant: it ends by itself."""
    if now <= found.ends_at or found.state not in {State.PROPOSED, State.ALLOWED}:
        return found
    state = State.EXPIRED if found.state is State.ALLOWED else State.LAPSED
    return replace(found, state=state, since=found.ends_at)


def _after(found: Standing, entry: Entry) -> Standing:
    match found.state, entry:
        case State.PROPOSED, Approved():
            state = State.ALLOWED
        case State.PROPOSED, Refused():
            state = State.REFUSED
        case State.PROPOSED, Ended():
            state = State.WITHDRAWN
        case State.ALLOWED, Ended():
            state = State.ENDED
        case ((State.EXPIRED | State.ENDED), Checked(undone=undone)):
            return replace(found, state=State.CHECKED, since=entry.at, undone=undone)
        case _:
            return found
    return replace(found, state=state, since=entry.at)
