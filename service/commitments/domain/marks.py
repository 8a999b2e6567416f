"""Instants that hang on a promise, such as those of a ladder's steps, and move with it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

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
