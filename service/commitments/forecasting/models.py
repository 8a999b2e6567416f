"""Tables of this slice, and what a curve is to those who forecast by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.commitments.forecasting.domain import Cohort, Curve, Known
from service.db import Row, TenantRow
from service.ids import CurveId


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What a promise is compared with: the curve of its cohort, or of the nearest one that has one.

    Attributes:
        id: of the curve, which never changes.
        made_at: when it was made.
    """

    id: CurveId
    made_at: datetime
    known: Known


class ForecastRow(TenantRow):
    """That the curves of a tenant were made anew. The newest one counts; none is ever changed.

    Attributes:
        promises: how many they were made of.
        newest: the newest of these.
    """

    __tablename__ = "forecast"

    made_at: Mapped[datetime]
    promises: Mapped[int]
    newest: Mapped[UUID]


class CurveRow(TenantRow):
    """The curve of one cohort.

    Attributes:
        steps: `seconds` of the promise's clock, and the `survival` from each of them on.
    """

    __tablename__ = "forecast_curve"
    __table_args__ = (
        UniqueConstraint("tenant_id", "forecast_id", "cohort"),
        ForeignKeyConstraint(["tenant_id", "forecast_id"], ["forecast.tenant_id", "forecast.id"]),
    )

    forecast_id: Mapped[UUID]
    cohort: Mapped[str]
    promises: Mapped[int]
    fulfilled: Mapped[int]
    since: Mapped[datetime]
    made_at: Mapped[datetime]
    steps: Mapped[dict[str, Any]]


def columns(known: Known, curve_id: UUID, *, forecast_id: UUID, made_at: datetime) -> dict[str, Any]:
    """The columns of a curve, but for its tenant."""
    return {
        "id": curve_id,
        "forecast_id": forecast_id,
        "cohort": known.cohort.key,
        "promises": known.promises,
        "fulfilled": known.fulfilled,
        "since": known.since,
        "made_at": made_at,
        "steps": {
            "seconds": [at // timedelta(seconds=1) for at in known.curve.times],
            "survival": list(known.curve.survival),
        },
    }


def known_of(cohort: Cohort, row: Row) -> Known:
    """What a row says of its cohort."""
    seconds: Sequence[int] = row.steps["seconds"]
    return Known(
        cohort=cohort,
        promises=row.promises,
        fulfilled=row.fulfilled,
        since=row.since,
        curve=Curve([timedelta(seconds=at) for at in seconds], row.steps["survival"]),
    )
