"""The deadline of an approval: a promise like any other, with its clock, its ladder and its breach."""

from datetime import datetime
from typing import NamedTuple

from service import ids
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.calendars.errors import CalendarsUnknown
from service.commitments import service as commitments
from service.commitments import targets
from service.commitments.domain import (
    DONE,
    CalendarKey,
    Cancelled,
    EntryId,
    Fulfilled,
    Level,
    OnReopen,
    Origin,
    Terms,
)
from service.commitments.models import Commitment, Made
from service.commitments.service import Offer
from service.db import TenantSession
from service.ids import CommitmentId, DecisionId
from service.rationalization.approvals.models import Approval
from service.rationalization.verdicts import ApprovalGate

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
    try:
        terms = await _terms(session, approval.gate)
        offer = None if terms is None else _offer(approval, terms, now)
        made = [] if offer is None else await commitments.make(session, offer, now=now)
    except (CalendarsUnknown, BeyondHorizon):
        return NONE
    return Deadline(made[0].due_at, made) if made else NONE


async def keep(session: TenantSession, approval: Approval, *, now: datetime) -> list[Commitment]:
    """It was decided. After the deadline the promise stays broken, and is over."""
    if approval.commitment_id is None:
        return []
    entry = Fulfilled(at=now, received_at=now, id=_entry_id(), by=DONE)
    return [await commitments.append(session, approval.commitment_id, [entry], now=now)]


async def cancel(
    session: TenantSession, approval: Approval, because: str, *, now: datetime
) -> list[Commitment]:
    """Nobody is waited for any more."""
    if approval.commitment_id is None:
        return []
    entry = Cancelled(at=now, received_at=now, id=_entry_id(), because=because)
    return [await commitments.append(session, approval.commitment_id, [entry], now=now)]


async def _terms(session: TenantSession, gate: ApprovalGate) -> Terms | None:
    """Raises CalendarsUnknown."""
    if gate.within is None:
        return None
    names = [] if gate.calendar is None else [gate.calendar]
    versions = await calendars.current_versions(session, names)
    return Terms(
        metric=METRIC,
        target=targets.target_of(gate.within),
        calendar=None if gate.calendar is None else CalendarKey(str(versions[gate.calendar])),
        fulfilled_by=frozenset({DONE}),
        on_reopen=OnReopen.FINAL,
        level=Level.OLA,
    )


def _offer(approval: Approval, terms: Terms, now: datetime) -> Offer:
    return Offer(
        request_id=approval.request_id,
        client_id=approval.client_id,
        service_id=approval.service_id,
        terms=(terms,),
        decision_id=DecisionId(approval.id),
        at=now,
        source_sequence=0,
        received_at=now,
        entry_id=_entry_id(),
        made=Made(
            origin=Origin.GATE,
            what=f"Approval {approval.gate.name}: of {', '.join(approval.seats)}",
            ladder=approval.gate.ladder,
        ),
    )


def _entry_id() -> EntryId:
    return EntryId(str(ids.new_id()))
