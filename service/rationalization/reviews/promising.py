"""That a review is owed, as a promise: by when, counted by which calendar, and with which ladder."""

from datetime import datetime

from service import ids
from service.audit.domain import ROOTED, Actor
from service.calendars import service as calendars
from service.calendars.domain import BeyondHorizon
from service.commitments import service as commitments
from service.commitments import targets
from service.commitments.domain import DONE, CalendarKey, EntryId, Level, OnReopen, Origin, Terms
from service.commitments.models import Commitment, Made
from service.commitments.service import Offer
from service.db import TenantSession
from service.ids import DecisionId, ReviewId
from service.rationalization.matters import Matter
from service.rationalization.reviews.domain import METRIC
from service.rationalization.verdicts import Review as Wanted


async def promise(
    session: TenantSession,
    actor: Actor,
    matter: Matter,
    wanted: Wanted | None,
    *,
    review_id: ReviewId,
    now: datetime,
) -> list[Commitment]:
    """Promise the review. Without a time, or by a calendar that opens too seldom, it has no deadline."""
    if wanted is None:
        return []
    offer = Offer(
        request_id=matter.request_id,
        client_id=matter.client_id,
        service_id=matter.service_id,
        terms=(await _terms(session, wanted),),
        decision_id=DecisionId(review_id),
        at=now,
        source_sequence=0,
        received_at=now,
        entry_id=EntryId(str(ids.new_id())),
        made=Made(
            origin=Origin.GATE,
            what=f"To review: {matter.title or matter.external_id}",
            by=None if actor is ROOTED else actor.name,
            ladder=wanted.ladder,
        ),
    )
    try:
        return await commitments.make(session, offer, now=now)
    except BeyondHorizon:
        return []


async def _terms(session: TenantSession, wanted: Wanted) -> Terms:
    named = [] if wanted.calendar is None else [wanted.calendar]
    versions = await calendars.current_versions(session, named)
    return Terms(
        metric=METRIC,
        target=targets.target_of(wanted.within),
        calendar=None if wanted.calendar is None else CalendarKey(str(versions[wanted.calendar])),
        fulfilled_by=frozenset({DONE}),
        on_reopen=OnReopen.FINAL,
        level=Level.OLA,
    )
