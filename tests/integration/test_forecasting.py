"""Forecasts in PostgreSQL: what became of promises, the curves that are made of it, and what follows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from service import ids
from service.commitments import domain, service
from service.commitments.domain import ElapsedTarget, EntryId, Fulfilled, Terms
from service.commitments.forecasting import service as forecasting
from service.commitments.forecasting import store
from service.commitments.forecasting.domain import Cohort, Meter
from service.commitments.forecasting.models import CurveRow, ForecastRow
from service.commitments.models import Commitment, CommitmentRow
from service.db import TenantSession
from service.outbox.models import EventRow
from service.wakeups.models import WakeUpRow
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
EIGHT_HOURS = domain.usual_terms("resolve", ElapsedTarget(8 * 3600), calendar=None)
WATCHED = replace(EIGHT_HOURS, renegotiate_above=0.6)
COHORT = Cohort("resolve", Meter.ELAPSED)
LATER = NOON + 2 * forecasting.INTERVAL


async def _promised(
    session: TenantSession, *, count: int = 1, terms: Terms = EIGHT_HOURS, at: datetime = NOON
) -> list[Commitment]:
    offers = [
        replace(
            factories.offer(await factories.request(session, opened_at=at), terms, at=at), peers="incident/P1"
        )
        for _ in range(count)
    ]
    return await service.promise(session, offers, now=at)


async def _fulfilled(session: TenantSession, commitment: Commitment, at: datetime) -> Commitment:
    entry = Fulfilled(at=at, received_at=at, id=EntryId(str(ids.new_id())), by="resolved")
    [found] = await service.record(session, commitment.request_id, [entry], now=at)
    return found


async def _history(session: TenantSession, *, took: Sequence[timedelta], at: datetime = NOON) -> None:
    """As many promises as there are spans, each fulfilled after one of them."""
    for commitment, span in zip(await _promised(session, count=len(took), at=at), took, strict=True):
        await _fulfilled(session, commitment, at + span)


FORTY = [(number % 10 + 1) * HOUR for number in range(40)]
"""A tenth of the promises is fulfilled after each of the first ten hours."""


async def _known(session: TenantSession, *, at: datetime = LATER) -> None:
    """A tenant that knows what became of forty promises."""
    await _history(session, took=FORTY)
    assert await forecasting.advance(session, forecasting.subject_id(session.tenant_id), now=at)


async def _wake_up(session: TenantSession, kind: str) -> datetime | None:
    query = select(WakeUpRow.fire_at).where(
        WakeUpRow.tenant_id == session.tenant_id, WakeUpRow.subject_kind == kind
    )
    return await session.db.scalar(query)


async def _made(session: TenantSession) -> int:
    query = select(func.count()).where(ForecastRow.tenant_id == session.tenant_id)
    return (await session.db.scalar(query)) or 0


async def _told_at_risk(session: TenantSession) -> list[EventRow]:
    query = select(EventRow).where(
        EventRow.tenant_id == session.tenant_id, EventRow.type == "commitment.at_risk"
    )
    return list(await session.db.scalars(query))


async def test_what_is_made_of_a_history_is_its_curve(session: TenantSession) -> None:
    await _known(session)

    found = (await forecasting.of_cohorts(session, [replace(COHORT, peers="incident/P1")])).values()

    [curves] = found
    assert (curves.known.cohort, curves.known.promises, curves.known.fulfilled) == (COHORT, 40, 40)
    assert (curves.made_at, curves.known.since) == (LATER, NOON)
    assert [curves.known.curve.at(hours * HOUR) for hours in (0, 1, 5, 9, 10)] == [
        1.0,
        *(pytest.approx(share) for share in (0.9, 0.5, 0.1)),
        0.0,
    ]


async def test_promises_that_are_open_count_for_as_long_as_they_were_watched(session: TenantSession) -> None:
    await _history(session, took=FORTY)
    for commitment in await _promised(session, count=40):
        await service.advance(session, commitment.id, now=NOON + 9 * HOUR)

    await forecasting.advance(session, ids.new_id(), now=LATER)

    [curves] = (await forecasting.of_cohorts(session, [COHORT])).values()
    assert (curves.known.promises, curves.known.fulfilled) == (80, 40)
    # Of 80 open until the first hour 4 ended there, of 48 until the ninth 4.
    assert curves.known.curve.at(HOUR) == pytest.approx(76 / 80)
    assert curves.known.curve.at(9 * HOUR) == pytest.approx(44 / 80)


@pytest.mark.parametrize(("count", "known"), [(29, 0), (30, 1)])
async def test_of_a_short_history_nothing_is_forecast(session: TenantSession, count: int, known: int) -> None:
    await _history(session, took=FORTY[:count])
    await forecasting.advance(session, ids.new_id(), now=LATER)

    [commitment] = await _promised(session, terms=WATCHED, at=LATER)

    assert len(await forecasting.curves(session, [commitment])) == known
    assert (commitment.miss_chance is None) == (known == 0)


async def test_a_promise_at_risk_is_told_of_once_and_remembers_it(session: TenantSession) -> None:
    """Of those open after five hours, two fifths are open after eight; after six, two quarters."""
    await _known(session)
    [made] = await _promised(session, terms=replace(WATCHED, renegotiate_above=0.45), at=LATER)

    early = await service.advance(session, made.id, now=LATER + 6 * HOUR - domain.RESOLUTION)
    risky = await service.advance(session, made.id, now=LATER + 6 * HOUR)
    again = await service.advance(session, made.id, now=LATER + 7 * HOUR)

    assert made.miss_chance == pytest.approx(0.2)
    assert (early.at_risk_at, risky.at_risk_at, again.at_risk_at) == (None, *[LATER + 6 * HOUR] * 2)
    [event] = await _told_at_risk(session)
    assert event.payload["miss_chance"] == pytest.approx(0.5)
    [curve_id] = await session.db.scalars(select(CurveRow.id).where(CurveRow.tenant_id == session.tenant_id))
    assert event.payload["curve_id"] == str(curve_id)


async def test_the_wake_up_of_a_promise_is_the_instant_at_which_it_is_at_risk(session: TenantSession) -> None:
    await _known(session)

    [made] = await _promised(session, terms=replace(WATCHED, renegotiate_above=0.22), at=LATER)

    query = select(WakeUpRow.fire_at).where(
        WakeUpRow.tenant_id == session.tenant_id, WakeUpRow.subject_id == made.id
    )
    assert await session.db.scalar(query) == LATER + HOUR


async def test_a_promise_shows_what_it_was_compared_with(session: TenantSession) -> None:
    await _known(session)
    [made] = await _promised(session, at=LATER)

    account = await service.get(session, made.id, client_id=None, now=LATER + 5 * HOUR)

    assert account.risk.chance == pytest.approx(0.4)
    assert account.risk.curves is not None
    assert account.risk.curves.known.promises == 40
    assert account.commitment.miss_chance == account.risk.chance


@pytest.mark.parametrize(("level", "kept"), [(0.9, True), (None, False)])
async def test_a_look_that_found_another_chance_is_kept_and_one_that_found_nothing_is_not(
    session: TenantSession, level: float | None, *, kept: bool
) -> None:
    await _known(session)
    terms = replace(WATCHED, renegotiate_above=level)
    [made] = await _promised(session, terms=terms, at=LATER)

    await service.advance(session, made.id, now=LATER + 5 * HOUR)

    row = await session.db.get_one(CommitmentRow, (session.tenant_id, made.id))
    assert (row.looked_at == LATER + 5 * HOUR, row.used_seconds == 5 * 3600) == (kept, kept)
    assert row.miss_chance == (pytest.approx(0.4) if kept else None)


async def test_the_end_of_a_promise_wakes_the_history_once_some_hours_later(session: TenantSession) -> None:
    one, other = await _promised(session, count=2)
    assert await _wake_up(session, forecasting.SUBJECT_KIND) is None

    await _fulfilled(session, one, NOON + HOUR)
    await _fulfilled(session, other, NOON + 2 * HOUR)

    assert await _wake_up(session, forecasting.SUBJECT_KIND) == NOON + HOUR + forecasting.INTERVAL


@pytest.mark.parametrize(
    ("passed", "new", "made"),
    [
        (timedelta(0), 0, 1),
        (timedelta(hours=23), 9, 1),
        (timedelta(hours=6), 10, 2),
        (timedelta(days=1), 0, 2),
    ],
)
async def test_curves_are_made_anew_when_enough_has_changed_or_a_day_has_passed(
    session: TenantSession, passed: timedelta, new: int, made: int
) -> None:
    await _known(session)
    if new:
        await _promised(session, count=new, at=LATER)

    await forecasting.advance(session, ids.new_id(), now=LATER + passed)

    assert await _made(session) == made


async def test_a_curve_that_was_replaced_stays_as_it_was(session: TenantSession) -> None:
    await _known(session)
    before = (await session.db.execute(select(CurveRow.id, CurveRow.steps))).all()
    await _history(session, took=[20 * HOUR] * 10, at=LATER)

    await forecasting.advance(session, ids.new_id(), now=LATER + timedelta(days=2))

    after = (await session.db.execute(select(CurveRow.id, CurveRow.steps))).all()
    assert set(map(str, before)) < set(map(str, after))
    [curves] = (await forecasting.of_cohorts(session, [COHORT])).values()
    assert curves.made_at == LATER + timedelta(days=2)


async def test_curves_are_forgotten_when_others_have_replaced_them_for_long(session: TenantSession) -> None:
    await _known(session)
    await session.db.execute(update(CommitmentRow).values(started_at=NOON))

    await forecasting.advance(session, ids.new_id(), now=LATER + forecasting.KEPT + timedelta(days=1))

    made = await store.latest(session)
    assert made is not None
    assert (await _made(session), made.at) == (1, LATER + forecasting.KEPT + timedelta(days=1))


async def test_a_tenant_without_promises_has_no_history(session: TenantSession) -> None:
    assert not await forecasting.advance(session, ids.new_id(), now=NOON)
    assert await _made(session) == 0


async def test_only_the_newest_promises_are_looked_at(
    session: TenantSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasting, "PROMISES_MAX", 35)
    await _history(session, took=[HOUR] * 10 + [5 * HOUR] * 35)

    await forecasting.advance(session, ids.new_id(), now=LATER)

    [curves] = (await forecasting.of_cohorts(session, [COHORT])).values()
    assert (curves.known.promises, curves.known.curve.at(2 * HOUR)) == (35, 1.0)
