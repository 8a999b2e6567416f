"""Read a ledger from its first entry: which terms held when, what was paused, fulfilled and reopened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from service.commitments.domain import ledger
from service.commitments.domain.ledger import (
    Announced,
    Assigned,
    Cancelled,
    Fulfilled,
    LedgerEntry,
    Paused,
    Reopened,
    Resumed,
    Retermed,
    Started,
    Told,
)
from service.commitments.domain.pauses import ENDED_CAUSE, Pause
from service.commitments.domain.terms import CLOSED, RESOLVED, OnChange, OnReopen, Terms

BACKDATED_AFTER = timedelta(minutes=5)
"""A report that took longer than this to reach us is marked."""

NOBODY = ""
"""The party of the time between an end and a reopening: none of them used it."""


class Flag(StrEnum):
    """What is doubtful about the ledger; figures made from it say so."""

    NEGATIVE_SPAN = "negative_span"
    BACKDATED = "backdated"
    BORN_BROKEN = "born_broken"
    UNMATCHED_RESUME = "unmatched_resume"


@dataclass(frozen=True, slots=True)
class Segment:
    """From `at` on these terms hold. `kept` says that other terms were offered and left these in force."""

    at: datetime
    terms: Terms
    decision: str
    received_at: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """From a start, or a reopening that starts anew, to a fulfilment.

    Attributes:
        taken_back: whether the promise itself was cancelled, and not only its request: that is for good.
    """

    number: int
    started_at: datetime
    segments: tuple[Segment, ...]
    fulfilled_at: datetime | None = None
    cancelled_at: datetime | None = None
    reopened_at: datetime | None = None
    taken_back: bool = False

    @property
    def ended_at(self) -> datetime | None:
        return self.fulfilled_at or self.cancelled_at


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A ledger, read.

    Attributes:
        cycles: in order; the last is the current one.
        pauses: every pause of every cause, whatever it stops.
        turns: whose turn it was from when on, in order.
        announced: what the user was told in advance, in order.
        told: which thresholds were told, in the order of telling.
        next_entry_at: when the first entry that lies in the future will count.
    """

    cycles: tuple[Cycle, ...]
    pauses: tuple[Pause, ...]
    turns: tuple[Assigned, ...]
    announced: tuple[Announced, ...]
    told: tuple[Told, ...]
    flags: frozenset[Flag]
    next_entry_at: datetime | None


def read(entries: Iterable[LedgerEntry], now: datetime) -> History:
    """Read the entries in their order, up to `now`, or up to the start of what starts later.

    Raises:
        ValueError: the ledger has no start, or two.
    """
    ordered = ledger.in_order(entries)
    starts = [entry for entry in ordered if isinstance(entry, Started)]
    if len(starts) != 1:
        raise ValueError(f"a ledger starts once, and this one {len(starts)} times")
    reader = _Reader.of(starts[0])
    until = max(now, starts[0].at)
    happened = [entry for entry in ordered if not isinstance(entry, (Started, Told))]
    for entry in happened:
        if entry.at <= until:
            reader.read(entry)
    cycles = (*reader.past, reader.cycle)
    return History(
        cycles=cycles,
        pauses=(*reader.pauses, *reader.lasting.values()),
        turns=tuple(reader.turns),
        announced=_numbered(reader.announced, cycles),
        told=_numbered([entry for entry in ordered if isinstance(entry, Told)], cycles),
        flags=frozenset(reader.flags),
        next_entry_at=next((entry.at for entry in happened if entry.at > until), None),
    )


_OfCycle = TypeVar("_OfCycle", Announced, Told)


def _numbered(entries: Iterable[_OfCycle], cycles: Sequence[Cycle]) -> tuple[_OfCycle, ...]:
    """What was said of cycles, by the numbers that they have now; of those that are none, as it was."""
    starts = {cycle.number: cycle.started_at for cycle in cycles}
    numbers = {cycle.started_at: cycle.number for cycle in cycles}
    found: list[_OfCycle] = []
    for entry in entries:
        if entry.since is None:
            found.append(replace(entry, since=starts.get(entry.cycle)))
        else:
            found.append(replace(entry, cycle=numbers.get(entry.since, entry.cycle)))
    return tuple(found)


