"""Where a renegotiation stands: what was proposed instead of a promise, and what the user says to it.

The promise is not touched: what is agreed is a promise of its own beside it, and both are measured. What is
told before the original due is told in advance; later is allowed, and called late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from service.commitments.domain import Silence

REMEDIES_MAX = 10


class RemedyKind(StrEnum):
    """What is offered so that the new promise stays close to the original one."""

    INTERIM_SERVICE = "interim_service"
    PART_DELIVERY = "part_delivery"
    WORKAROUND = "workaround"
    PRIORITY_HELP = "priority_help"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One of them, in words."""

    kind: RemedyKind
    description: str


class Reply(StrEnum):
    UNDERSTOOD = "understood"
    DECLINED = "declined"
    COUNTER = "counter"


class Channel(StrEnum):
    """How an answer came."""

    API = "api"
    """From an application of the client organization."""
    LINK = "link"
    """By the link that the requester was sent."""
    ON_BEHALF = "on_behalf"
    """Somebody of the tenant says what the user said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """It was told that a promise will not be kept, and what is promised instead.

    Attributes:
        at: when it was told.
        original_due_at: of the promise, as it stood then; None while its clock was paused.
        due_at: what is promised instead.
        reason: why the promise will not be kept.
        tried: what was tried in order to keep it.
        answer_by: how long the user has to answer.
        silence: what counts if nobody answers.
    """

    at: datetime
    original_due_at: datetime | None
    due_at: datetime
    reason: str
    tried: str = ""
    remedies: tuple[Remedy, ...]
    answer_by: datetime
    silence: Silence

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a renegotiation says why")
        if self.answer_by <= self.at:
            raise ValueError("there must be time for an answer")
        if len(self.remedies) > REMEDIES_MAX:
            raise ValueError(f"at most {REMEDIES_MAX} remedies")

    @property
    def answer_within(self) -> timedelta:
        """How long the user has to answer, and we to settle what they ask for instead."""
        return self.answer_by - self.at

    @property
    def in_advance(self) -> bool:
        """Whether it was told before the promise was due."""
        return self.original_due_at is None or self.at <= self.original_due_at

    @property
    def distance(self) -> timedelta | None:
        """How much later than the original, in wall time; None while that cannot be said."""
        return None if self.original_due_at is None else self.due_at - self.original_due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the user says.

    Attributes:
        due_at: what a counter-proposal asks for.
        by: who says so, as the audit trail calls them.
    """

    at: datetime
    reply: Reply
    due_at: datetime | None = None
    comment: str = ""
    by: str = ""
    channel: Channel = Channel.API

    def __post_init__(self) -> None:
        if (self.reply is Reply.COUNTER) != (self.due_at is not None):
            raise ValueError("a counter-proposal, and nothing else, names a due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The counter-proposal was taken, or not."""

    at: datetime
    accepted: bool
    comment: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The promise will be kept after all, or another proposal takes the place of this one."""

    at: datetime
    because: str = ""
    by: str = ""


Entry: TypeAlias = Proposed | Answered | Settled | Withdrawn


class State(StrEnum):
    WAITING = "waiting"
    COUNTERED = "countered"
    UNDERSTOOD = "understood"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({State.WAITING, State.COUNTERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where it stands.

    Attributes:
        since: when it came to stand so.
        due_at: what is promised instead, once it is understood; until then what is proposed.
        by_silence: whether it stands so because nobody answered.
    """

    state: State
    since: datetime
    due_at: datetime
    by_silence: bool = False


def standing(entries: Sequence[Entry], now: datetime) -> Standing:
    """Where it stands at `now`. Entries come in the order in which they were recorded; the first end counts.

    Raises:
        ValueError: the first entry proposes nothing.
    """
    if not entries or not isinstance(entries[0], Proposed):
        raise ValueError("nothing was proposed")
    proposed = entries[0]
    found = Standing(state=State.WAITING, since=proposed.at, due_at=proposed.due_at)
    for entry in entries[1:]:
        found = _after(_at(proposed, found, entry.at), entry)
    return _at(proposed, found, now)


def is_taken(entries: Sequence[Entry], entry: Entry) -> bool:
    """Whether an entry still changes anything, after those before it."""
    before = standing(entries, entry.at)
    return _after(before, entry) != before


def next_wake_up(entries: Sequence[Entry], now: datetime) -> datetime | None:
    """When silence counts, the user's or ours, if nobody says anything until then."""
    found, first = standing(entries, now), entries[0]
    until = _until(first, found) if isinstance(first, Proposed) else None
    return None if until is None else until + timedelta.resolution


def _until(proposed: Proposed, found: Standing) -> datetime | None:
    """How long what was said last waits for an answer; what has passed can be promised no more."""
    match found.state:
        case State.WAITING:
            return proposed.answer_by
        case State.COUNTERED:
            return max(found.since, min(found.since + proposed.answer_within, found.due_at))
        case _:
            return None


def _at(proposed: Proposed, found: Standing, now: datetime) -> Standing:
    """The same at a later instant: silence is an answer, once the time for one is over.

    To a counter-proposal ours is no, whatever the user's would have meant.
    """
    until = _until(proposed, found)
    if until is None or now <= until:
        return found
    if found.state is State.COUNTERED:
        return replace(found, state=State.DECLINED, since=until)
    state = State.UNDERSTOOD if proposed.silence is Silence.UNDERSTOOD else State.DECLINED
    return replace(found, state=state, since=proposed.answer_by, by_silence=True)


def _after(found: Standing, entry: Entry) -> Standing:
    match found.state, entry:
        case State.WAITING, Answered(reply=Reply.COUNTER, due_at=due_at) if due_at is not None:
            return Standing(state=State.COUNTERED, since=entry.at, due_at=due_at)
        case State.WAITING, Answered(reply=reply):
            state = State.UNDERSTOOD if reply is Reply.UNDERSTOOD else State.DECLINED
            return replace(found, state=state, since=entry.at)
        case State.COUNTERED, Settled(accepted=accepted):
            return replace(found, state=State.UNDERSTOOD if accepted else State.DECLINED, since=entry.at)
        case ((State.WAITING | State.COUNTERED), Withdrawn()):
            return replace(found, state=State.WITHDRAWN, since=entry.at)
        case _:
            return found
