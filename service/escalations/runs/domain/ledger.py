"""What happens to a run of a ladder: entries that are only appended, and the order in which they count."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from service.ids import MemberId


class EndCause(StrEnum):
    """Why a run ended."""

    FULFILLED = "fulfilled"
    """What was promised is done."""
    CANCELLED = "cancelled"
    """The promise ended with its request."""
    NEXT_CYCLE = "next_cycle"
    """The promise began anew."""
    RENEGOTIATED = "renegotiated"
    """The ladder follows the promise that was made in its place."""
    UNWANTED = "unwanted"
    """The request was decided anew, and no rule asks for this ladder any more."""
    RESOLVED = "resolved"
    """Somebody says that nobody need be told any more."""
    NO_SUCH_LADDER = "no_such_ladder"
    """There was no ladder of the name that a rule asks for when it was to begin."""
    TOO_MANY_ROUNDS = "too_many_rounds"
    """It began so often that something must be wrong with the rules that ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What every entry of a run's ledger says.

    Attributes:
        id: of the entry; with the instants it gives one order, whatever the order of arrival.
    """

    at: datetime
    received_at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(_Entry):
    """The run began.

    Attributes:
        skips: steps that the round before had told, but for the last of them: they are not told again.
        by: who began it by hand; None where a policy asks for it.
        reason: why somebody began it.
    """

    skips: frozenset[int] = frozenset()
    by: MemberId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(_Entry):
    """A step was told. `repeat` is 0 for the first time; numbers that an outage took are left out.

    Attributes:
        staffed: whether there was anybody to tell; if not, the step above is told at once.
    """

    step: int
    repeat: int
    planned_at: datetime
    staffed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(_Entry):
    """Somebody takes it."""

    by: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed(_Entry):
    """Somebody wants quiet for a while."""

    by: MemberId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(_Entry):
    """It is somebody else's now, who is told, and has until then to acknowledge it."""

    by: MemberId
    to: MemberId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised(_Entry):
    """Somebody goes up to a step by hand. Whatever was acknowledged or put off before is so no longer.

    Attributes:
        by: None where nobody did: the client declined what it was offered instead of the promise.
    """

    by: MemberId | None
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(_Entry):
    """Quiet ended by itself, and that was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(_Entry):
    """The service is in maintenance: nothing is told before it ends.

    Attributes:
        until: None where nobody can say.
    """

    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(_Entry):
    """The service is in maintenance no more, or no longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(_Entry):
    """The run is over: what it was about is done, or no longer wanted.

    Attributes:
        by: who ended it by hand, if anybody.
        reason: in the words of whoever ended it.
    """

    cause: EndCause
    by: MemberId | None = None
    reason: str = ""


Entry: TypeAlias = (
    Begun | Sent | Acknowledged | Snoozed | HandedOver | Raised | Reopened | Held | Released | Ended
)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in the order in which they count, however they arrived."""
    return sorted(entries, key=lambda entry: (entry.at, entry.received_at, entry.id))
