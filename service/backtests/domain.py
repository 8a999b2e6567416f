"""What a backtest is, and how far it has got. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.ids import BacktestId

CHANGES_KEPT_MAX = 20_000
"""Of more requests that change the first so many are listed, by when they were opened; all are counted."""


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = frozenset({State.QUEUED, State.RUNNING})
"""States in which a backtest still has something to do."""


class ChangeKind(StrEnum):
    """In what a request differs between the policies in effect and those that are tried."""

    VERDICT = "verdict"
    REASON = "reason"
    """Of the verdict, as the requester is told it."""
    PROPOSAL = "proposal"
    """What else the verdict says: a counter-proposal, a channel, a special method."""
    GATE = "gate"
    """What is required before work starts."""
    WINDOW = "window"
    """Which of the required freeze and maintenance windows do not let the planned work begin."""
    PROMISE = "promise"
    """What is promised: another metric, target, calendar, or other terms."""
    OUTCOME = "outcome"
    """What becomes of a promise: kept, broken, pending."""
    WARNING = "warning"
    LADDER = "ladder"
    NOTICE = "notice"
    """How often which step of a ladder tells whom."""


@dataclass(frozen=True, slots=True)
class Period:
    """The tenant's own requests that were opened from `since` on and before `to`, as known at `until`."""

    since: datetime
    to: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A backtest, and how far it has got.

    Attributes:
        spec: what was asked for.
        basis: what it compares: see `basis.Basis`.
        total: requests of the history.
        done: those that were judged.
        decisions: how many were made, before and after together.
        busy_seconds: how long it has worked.
        changed: requests found to differ.
        result: the totals, once it is done.
        failure: why it failed, for people.
    """

    id: BacktestId
    name: str
    state: State
    spec: Mapping[str, Any]
    basis: Mapping[str, Any]
    total: int
    done: int
    parts: int
    decisions: int
    busy_seconds: float
    changed: int
    result: Mapping[str, Any] | None
    failure: str | None
    created_at: datetime
    began_at: datetime | None
    ended_at: datetime | None

    @property
    def decisions_per_second(self) -> float | None:
        return self.decisions / self.busy_seconds if self.busy_seconds > 0 else None
