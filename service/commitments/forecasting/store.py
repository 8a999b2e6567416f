"""Queries of this slice. Every statement names the tenant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table

from service.commitments.forecasting import models
from service.commitments.forecasting.domain import Cohort, Lived, Meter
from service.commitments.forecasting.models import CurveRow, Curves, ForecastRow
from service.db import Row, TenantSession, insert_rows, run
from service.ids import CurveId

FORECASTS = cast("Table", ForecastRow.__table__)
CURVES = cast("Table", CurveRow.__table__)

LATEST = "select made_at, promises, newest from forecast where tenant_id = $1 order by id desc limit 1"
NEWER = """
select count(*) from (select from commitment where tenant_id = $1 and id > $2 limit $3) as newer
"""
HISTORY = """
select id, metric, peers, target->>'unit' as unit, started_at, used_seconds,
  fulfilled_at is not null as fulfilled
from commitment
where tenant_id = $1 and used_seconds is not null
order by id desc limit $2
"""
"""By the primary key, from its end: what it costs does not grow with the number of promises."""

OF_COHORTS = """
select id, cohort, promises, fulfilled, since, made_at, steps from forecast_curve
where tenant_id = $1 and cohort = any($2)
  and forecast_id = (select id from forecast where tenant_id = $1 order by id desc limit 1)
"""
FORGET_CURVES = """
delete from forecast_curve where tenant_id = $1
  and forecast_id in (select id from forecast where tenant_id = $1 and made_at < $2)
"""
FORGET = "delete from forecast where tenant_id = $1 and made_at < $2"

ELAPSED, INSTANT = "elapsed_time", "instant"


@dataclass(frozen=True, slots=True)
class Made:
    """When the curves of a tenant were made, and of what."""

    at: datetime
    promises: int
    newest: UUID


@dataclass(frozen=True, slots=True)
class History:
    """The newest promises of a tenant; `newest` is None where there are none."""

    lived: Sequence[Lived]
    newest: UUID | None


async def latest(session: TenantSession) -> Made | None:
    row = (await run(session.db, LATEST, session.tenant_id)).first()
    return None if row is None else Made(row.made_at, row.promises, row.newest)


async def newer(session: TenantSession, than: UUID, *, limit: int) -> int:
    """How many promises were made since that one; no more than `limit` are counted."""
    return (await run(session.db, NEWER, session.tenant_id, than, limit)).scalar_one()


async def history(session: TenantSession, *, limit: int) -> History:
    """The promises that were made last."""
    found = (await run(session.db, HISTORY, session.tenant_id, limit)).rows
    return History([_lived(row) for row in found if row.unit != INSTANT], found[0].id if found else None)


async def of_cohorts(session: TenantSession, cohorts: Iterable[Cohort]) -> dict[Cohort, Curves]:
    """The curves in force of those cohorts that have one of their own."""
    by_key: Mapping[str, Cohort] = {cohort.key: cohort for cohort in cohorts}
    found = await run(session.db, OF_COHORTS, session.tenant_id, list(by_key))
    return {by_key[row.cohort]: _curves(row, by_key[row.cohort]) for row in found}


async def add(session: TenantSession, forecast: dict[str, Any], curves: Sequence[dict[str, Any]]) -> None:
    """Write that curves were made, and the curves."""
    await insert_rows(session.db, FORECASTS, [{"tenant_id": session.tenant_id, **forecast}])
    await insert_rows(session.db, CURVES, [{"tenant_id": session.tenant_id, **each} for each in curves])


async def forget(session: TenantSession, *, before: datetime) -> None:
    """Drop what was made before then."""
    await run(session.db, FORGET_CURVES, session.tenant_id, before)
    await run(session.db, FORGET, session.tenant_id, before)


def _lived(row: Row) -> Lived:
    meter = Meter.ELAPSED if row.unit == ELAPSED else Meter.WORKING
    return Lived(
        cohort=Cohort(row.metric, meter, row.peers or ""),
        started_at=row.started_at,
        used=timedelta(seconds=row.used_seconds),
        fulfilled=row.fulfilled,
    )


def _curves(row: Row, cohort: Cohort) -> Curves:
    return Curves(id=CurveId(row.id), made_at=row.made_at, known=models.known_of(cohort, row))
