"""A run of a ladder: its ledger, and how it is climbed. Pure."""

from service.escalations.runs.domain.climbing import Ladder, Standing, Step, Telling, standing
from service.escalations.runs.domain.ledger import (
    Acknowledged,
    Begun,
    EndCause,
    Ended,
    Entry,
    HandedOver,
    Held,
    Raised,
    Released,
    Reopened,
    Sent,
    Snoozed,
    in_order,
)
from service.escalations.runs.domain.quiet import Hold, State

__all__ = [
    "Acknowledged",
    "Begun",
    "EndCause",
    "Ended",
    "Entry",
    "HandedOver",
    "Held",
    "Hold",
    "Ladder",
    "Raised",
    "Released",
    "Reopened",
    "Sent",
    "Snoozed",
    "Standing",
    "State",
    "Step",
    "Telling",
    "in_order",
    "standing",
]
