"""The deadline of an approval: a promise like any other, with its clock, its ladder and its breach."""

from datetime import datetime
from typing import NamedTuple

from service.calendars.domain import BeyondHorizon
from service.calendars.errors import CalendarsUnknown
from service.commitments import duties, targets
from service.commitments.domain import Origin
from service.commitments.duties import Duty
from service.commitments.models import Commitment, Made
from service.db import TenantSession
from service.ids import CommitmentId
from service.rationalization.approvals.models import Approval

METRIC = "approval"


class Deadline(NamedTuple):
    """Until when an answer counts, and the promise that one comes; neither where there is none."""

    at: datetime | None
    commitments: list[Commitment]

    @property
    def commitment_id(self) -> CommitmentId | None:
        return self.commitments[0].id if self.commitments else None


NONE = Deadline(None, [])


async def promise(session: TenantSession, approval: Approval, *, now: datetime) -> Deadline:
    """Promise that it is decided in time, counted from now; the caller holds the request's row locked.

    Where the calendar is gone, or never opens for long enough, there is no deadline: an approval without one
    is worth more than a request that cannot be accepted.
    """
    duty = _duty(approval)
    if duty is None:
        return NONE
    try:
        promised = await duties.owe(session, duty, now=now)
    except (CalendarsUnknown, BeyondHorizon):
        return NONE
    return Deadline(promised.due_at, [promised])


def _duty(approval: Approval) -> Duty | None:
    gate = approval.gate
    if gate.within is None:
        return None
    return Duty(
        request_id=approval.request_id,
        client_id=approval.client_id,
        service_id=approval.service_id,
        cause=approval.id,
        metric=METRIC,
        target=targets.target_of(gate.within),
        calendar=gate.calendar,
        made=Made(
            origin=Origin.GATE,
            what=f"Approval {gate.name}: of {', '.join(approval.seats)}",
            ladder=gate.ladder,
        ),
    )
