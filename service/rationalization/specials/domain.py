"""Where a special method stands: a deviation from the norm that is allowed for a while, and undone after it.

It may be used from its approval up to its end and at no other time; it ends by itself; and whoever undoes it
says how it went.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from service.ids import PolicyId, PolicyVersionId, SpecialMethodId

USUAL_REMINDERS = frozenset({timedelta(days=7), timedelta(days=1)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The rule that allows a deviation.

    Attributes:
        because: why, as the requester is told.
    """

    policy_id: PolicyId
    policy_version_id: PolicyVersionId
    rule_id: str
    because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry says. Entries come in the order in which they were recorded, under one lock."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(_Entry):
    """It was asked for.

    Attributes:
        lasts: how long it may be used once it is approved.
        remind_before: how long before its end somebody is reminded, each once.
    """

    lasts: timedelta
    remind_before: frozenset[timedelta] = USUAL_REMINDERS

    def __post_init__(self) -> None:
        if self.lasts <= timedelta(0):
            raise ValueError("a special method lasts for a while")
        if any(span <= timedelta(0) for span in self.remind_before):
            raise ValueError("reminders come before the end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(_Entry):
    """It may be used from now on."""

    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(_Entry):
    """It may not be used."""

    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared(_Entry):
    """It was seen whether it makes a pattern with others that were approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded(_Entry):
    """Somebody was told that it ends so long later, or sooner."""

    before: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(_Entry):
    """That its end has come was noticed, and told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_Entry):
    """It was ended before its time, or withdrawn before it was approved."""

    because: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked(_Entry):
    """What was found when it was over: whether it is undone, and how it went, or why it is not."""

    undone: bool
    result: str
    by: str = ""


Entry: TypeAlias = Proposed | Approved | Refused | Compared | Reminded | Expired | Ended | Checked


class State(StrEnum):
    PROPOSED = "proposed"
    ALLOWED = "allowed"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Its end came: it may not be used any more, and is to be undone and checked."""
    ENDED = "ended"
    """It was ended before its time, and is to be undone and checked."""
    WITHDRAWN = "withdrawn"
    CHECKED = "checked"
    """It is undone."""


OPEN = frozenset({State.PROPOSED, State.ALLOWED})
TO_BE_UNDONE = frozenset({State.EXPIRED, State.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a special method stands.

    Attributes:
        since: when it came to stand so.
        approved_at: the first instant at which it may be used; None until it was approved.
        ends_at: the last one.
        undone: what the last check says; None until there was one.
    """

    state: State
    since: datetime
    approved_at: datetime | None = None
    ends_at: datetime | None = None
    undone: bool | None = None


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. What comes too late, or does not fit, counts for nothing.

    Raises:
        ValueError: the first entry proposes nothing.
    """
    proposed = _proposed(entries)
    found = Standing(state=State.PROPOSED, since=proposed.at)
    for entry in entries[1:]:
        found = _after(_at(found, entry.at), entry, lasts=proposed.lasts)
    return _at(found, now)


def stood_at(entries: Sequence[Entry], at: datetime) -> Standing:
    """Where it stood at an instant, as far as was known then: a later end takes nothing back."""
    proposed = _proposed(entries)
    known = [entry for entry in entries[1:] if entry.at <= at]
    return standing([proposed, *known], max(at, proposed.at))


def may_be_used(entries: Sequence[Entry], at: datetime) -> bool:
    """Whether it may be used at an instant, as far as is known then."""
    return stood_at(entries, at).state is State.ALLOWED


def is_to_be_compared(entries: Sequence[Entry], now: datetime) -> bool:
    """Whether nobody has seen yet if it makes a pattern, since it was approved."""
    is_approved = standing(entries, now).approved_at is not None
    return is_approved and not any(isinstance(entry, Compared) for entry in entries)


def next_wake_up(entries: Sequence[Entry], now: datetime) -> datetime | None:
    """When it is to be compared, somebody is to be reminded, or it ends by itself, whatever comes first."""
    found = standing(entries, now)
    if is_to_be_compared(entries, now):
        return found.approved_at
    if found.state is not State.ALLOWED or found.ends_at is None:
        return None
    reminders = [found.ends_at - span for span in _reminders_left(entries)]
    return min([*reminders, after(found.ends_at)])


def reminder_due(entries: Sequence[Entry], now: datetime) -> timedelta | None:
    """Of what somebody is to be reminded now; of several that are due, the one nearest to the end."""
    found = standing(entries, now)
    if found.state is not State.ALLOWED or found.ends_at is None:
        return None
    left = found.ends_at - now
    return min((span for span in _reminders_left(entries) if span >= left), default=None)


def after(ends_at: datetime) -> datetime:
    """The first instant at which it may not be used any more."""
    return ends_at + timedelta.resolution


@dataclass(frozen=True, slots=True, order=True)
class Precedent:
    """An exception that was approved."""

    approved_at: datetime
    id: SpecialMethodId


def pattern_of(
    precedents: Iterable[Precedent], own: Precedent, *, within: timedelta, how_many: int
) -> list[Precedent]:
    """The exceptions that make a pattern with one of them; none where they are too few.

    Args:
        precedents: similar exceptions, with or without `own`, in any order.
        own: the one that was approved now.
        within: the period; of what lies just so far apart only one counts.
        how_many: make a pattern.

    Returns:
        Those of the period with the most of them, of which `own` is one, in the order of their approval.
    """
    near = sorted({own, *(each for each in precedents if abs(each.approved_at - own.approved_at) < within)})
    periods = [
        [each for each in near if last.approved_at - within < each.approved_at <= last.approved_at]
        for last in near
        if last >= own
    ]
    longest = max((period for period in periods if own in period), key=len)
    return longest if len(longest) >= how_many else []


def _proposed(entries: Sequence[Entry]) -> Proposed:
    if not entries or not isinstance(entries[0], Proposed):
        raise ValueError("nothing was proposed")
    return entries[0]


def _reminders_left(entries: Sequence[Entry]) -> list[timedelta]:
    """What is still to be told before the end: what fits, and is nearer to it than what was told last."""
    fits = _proposed(entries).lasts
    told = min((entry.before for entry in entries if isinstance(entry, Reminded)), default=fits)
    return [span for span in _proposed(entries).remind_before if span < min(told, fits)]


def _at(found: Standing, now: datetime) -> Standing:
    """The same at a later instant: it ends by itself."""
    if found.state is not State.ALLOWED or found.ends_at is None or now <= found.ends_at:
        return found
    return replace(found, state=State.EXPIRED, since=found.ends_at)


def _after(found: Standing, entry: Entry, *, lasts: timedelta) -> Standing:
    match found.state, entry:
        case State.PROPOSED, Approved(at=at):
            return replace(found, state=State.ALLOWED, since=at, approved_at=at, ends_at=at + lasts)
        case State.PROPOSED, Refused():
            state = State.REFUSED
        case State.PROPOSED, Ended():
            state = State.WITHDRAWN
        case State.ALLOWED, Ended():
            state = State.ENDED
        case ((State.EXPIRED | State.ENDED), Checked(undone=False)):
            return replace(found, undone=False)
        case ((State.EXPIRED | State.ENDED), Checked(undone=True)):
            return replace(found, state=State.CHECKED, since=entry.at, undone=True)
        case _:
            return found
    return replace(found, state=state, since=entry.at)
