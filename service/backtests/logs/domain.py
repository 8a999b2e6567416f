"""What a log of past requests is, and what a case of it may say. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import msgspec

from service import instants
from service.backtests.cases import CaseEvent, Submitted
from service.errors import Fault
from service.ids import HistoryLogId
from service.requests import domain as requests
from service.requests.domain import Facts

EVENTS_MAX = 1_000
"""How many events a case may have; a longer one is most likely two that were taken for one."""
CASE_BYTES_MAX = 131_072
"""How large a case may be as JSON."""


class LogState(StrEnum):
    OPEN = "open"
    """Cases are still being brought in."""
    COMPLETE = "complete"
    """It does not change any more, so that policies can be compared on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """A log to be.

    Attributes:
        source: the ticket system that all its cases come from.
        mapping_sha256: of the mapping by which it was read, in hexadecimal, so that no other is mixed in.
    """

    name: str
    source: str
    mapping_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLog:
    """A log of past requests, as far as it was brought in.

    Attributes:
        events: of all its cases, beside their opening.
        bad_rows: how many rows of the file could not be used, as whoever brought it in says.
        first_at, last_at: the earliest opening and the latest event; None without cases.
    """

    id: HistoryLogId
    name: str
    source: str
    mapping_sha256: str | None
    state: LogState
    cases: int
    events: int
    bad_rows: int
    first_at: datetime | None
    last_at: datetime | None
    version: int
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryCase:
    """One request of the past, and what happened to it in the order of its source."""

    submission: Submitted
    events: tuple[CaseEvent, ...]

    @property
    def external_id(self) -> str:
        return self.submission.external_id

    @property
    def opened_at(self) -> datetime:
        return self.submission.occurred_at

    @property
    def last_at(self) -> datetime:
        return max([self.opened_at, *(event.occurred_at for event in self.events)])


def faults_of_case(case: HistoryCase, *, source: str) -> list[Fault]:
    """What a case may not say, with its place in the case; `source` is the log's own."""
    submission = case.submission
    faults = _faults_at("/submission", submission.occurred_at, submission.facts)
    if submission.source != source:
        faults.append(Fault("/submission/source", f"All cases of this log come from {source!r}."))
    if len(case.events) > EVENTS_MAX:
        faults.append(Fault("/events", f"A case has at most {EVENTS_MAX} events, not {len(case.events)}."))
    for index, event in enumerate(case.events[:EVENTS_MAX]):
        faults += _faults_at(f"/events/{index}", event.occurred_at, event.facts or {})
    if len(msgspec.json.encode(case)) > CASE_BYTES_MAX:
        faults.append(Fault("", f"A case has at most {CASE_BYTES_MAX:,} bytes as JSON."))
    return faults


def _faults_at(place: str, occurred_at: datetime, facts: Facts) -> list[Fault]:
    """The same of one entry of a case."""
    faults = [replace(fault, pointer=f"{place}{fault.pointer}") for fault in requests.faults_of_facts(facts)]
    if not instants.is_usable(occurred_at):
        faults.append(Fault(f"{place}/occurred_at", instants.refusal(occurred_at)))
    return faults
