"""The promise to undo what was allowed: owed from its end on, fulfilled by the check that finds it undone."""

from datetime import datetime

from service.calendars.domain import BeyondHorizon
from service.commitments import duties, targets
from service.commitments.domain import Origin
from service.commitments.duties import Duty
from service.commitments.models import Commitment, Made
from service.db import TenantSession
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
        return await duties.owe_regardless(session, _duty(matter, special, undo), since=since, now=now)
    except BeyondHorizon:
        usual = _duty(matter, special, Undoing(ladder=undo.ladder))
        return await duties.owe_regardless(session, usual, since=since, now=now)


def _duty(matter: Matter, special: SpecialMethod, undo: Undoing) -> Duty:
    return Duty(
        request_id=special.request_id,
        client_id=special.client_id,
        service_id=special.service_id,
        cause=special.id,
        metric=UNDO,
        target=targets.target_of(undo.within),
        calendar=undo.calendar,
        made=Made(
            origin=Origin.SPECIAL_METHOD,
            what=f"To undo, and to check: {matter.title or matter.external_id}",
            ladder=undo.ladder,
        ),
    )
