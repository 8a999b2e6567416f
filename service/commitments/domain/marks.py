"""Instants that hang on a promise, such as those of a ladder's steps, and move with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.commitments.domain import judging
from service.commitments.domain.judging import Judgement
from service.commitments.domain.ledger import LedgerEntry
from service.commitments.domain.measures import Calendars, Measure

SHARE_MAX = 10
"""Ten times the target: later than that nobody waits for a step."""


class Anchor(StrEnum):
    """What of a promise's current cycle an instant hangs on."""

    START = "start"
    USED = "used"
    """So much of the target used up, in the promise's own clock."""
    DUE = "due"
    BREACH = "breach"
    """The first instant at which it is broken; none as long as it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One such instant.

    Attributes:
        after: how long after the anchor, in wall time; negative is before it.
        share: of the target, from 0 on, for USED only.
        working: whether `after` counts in the promise's own clock, as `warn_before` does.
    """

    anchor: Anchor
    after: timedelta = timedelta(0)
    share: float | None = None
    working: bool = False

    def __post_init__(self) -> None:
        if (self.anchor is Anchor.USED) != (self.share is not None):
            raise ValueError("a share, and nothing else, says how much is used")
        if self.share is not None and not 0 <= self.share <= SHARE_MAX:
            raise ValueError(f"a share lies from 0 to {SHARE_MAX}")


def instants(
    entries: Iterable[LedgerEntry], calendars: Calendars, marks: Sequence[Mark], now: datetime
) -> list[datetime | None]:
    """When each mark of the promise with this ledger comes, or came, as things stand at `now`.

    None where that is not known: while a pause has not ended that began before it, and for a breach that
    has not come, or that was marked as recorded wrongly.

    Raises:
        KeyError: a calendar of the terms was not given.
        ValueError: the ledger has no start, or two.
    """
    kept = list(entries)
    current = judging.standing(kept, calendars, now).current
    measure = judging.current_measure(kept, calendars, now)
    return [_instant(mark, current, measure) for mark in marks]


def _instant(mark: Mark, current: Judgement, measure: Measure) -> datetime | None:
    anchor = _anchor(mark, current, measure)
    if anchor is None:
        return None
    return measure.moved(anchor, mark.after) if mark.working else anchor + mark.after


def _anchor(mark: Mark, current: Judgement, measure: Measure) -> datetime | None:
    match mark.anchor:
        case Anchor.START:
            return current.started_at
        case Anchor.USED:
            return measure.used_up(mark.share or 0)
        case Anchor.DUE:
            return current.due_at
        case Anchor.BREACH:
            return None if current.corrected is not None else current.broken_at
