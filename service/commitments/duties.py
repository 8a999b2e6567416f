"""Duties: what somebody owes because of something else than a policy, as a promise with a deadline.

An approval is to be decided, a review to be held, a special method to be undone: each is a promise like any
other, with its clock, its breach and its ladder, of which nothing relieves but that it is done. The caller
holds the request's row locked, and has ladders follow the promises that are returned.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service import ids
from service.calendars import service as calendars
from service.commitments import service as commitments
from service.commitments.domain import (
    DONE,
    CalendarKey,
    Cancelled,
    EntryId,
    Fulfilled,
    LedgerEntry,
    Level,
    OnReopen,
    Target,
    Terms,
)
from service.commitments.models import Commitment, Made
from service.commitments.offers import Offer
from service.db import TenantSession
from service.ids import ClientId, CommitmentId, DecisionId, RequestId, ServiceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What is owed, within what time, and because of what.

    Attributes:
        cause: the id of what it is owed for, in the place of a decision's.
        metric: what ladders and lists know such duties by.
        calendar: the name of the calendar that the target counts by; none for elapsed time.
        warn_before: how long before, in the target's own clock; None is never.
    """

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    cause: UUID
    metric: str
    target: Target
    calendar: str | None
    warn_before: timedelta | None = None
    level: Level = Level.OLA
    made: Made


async def owe(session: TenantSession, duty: Duty, *, now: datetime) -> Commitment:
    """Promise it, counted from now. Raises CalendarsUnknown, BeyondHorizon."""
    [commitment] = await commitments.make(session, await _offer(session, duty, at=now, now=now), now=now)
    return commitment


async def owe_regardless(session: TenantSession, duty: Duty, *, since: datetime, now: datetime) -> Commitment:
    """Promise it, counted from an instant that may have passed, whatever has become of its request.

    Raises:
        CalendarsUnknown, BeyondHorizon
    """
    offer = await _offer(session, duty, at=since, now=now)
    [commitment] = await commitments.promise(session, [offer], now=now)
    return commitment


async def fulfil(
    session: TenantSession, commitment_id: CommitmentId | None, *, now: datetime
) -> list[Commitment]:
    """It was done. After its deadline the promise stays broken, and is over. None owed nothing."""
    return await _append(session, commitment_id, Fulfilled(at=now, received_at=now, id=_entry_id(), by=DONE))


async def cancel(
    session: TenantSession, commitment_id: CommitmentId | None, because: str, *, now: datetime
) -> list[Commitment]:
    """It is waited for no more. None owed nothing."""
    entry = Cancelled(at=now, received_at=now, id=_entry_id(), because=because)
    return await _append(session, commitment_id, entry)


async def _append(
    session: TenantSession, commitment_id: CommitmentId | None, entry: LedgerEntry
) -> list[Commitment]:
    if commitment_id is None:
        return []
    return [await commitments.append(session, commitment_id, [entry], now=entry.received_at)]


async def _offer(session: TenantSession, duty: Duty, *, at: datetime, now: datetime) -> Offer:
    """Raises CalendarsUnknown."""
    return Offer(
        request_id=duty.request_id,
        client_id=duty.client_id,
        service_id=duty.service_id,
        terms=(await _terms(session, duty),),
        decision_id=DecisionId(duty.cause),
        at=at,
        source_sequence=0,
        received_at=now,
        entry_id=_entry_id(),
        made=duty.made,
    )


async def _terms(session: TenantSession, duty: Duty) -> Terms:
    """Raises CalendarsUnknown."""
    named = [] if duty.calendar is None else [duty.calendar]
    versions = await calendars.current_versions(session, named)
    return Terms(
        metric=duty.metric,
        target=duty.target,
        calendar=None if duty.calendar is None else CalendarKey(str(versions[duty.calendar])),
        fulfilled_by=frozenset({DONE}),
        on_reopen=OnReopen.FINAL,
        warn_before=duty.warn_before,
        level=duty.level,
    )


def _entry_id() -> EntryId:
    return EntryId(str(ids.new_id()))
