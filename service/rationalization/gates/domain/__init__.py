"""What must be there before work starts, and whether it is. Pure."""

from service.rationalization.gates.domain.standing import (
    BY_RECORD,
    Finding,
    GateStanding,
    Kind,
    State,
    lets_work_start,
)

__all__ = [
    "BY_RECORD",
    "Finding",
    "GateStanding",
    "Kind",
    "State",
    "lets_work_start",
]
