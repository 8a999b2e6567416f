"""What became of changes: whether they were a success, and whether they led to accidents."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, union

from service.db import TenantSession
from service.rationalization.accidents.domain import State
from service.rationalization.accidents.models import AccidentLinkRow, AccidentRow
from service.rationalization.reviews.models import ReviewResultRow


async def reviewed(session: TenantSession, request_ids: Collection[UUID]) -> dict[UUID, bool]:
    """Whether each of these requests was a success, of those of which a review says it."""
    row = ReviewResultRow
    query = select(row.request_id, row.is_success).where(
        row.tenant_id == session.tenant_id,
        row.request_id.in_(request_ids),
        row.superseded_at.is_(None),
    )
    return dict((await session.db.execute(query)).all())


async def with_accidents(session: TenantSession, request_ids: Collection[UUID]) -> set[UUID]:
    """Those of these requests that an accident is linked to, or was caused by, and is not withdrawn."""
    accident, link = AccidentRow, AccidentLinkRow
    counts = accident.tenant_id == session.tenant_id, accident.state != State.WITHDRAWN.value
    linked = (
        select(link.request_id)
        .join(accident, (accident.tenant_id == link.tenant_id) & (accident.id == link.accident_id))
        .where(*counts, link.tenant_id == session.tenant_id, link.request_id.in_(request_ids))
    )
    caused = select(accident.change_id).where(*counts, accident.change_id.in_(request_ids))
    return {found for found in await session.db.scalars(union(linked, caused)) if found is not None}
