"""Queries of reviews. Every statement names the tenant on every table that it touches."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, select, update

from service import queries
from service.db import TenantSession, insert_rows, update_row
from service.ids import RequestId, ReviewId, ServiceId
from service.rationalization.reviews.domain import Result, State
from service.rationalization.reviews.errors import ReviewNotFound
from service.rationalization.reviews.models import ReviewResultRow, ReviewRow

REVIEWS = cast("Table", ReviewRow.__table__)
RESULTS = cast("Table", ReviewResultRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which reviews of the list are asked for; None leaves a filter out."""

    state: State | None = None
    request_id: RequestId | None = None
    service_id: ServiceId | None = None
    result: Result | None = None


def _mine(session: TenantSession) -> Select[ReviewRow]:
    return queries.mine(session, ReviewRow)


async def get(session: TenantSession, review_id: ReviewId, *, lock: bool = False) -> ReviewRow:
    """One review. Raises ReviewNotFound."""
    query = _mine(session).where(ReviewRow.id == review_id)
    return await queries.one(session, query, or_else=ReviewNotFound(review_id), lock=lock)


async def owed(session: TenantSession, request_id: RequestId) -> ReviewRow | None:
    """The review that is owed of a request, locked."""
    row = ReviewRow
    query = _mine(session).where(row.request_id == request_id, row.state == State.OWED.value)
    return await session.db.scalar(query.with_for_update())


async def last(session: TenantSession, request_id: RequestId) -> ReviewRow | None:
    """The last review of a request, whatever became of it."""
    query = _mine(session).where(ReviewRow.request_id == request_id)
    return await session.db.scalar(query.order_by(ReviewRow.id.desc()).limit(1))


async def listed(
    session: TenantSession, sought: Sought, *, before: UUID | None, limit: int
) -> list[ReviewRow]:
    """Reviews, the youngest first."""
    row = ReviewRow
    asked = queries.equal(
        {row.state: sought.state, row.request_id: sought.request_id, row.service_id: sought.service_id}
    )
    if sought.result is not None:
        asked.append(row.id.in_(_with_result(session, sought.result)))
    query = queries.page_back(_mine(session), row, before=before, limit=limit)
    return list(await session.db.scalars(query.where(*asked)))


def _with_result(session: TenantSession, result: Result) -> Select[UUID]:
    row = ReviewResultRow
    return select(row.review_id).where(row.tenant_id == session.tenant_id, row.result == result.value)


async def results(session: TenantSession, review_ids: Collection[UUID]) -> dict[UUID, ReviewResultRow]:
    """What was found by each of these reviews that is done."""
    row = ReviewResultRow
    query = select(row).where(row.tenant_id == session.tenant_id, row.review_id.in_(review_ids))
    return {each.review_id: each for each in await session.db.scalars(query)}


async def add(session: TenantSession, columns: dict[str, Any]) -> None:
    await insert_rows(session.db, REVIEWS, [{"tenant_id": session.tenant_id, **columns}])


async def change(session: TenantSession, review_id: ReviewId, columns: dict[str, Any]) -> None:
    """Write columns of a review that the caller has locked."""
    await update_row(session, REVIEWS, review_id, columns)


async def supersede(session: TenantSession, request_id: RequestId, *, now: datetime) -> None:
    """Let what was found of a request before count no more, from now on."""
    row = ReviewResultRow
    await session.db.execute(
        update(row)
        .where(row.tenant_id == session.tenant_id, row.request_id == request_id, row.superseded_at.is_(None))
        .values(superseded_at=now)
    )


async def add_result(session: TenantSession, columns: dict[str, Any]) -> None:
    await insert_rows(session.db, RESULTS, [{"tenant_id": session.tenant_id, **columns}])
