"""Use cases of this slice: find what a promise is compared with, and make that anew now and then.

What ends becomes history. Some hours after a promise ended the tenant's history is looked at, once for all
that ended meanwhile: a tenant in which nothing ends costs nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service import ids
from service.commitments.forecasting import domain, models, store
from service.commitments.forecasting.domain import Cohort
from service.commitments.forecasting.models import Curves
from service.commitments.forecasting.store import Made
from service.commitments.models import Commitment
from service.db import TenantSession
from service.ids import CommitmentId, TenantId
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUp

SUBJECT_KIND = "forecast"

INTERVAL = timedelta(hours=6)
"""How long after a promise ended the history is looked at."""

AGE_MAX = timedelta(days=1)
"""Curves that are older are made anew in any case."""

NEW_MIN = 10
NEW_SHARE_MIN = 0.05
"""Younger ones if there are as many new promises, as a count and as a part of those they were made of."""

PROMISES_MAX = 20_000
"""How many promises, of the newest, are looked at."""

KEPT = timedelta(days=90)
"""How long curves that others have replaced are kept."""


async def curves(session: TenantSession, commitments: Sequence[Commitment]) -> dict[CommitmentId, Curves]:
    """What each promise is compared with; one that nothing is known of is left out."""
    cohorts = {one.id: Cohort.of(one.metric, one.target, one.peers) for one in commitments}
    found = await of_cohorts(session, [cohort for cohort in cohorts.values() if cohort is not None])
    return {
        commitment_id: found[cohort]
        for commitment_id, cohort in cohorts.items()
        if cohort is not None and cohort in found
    }


async def of_cohorts(session: TenantSession, cohorts: Iterable[Cohort]) -> Mapping[Cohort, Curves]:
    """What promises of these cohorts are compared with: their own curve, or the nearest wider one."""
    asked = set(cohorts)
    if not asked:
        return {}
    found = await store.of_cohorts(session, asked | {wider for one in asked for wider in one.wider()})
    return {
        cohort: found[nearest] for cohort in asked if (nearest := domain.nearest(cohort, found)) is not None
    }


async def wake(session: TenantSession, *, now: datetime) -> None:
    """See that the history is looked at, now that there is more of it."""
    await wakeups.schedule_unless_set(
        session, WakeUp(SUBJECT_KIND, subject_id(session.tenant_id), now + INTERVAL)
    )


async def advance(session: TenantSession, _: UUID, *, now: datetime) -> bool:
    """Make the curves of the tenant anew if enough has changed; say whether they were.

    Safe to repeat: what was just made is not made again.
    """
    made = await store.latest(session)
    if made is not None and not await _is_old(session, made, now=now):
        return False
    history = await store.history(session, limit=PROMISES_MAX)
    if history.newest is None:
        return False
    found = await asyncio.to_thread(domain.known, history.lived)  # half a second for the longest history
    forecast_id = ids.new_id()
    await store.forget(session, before=now - KEPT)
    await store.add(
        session,
        {
            "id": forecast_id,
            "made_at": now,
            "promises": len(history.lived),
            "newest": history.newest,
        },
        [models.columns(known, ids.new_id(), forecast_id=forecast_id, made_at=now) for known in found],
    )
    return True


def subject_id(tenant_id: TenantId) -> UUID:
    """Whose wake-up it is: a tenant has one history."""
    return ids.derived_id(tenant_id, SUBJECT_KIND)


async def _is_old(session: TenantSession, made: Made, *, now: datetime) -> bool:
    if now - made.at >= AGE_MAX:
        return True
    enough = max(NEW_MIN, int(NEW_SHARE_MIN * made.promises))
    return await store.newer(session, made.newest, limit=enough) >= enough
