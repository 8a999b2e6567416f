"""The promise to undo what was allowed: owed from its end on, fulfilled by the check that finds it undone."""

from datetime import datetime
from uuid import UUID

from service import ids
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments import service as commitments
from service.commitments import targets
from service.commitments.domain import (
    DONE,
    CalendarKey,
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
from service.rationalization.matters import Matter
from service.rationalization.specials.models import SpecialMethod
from service.rationalization.verdicts import Undoing

UNDO = "undo"
"""The metric of these promises."""


async def owe(
    session: TenantSession, matter: Matter, special: SpecialMethod, *, since: datetime, now: datetime
) -> Commitment:
    """Promise that what has ended is undone and checked, whatever becomes of its request.

    Where its calendar never leaves time for it, it is undone in the usual time: nothing is kept from ending.
    """
    undo = special.verdict.undo
    try:
        return await _promise(session, matter, special, undo, since=since, now=now)
    except BeyondHorizon:
        usual = Undoing(ladder=undo.ladder)
        return await _promise(session, matter, special, usual, since=since, now=now)


async def _promise(
    session: TenantSession,
    matter: Matter,
    special: SpecialMethod,
    undo: Undoing,
    *,
    since: datetime,
    now: datetime,
) -> Commitment:
    offer = Offer(
        request_id=special.request_id,
        client_id=special.client_id,
        service_id=special.service_id,
        terms=(_terms(undo, await _calendar(session, undo)),),
        decision_id=DecisionId(special.id),
        at=since,
        source_sequence=0,
        received_at=now,
        entry_id=EntryId(str(ids.new_id())),
        made=Made(
            origin=Origin.SPECIAL_METHOD,
            what=f"To undo, and to check: {matter.title or matter.external_id}",
            ladder=undo.ladder,
        ),
    )
    [commitment] = await commitments.promise(session, [offer], now=now)
    return commitment


async def done(session: TenantSession, commitment_id: CommitmentId, *, now: datetime) -> Commitment:
    """It was undone."""
    entry = Fulfilled(at=now, received_at=now, id=EntryId(str(ids.new_id())), by=DONE)
    return await commitments.append(session, commitment_id, [entry], now=now)


def _terms(undo: Undoing, calendar_version_id: UUID | None) -> Terms:
    return Terms(
        metric=UNDO,
        target=targets.target_of(undo.within),
        calendar=None if calendar_version_id is None else CalendarKey(str(calendar_version_id)),
        fulfilled_by=frozenset({DONE}),
        on_reopen=OnReopen.FINAL,
        level=Level.OLA,
    )


async def _calendar(session: TenantSession, undo: Undoing) -> UUID | None:
    """The version that counts from now on."""
    if undo.calendar is None:
        return None
    return (await calendars.current_versions(session, [undo.calendar]))[undo.calendar]
