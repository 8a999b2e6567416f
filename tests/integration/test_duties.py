"""Duties in PostgreSQL: what is owed because of something else than a policy, and what relieves of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service import ids
from service.calendars.errors import CalendarsUnknown
from service.commitments import domain, duties, service, store
from service.commitments.domain import (
    RESOLVED,
    Cancelled,
    ClockState,
    ElapsedTarget,
    EntryId,
    Fulfilled,
    Level,
    Origin,
    Outcome,
    WorkingTarget,
)
from service.commitments.duties import Duty
from service.commitments.models import Made
from service.db import TenantSession
from service.ids import RequestId
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
RESOLVE = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
MADE = Made(origin=Origin.GATE, what="To look at it again", ladder="Managers")


@pytest.fixture
async def request_id(session: TenantSession) -> RequestId:
    """A request that a policy promised something to."""
    request_id = await factories.request(session)
    await service.promise(session, [factories.offer(request_id, RESOLVE)], now=NOON)
    return request_id


def _duty(request_id: RequestId) -> Duty:
    return Duty(
        request_id=request_id,
        client_id=None,
        service_id=None,
        cause=ids.new_id(),
        metric="second_look",
        target=ElapsedTarget(3600),
        calendar=None,
        made=MADE,
    )


def _when(at: datetime) -> dict[str, Any]:
    return {"at": at, "received_at": at, "id": EntryId(str(ids.new_id()))}


async def test_a_duty_counts_from_now_and_is_the_tenants_own_affair(
    session: TenantSession, request_id: RequestId
) -> None:
    owed = await duties.owe(session, _duty(request_id), now=NOON + HOUR)

    stored = (await service.get(session, owed.id, client_id=None, now=NOON + HOUR)).commitment
    assert (stored.started_at, stored.due_at) == (NOON + HOUR, NOON + 2 * HOUR)
    assert (stored.metric, stored.made, stored.level) == ("second_look", MADE, Level.OLA)


async def test_that_its_request_is_resolved_relieves_of_no_duty(
    session: TenantSession, request_id: RequestId
) -> None:
    owed = await duties.owe(session, _duty(request_id), now=NOON)
    resolved = Fulfilled(**_when(NOON + HOUR / 2), by=RESOLVED)

    await service.record(session, request_id, [resolved], now=NOON + HOUR / 2)

    after = await service.get(session, owed.id, client_id=None, now=NOON + HOUR / 2)
    assert after.commitment.clock is ClockState.RUNNING


@pytest.mark.parametrize(
    ("after", "outcome"), [(HOUR / 2, Outcome.KEPT), (2 * HOUR, Outcome.BROKEN)], ids=["in time", "late"]
)
async def test_what_is_done_is_over_and_stays_broken_where_it_was_late(
    session: TenantSession, request_id: RequestId, after: timedelta, outcome: Outcome
) -> None:
    owed = await duties.owe(session, _duty(request_id), now=NOON)

    [done] = await duties.fulfil(session, owed.id, now=NOON + after)

    assert (done.id, done.clock, done.outcome) == (owed.id, ClockState.STOPPED, outcome)


async def test_what_is_waited_for_no_more_says_why(session: TenantSession, request_id: RequestId) -> None:
    owed = await duties.owe(session, _duty(request_id), now=NOON)

    [over] = await duties.cancel(session, owed.id, "nobody wants it", now=NOON + HOUR / 2)

    ledger = (await store.ledgers(session, [owed.id]))[owed.id]
    said = [entry.because for entry in ledger if isinstance(entry, Cancelled)]
    assert (over.clock, over.cancelled_at, said) == (
        ClockState.STOPPED,
        NOON + HOUR / 2,
        ["nobody wants it"],
    )


async def test_where_nothing_was_owed_nothing_ends(session: TenantSession) -> None:
    assert await duties.fulfil(session, None, now=NOON) == []
    assert await duties.cancel(session, None, "nobody wants it", now=NOON) == []


async def test_a_duty_by_a_calendar_that_is_not_there_is_not_owed(
    session: TenantSession, request_id: RequestId
) -> None:
    by_hours = replace(_duty(request_id), target=WorkingTarget(3600), calendar="Nowhere")

    with pytest.raises(CalendarsUnknown):
        await duties.owe(session, by_hours, now=NOON)


async def test_only_what_is_owed_regardless_outlives_the_cancellation_of_its_request(
    session: TenantSession, request_id: RequestId
) -> None:
    await service.record(session, request_id, [Cancelled(**_when(NOON + HOUR))], now=NOON + HOUR)

    usual = await duties.owe(session, _duty(request_id), now=NOON + HOUR)
    regardless = await duties.owe_regardless(
        session, _duty(request_id), since=NOON + HOUR, now=NOON + 2 * HOUR
    )

    assert (usual.clock, regardless.clock) == (ClockState.STOPPED, ClockState.RUNNING)
    assert (regardless.started_at, regardless.due_at) == (NOON + HOUR, NOON + 2 * HOUR)
