"""That a review is owed, as a promise: by when, counted by which calendar, and with which ladder."""

from datetime import datetime

from service.audit.domain import ROOTED, Actor
from service.calendars.domain import BeyondHorizon
from service.commitments import duties, targets
from service.commitments.domain import Origin
from service.commitments.duties import Duty
from service.commitments.models import Commitment, Made
from service.db import TenantSession
from service.ids import ReviewId
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
    """Promise the review, whether its request was resolved or cancelled after it had been.

    Without a time, or by a calendar that opens too seldom, it has no deadline.
    """
    if wanted is None:
        return []
    duty = Duty(
        request_id=matter.request_id,
        client_id=matter.client_id,
        service_id=matter.service_id,
        cause=review_id,
        metric=METRIC,
        target=targets.target_of(wanted.within),
        calendar=wanted.calendar,
        made=Made(
            origin=Origin.REVIEW,
            what=f"To review: {matter.title or matter.external_id}",
            by=None if actor is ROOTED else actor.name,
            ladder=wanted.ladder,
        ),
    )
    try:
        return [await duties.owe_regardless(session, duty, since=now, now=now)]
    except BeyondHorizon:
        return []
