"""Queries of who had a hand in what. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, exists, select
from sqlalchemy.orm import InstrumentedAttribute

from service.db import TenantSession, insert_new
from service.ids import MemberId, RequestId
from service.rationalization.involvement.domain import Chance, Hand
from service.rationalization.involvement.models import InvolvementRow

INVOLVEMENTS = cast("Table", InvolvementRow.__table__)


async def add(session: TenantSession, row: dict[str, Any]) -> None:
    """Note it, unless it is noted."""
    await insert_new(session.db, INVOLVEMENTS, {"tenant_id": session.tenant_id, **row})


async def listed(
    session: TenantSession,
    request_ids: Collection[RequestId],
    *,
    hands: Collection[Hand | Chance] = tuple(Hand),
) -> Sequence[InvolvementRow]:
    """Who had one of these hands in these requests."""
    row = InvolvementRow
    query = select(row).where(
        row.tenant_id == session.tenant_id,
        row.request_id.in_(request_ids),
        row.hand.in_([hand.value for hand in hands]),
    )
    return (await session.db.scalars(query)).all()


async def remove(session: TenantSession, request_id: RequestId, subject_ids: Collection[UUID]) -> None:
    """Take back what was noted about these subjects of a request."""
    row = InvolvementRow
    await session.db.execute(
        delete(row).where(
            row.tenant_id == session.tenant_id,
            row.request_id == request_id,
            row.subject_id.in_(subject_ids),
        )
    )


def involves(
    session: TenantSession, request_id: InstrumentedAttribute[UUID], people: Collection[MemberId]
) -> ColumnElement[bool]:
    """Whether one of these people had a hand in the request of a row."""
    row = InvolvementRow
    return exists().where(
        row.tenant_id == session.tenant_id,
        row.request_id == request_id,
        row.member_id.in_(people),
        row.hand.in_([hand.value for hand in Hand]),
    )
