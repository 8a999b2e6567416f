"""Queries of this slice."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from service.mail.domain import State
from service.mail.models import MailRow
from service.platform import PlatformSession


async def add(platform: PlatformSession, row: MailRow) -> None:
    platform.db.add(row)
    await platform.db.flush()


async def claim(
    platform: PlatformSession, *, now: datetime, until: datetime, limit: int
) -> Sequence[MailRow]:
    """Take what is due, oldest first, and let nobody else have it before `until`."""
    due = (
        select(MailRow.id)
        .where(MailRow.state == State.QUEUED, MailRow.due_at <= now)
        .order_by(MailRow.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = await platform.db.scalars(
        update(MailRow)
        .where(MailRow.id.in_(due.scalar_subquery()))
        .values(due_at=until, attempts=MailRow.attempts + 1)
        .returning(MailRow),
        execution_options={"synchronize_session": False},
    )
    return sorted(taken, key=lambda row: row.id)


async def get(platform: PlatformSession, mail_id: UUID, *, attempts: int) -> MailRow | None:
    """The mail if it still is at this attempt, locked; None if another worker has taken over."""
    return await platform.db.scalar(
        select(MailRow)
        .where(MailRow.id == mail_id, MailRow.state == State.QUEUED, MailRow.attempts == attempts)
        .with_for_update()
    )


async def forget(platform: PlatformSession, *, settled_before: datetime) -> None:
    await platform.db.execute(delete(MailRow).where(MailRow.settled_at < settled_before))


async def failed(platform: PlatformSession) -> int:
    query = select(func.count()).select_from(MailRow).where(MailRow.state == State.FAILED)
    return (await platform.db.execute(query)).scalar_one()