@dataclass(slots=True)
class _Reader:
    origin: datetime
    cycle: Cycle
    past: list[Cycle] = field(default_factory=list[Cycle])
    pauses: list[Pause] = field(default_factory=list[Pause])
    lasting: dict[str, Pause] = field(default_factory=dict[str, Pause])
    turns: list[Assigned] = field(default_factory=list[Assigned])
    announced: list[Announced] = field(default_factory=list[Announced])
    flags: set[Flag] = field(default_factory=set[Flag])
    offered: Retermed | None = None
    is_over: bool = False
    """Whether the request is, as far as this ledger says."""

    @classmethod
    def of(cls, start: Started) -> "_Reader":
        segment = Segment(start.at, start.terms, start.decision, start.received_at)
        cycle = Cycle(number=1, started_at=start.at, segments=(segment,))
        reader = cls(start.at, cycle)
        reader.check_date(start)
        return reader

    @property
    def terms(self) -> Terms:
        return self.cycle.segments[-1].terms

    def check_date(self, entry: LedgerEntry) -> None:
        if entry.received_at - entry.at > BACKDATED_AFTER:
            self.flags.add(Flag.BACKDATED)

    def read(self, entry: LedgerEntry) -> None:
        self.check_date(entry)
        match entry:
            case Paused():
                self.lasting.setdefault(entry.cause, Pause(entry.at, None, entry.cause, entry.party))
            case Resumed():
                self.resume(entry)
            case Assigned():
                self.assign(entry)
            case Announced():
                self.announced.append(entry)
            case _:
                self.move(entry)

    def move(self, entry: LedgerEntry) -> None:
        """What ends a cycle, or begins one, or changes its terms."""
        match entry:
            case Retermed():
                self.reterm(entry)
            case Fulfilled():
                self.fulfil(entry)
            case Reopened():
                self.reopen(entry)
            case Cancelled():
                self.cancel(entry)
            case _:
                raise ValueError(f"{type(entry).__name__} is not read in order")

    def since_origin(self, entry: LedgerEntry) -> datetime:
        """When the entry counts: nothing is taken to have happened to a promise before it was made."""
        if entry.at < self.origin:
            self.flags.add(Flag.NEGATIVE_SPAN)
        return max(entry.at, self.origin)

    def resume(self, entry: Resumed) -> None:
        causes = list(self.lasting) if entry.cause is None else [entry.cause]
        for cause in causes:
            pause = self.lasting.pop(cause, None)
            if pause is None:
                self.flags.add(Flag.UNMATCHED_RESUME)
            else:
                self.pauses.append(replace(pause, end=entry.at))

    def assign(self, entry: Assigned) -> None:
        last = self.turns[-1] if self.turns else None
        kept = {part.value: None if last is None else getattr(last, part.value) for part in entry.keeps}
        self.turns.append(replace(entry, keeps=frozenset(), **kept))

    def reterm(self, entry: Retermed) -> None:
        at = self.since_origin(entry)
        if self.cycle.ended_at is None:
            self.cycle = replace(self.cycle, segments=(*self.cycle.segments, self.segment(entry, at)))
        else:
            self.offered = entry

    def segment(self, entry: Retermed, at: datetime) -> Segment:
        kept = entry.terms.on_change is OnChange.KEEP
        terms = self.terms if kept else entry.terms
        return Segment(at, terms, entry.decision, entry.received_at, kept)

    def fulfil(self, entry: Fulfilled) -> None:
        self.is_over = self.is_over or entry.by in {RESOLVED, CLOSED}
        if self.cycle.ended_at is not None or entry.by not in self.terms.fulfilled_by:
            return
        at = self.since_origin(entry)
        self.cycle = replace(self.cycle, fulfilled_at=at)
        if entry.by in self.terms.restarts_by:
            self.begin(at, self.cycle.segments[-1])

    def reopen(self, entry: Reopened) -> None:
        """Go on, or begin anew. What was cancelled unfulfilled goes on even where a fulfilment is final.

        That a request is open which was open all along reopens nothing.
        """
        was_over, self.is_over = self.is_over, False
        ended_at, on_reopen = self.cycle.ended_at, self.terms.on_reopen
        is_final = on_reopen is OnReopen.FINAL and self.cycle.fulfilled_at is not None
        if ended_at is None or is_final or self.cycle.taken_back or not was_over:
            return
        at = self.since_origin(entry)
        offered, self.offered = self.offered, None
        added = () if offered is None else (self.segment(offered, at),)
        segments = (*self.cycle.segments, *added)
        if on_reopen is OnReopen.NEW_CYCLE:
            self.begin(at, segments[-1], reopened_at=at)
        else:
            self.pauses.append(Pause(ended_at, at, ENDED_CAUSE, NOBODY, is_after_end=True))
            self.cycle = replace(
                self.cycle, segments=segments, fulfilled_at=None, cancelled_at=None, reopened_at=at
            )

    def begin(self, at: datetime, segment: Segment, *, reopened_at: datetime | None = None) -> None:
        """Begin the next cycle, under the terms of a segment."""
        self.past.append(self.cycle)
        first = replace(segment, at=at, kept=False)
        number = self.cycle.number + 1
        self.cycle = Cycle(number=number, started_at=at, segments=(first,), reopened_at=reopened_at)

    def cancel(self, entry: Cancelled) -> None:
        if self.cycle.ended_at is None:
            self.cycle = replace(self.cycle, cancelled_at=self.since_origin(entry))
        if not entry.because:
            self.is_over = True
        elif self.cycle.fulfilled_at is None:
            self.cycle = replace(self.cycle, taken_back=True)
