"""What happened to a promise: entries that are only ever appended, and the order in which they count."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from service.commitments.domain.terms import Terms

EntryId = NewType("EntryId", str)
"""Text of a UUIDv7: it sorts as the UUID does."""


class Threshold(StrEnum):
    """What is told once for each cycle, and must be remembered as told."""

    WARNED = "warned"
    BROKEN = "broken"
    CORRECTED = "corrected"
    AT_RISK = "at_risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """When something happened, and what orders it among what happened at the same instant.

    Attributes:
        at: when it happened, aware UTC.
        source_sequence: the source's own counter; 0 where it has none.
        received_at: when we learned of it.
    """

    at: datetime
    source_sequence: int = 0
    received_at: datetime
    id: EntryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Entry):
    terms: Terms
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retermed(Entry):
    """A change of priority or policy: other terms from here on."""

    terms: Terms
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Entry):
    """Whether it stops the clock depends on the terms' `pausable_by`; it is recorded in any case."""

    cause: str
    party: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Entry):
    """The end of one cause; None ends every cause that is open."""

    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled(Entry):
    """Something that fulfils a promise whose terms name it in `fulfilled_by`."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Entry):
    """The request goes on; nothing happens to a promise that has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Entry):
    """The promise is withdrawn; only a reopening brings it back.

    Attributes:
        because: why; empty where the request's own end says it.
        into: the request that this one was merged into, as text; empty where it was not.
    """

    because: str = ""
    into: str = ""


class Turn(StrEnum):
    """A part of whose turn it is."""

    GROUP = "group"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(Entry):
    """Whose turn it is from here on; None where nobody's is known.

    Attributes:
        keeps: what it says nothing of, which stays as it was.
    """

    group: str | None
    person: str | None
    keeps: frozenset[Turn] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Entry):
    """The user was told that it will be missed, by a renegotiation: a breach after that is not silent.

    Attributes:
        cycle: of which it was told, as it was numbered then.
        taken_back: whether it is the contrary that was told, for all that was announced before.
        since: when that cycle began: by this it is known again, where a late report gives it another number.
    """

    cycle: int
    renegotiation: str
    taken_back: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Entry):
    """We told of a threshold: the memory that keeps each one from being told twice.

    Attributes:
        cycle: of which it was told, as it was numbered then.
        by: who says so, as the audit trail calls them; empty where the ledger itself says it.
        since: when that cycle began: by this it is known again, where a late report gives it another number.
    """

    cycle: int
    threshold: Threshold
    because: str = ""
    by: str = ""
    since: datetime | None = None


LedgerEntry = (
    Started | Retermed | Paused | Resumed | Assigned | Fulfilled | Reopened | Cancelled | Announced | Told
)


_RANKS: dict[type[Entry], int] = {
    kind: rank
    for rank, kind in enumerate(
        (
            Started,
            Retermed,
            Reopened,
            Resumed,
            Paused,
            Assigned,
            Fulfilled,
            Cancelled,
            Announced,
            Told,
        )
    )
}
"""What one and the same event means counts in this order: new terms before what they judge."""


def in_order(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The entries in the order in which they count, however they arrived."""
    return sorted(entries, key=_order)


def _order(entry: LedgerEntry) -> tuple[datetime, int, datetime, str, int]:
    return (entry.at, entry.source_sequence, entry.received_at, entry.id, _RANKS[type(entry)])
