"""Queries of what belongs to one tenant: its members, their invitations and groups."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from service import ids
from service.db import TenantRow, TenantSession, run
from service.ids import GroupId, MemberId
from service.people.domain import Group, MemberState, Role, Standing
from service.people.errors import (
    EmailTaken,
    GroupMemberNotFound,
    GroupNameTaken,
    GroupNotFound,
    MemberNotFound,
)
from service.people.models import (
    GroupCalendarRow,
    GroupMemberRow,
    InvitationRow,
    MemberGroupRow,
    MemberRow,
)

Row = TypeVar("Row", bound=TenantRow)

STANDING = """
select member.state, member.roles::text as roles,
       greatest(member.tokens_valid_from, person.tokens_valid_from) as tokens_valid_from
from member join person on person.id = member.person_id
where member.tenant_id = $1 and member.id = $2
"""


def _mine(session: TenantSession, row: type[Row]) -> Select[Row]:
    return select(row).where(row.tenant_id == session.tenant_id)


async def standing(session: TenantSession, member_id: MemberId) -> Standing | None:
    row = (await run(session.db, STANDING, session.tenant_id, member_id)).first()
    if row is None:
        return None
    roles = msgspec.json.decode(row.roles, type=frozenset[Role])
    return Standing(row.state == MemberState.ACTIVE, roles, row.tokens_valid_from)


async def member(session: TenantSession, member_id: MemberId) -> MemberRow:
    row = await session.db.scalar(_mine(session, MemberRow).where(MemberRow.id == member_id))
    if row is None:
        raise MemberNotFound(member_id)
    return row


async def members(session: TenantSession, member_ids: Collection[MemberId]) -> list[MemberRow]:
    """Those of these members that there are."""
    return list(await session.db.scalars(_mine(session, MemberRow).where(MemberRow.id.in_(member_ids))))


async def lock_member(session: TenantSession, member_id: MemberId) -> tuple[MemberRow, int]:
    """A member, and how many other active admins there are.

    All of them are locked until the transaction ends, in one order: of two admins who remove one another
    at once, the second finds what the first has done.
    """
    found = await session.db.scalars(
        _mine(session, MemberRow)
        .where(or_(MemberRow.id == member_id, _is_active_admin()))
        .order_by(MemberRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = {row.id: row for row in found}
    row = rows.pop(member_id, None)
    if row is None:
        raise MemberNotFound(member_id)
    return row, len(rows)


async def member_count(session: TenantSession) -> int:
    """How many members are not deactivated."""
    row = MemberRow
    mine = row.tenant_id == session.tenant_id, row.state != MemberState.DEACTIVATED
    return (await session.db.execute(select(func.count()).where(*mine))).scalar_one()


async def lead_count(session: TenantSession, *, besides: MemberId | None) -> int:
    """How many other active members are admins or managers."""
    row = MemberRow
    leads = or_(row.roles.contains([Role.ADMIN.value]), row.roles.contains([Role.MANAGER.value]))
    mine = row.tenant_id == session.tenant_id, row.state == MemberState.ACTIVE, leads
    query = select(func.count()).where(*mine)
    if besides is not None:
        query = query.where(row.id != besides)
    return (await session.db.execute(query)).scalar_one()


async def group_count(session: TenantSession) -> int:
    query = select(func.count()).where(MemberGroupRow.tenant_id == session.tenant_id)
    return (await session.db.execute(query)).scalar_one()


async def add_member(session: TenantSession, member_id: MemberId, **values: Any) -> None:
    """Raises EmailTaken."""
    added = await session.db.execute(
        upsert(MemberRow)
        .values(tenant_id=session.tenant_id, id=member_id, **values)
        .on_conflict_do_nothing()
        .returning(MemberRow.id)
    )
    if added.first() is None:
        raise EmailTaken(values["email"])


async def listed(session: TenantSession, row: type[Row], *, after: UUID | None, limit: int) -> list[Row]:
    """Rows in the order of their ids, which is that of their making."""
    query = _mine(session, row).order_by(row.id).limit(limit)
    if after is not None:
        query = query.where(row.id > after)
    return list(await session.db.scalars(query))


async def add_invitation(
    session: TenantSession, member_id: MemberId, digest: bytes, *, now: datetime, expires_at: datetime
) -> None:
    session.db.add(
        InvitationRow(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            member_id=member_id,
            digest=digest,
            created_at=now,
            expires_at=expires_at,
            used_at=None,
        )
    )
    await session.db.flush()


async def withdraw_invitations(session: TenantSession, member_id: MemberId) -> datetime | None:
    """Let the open links of a member not count any more; when the last of them was made, if there was one."""
    withdrawn = await session.db.scalars(
        delete(InvitationRow)
        .where(
            InvitationRow.tenant_id == session.tenant_id,
            InvitationRow.member_id == member_id,
            InvitationRow.used_at.is_(None),
        )
        .returning(InvitationRow.created_at)
    )
    return max(withdrawn, default=None)


async def invitation(
    session: TenantSession, digest: bytes, *, now: datetime, lock: bool = False
) -> tuple[InvitationRow, MemberRow] | None:
    """An open invitation and whom it invites."""
    query = (
        select(InvitationRow, MemberRow)
        .join(
            MemberRow,
            and_(
                MemberRow.tenant_id == InvitationRow.tenant_id,
                MemberRow.id == InvitationRow.member_id,
            ),
        )
        .where(
            InvitationRow.tenant_id == session.tenant_id,
            MemberRow.tenant_id == session.tenant_id,
            InvitationRow.digest == digest,
            InvitationRow.used_at.is_(None),
            InvitationRow.expires_at > now,
            MemberRow.state == MemberState.INVITED,
        )
    )
    found = (await session.db.execute(query.with_for_update() if lock else query)).first()
    return None if found is None else (found[0], found[1])


async def forget_invitations(session: TenantSession, *, expired_before: datetime) -> None:
    await session.db.execute(
        delete(InvitationRow).where(
            InvitationRow.tenant_id == session.tenant_id, InvitationRow.expires_at < expired_before
        )
    )


async def group(session: TenantSession, group_id: GroupId, *, lock: bool = False) -> MemberGroupRow:
    query = _mine(session, MemberGroupRow).where(MemberGroupRow.id == group_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise GroupNotFound(group_id)
    return row


async def add_group(session: TenantSession, group_id: GroupId, **values: Any) -> None:
    """Raises GroupNameTaken."""
    added = await session.db.execute(
        upsert(MemberGroupRow)
        .values(tenant_id=session.tenant_id, id=group_id, **values)
        .on_conflict_do_nothing()
        .returning(MemberGroupRow.id)
    )
    if added.first() is None:
        raise GroupNameTaken(values["name"])


async def save_group(session: TenantSession, row: MemberGroupRow) -> None:
    name = row.name
    try:
        await session.db.flush()
    except IntegrityError as error:
        raise GroupNameTaken(name) from error


async def put_calendar(session: TenantSession, group: Group) -> None:
    """Let all know by which calendar a group works, if by any."""
    await forget_calendar(session, group.id)
    if group.calendar is not None:
        session.db.add(
            GroupCalendarRow(
                tenant_id=session.tenant_id, id=group.id, name=group.name, calendar=group.calendar
            )
        )
        await session.db.flush()


async def forget_calendar(session: TenantSession, group_id: GroupId) -> None:
    row = GroupCalendarRow
    await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id, row.id == group_id))


async def calendar_of(session: TenantSession, name: str) -> str | None:
    """The name of the calendar by which the group of that name works, if there is such."""
    row = GroupCalendarRow
    query = select(row.calendar).where(row.tenant_id == session.tenant_id, row.name == name)
    return await session.db.scalar(query)


async def calendars_of_groups(session: TenantSession) -> dict[str, str]:
    """By which calendar each group works, by its name."""
    row = GroupCalendarRow
    query = select(row).where(row.tenant_id == session.tenant_id)
    return {each.name: each.calendar for each in await session.db.scalars(query)}


async def remove_group(session: TenantSession, row: MemberGroupRow) -> None:
    await session.db.execute(
        delete(GroupMemberRow).where(
            GroupMemberRow.tenant_id == session.tenant_id, GroupMemberRow.group_id == row.id
        )
    )
    await session.db.delete(row)
    await session.db.flush()


async def group_members(
    session: TenantSession, group_id: GroupId, *, after: UUID | None, limit: int
) -> list[MemberRow]:
    query = (
        _mine(session, MemberRow)
        .join(
            GroupMemberRow,
            and_(GroupMemberRow.tenant_id == MemberRow.tenant_id, GroupMemberRow.member_id == MemberRow.id),
        )
        .where(GroupMemberRow.tenant_id == session.tenant_id, GroupMemberRow.group_id == group_id)
        .order_by(MemberRow.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(MemberRow.id > after)
    return list(await session.db.scalars(query))


async def add_to_group(
    session: TenantSession, group_id: GroupId, member_id: MemberId, *, now: datetime
) -> bool:
    """Put a member into a group; False when it is there already."""
    added = await session.db.execute(
        upsert(GroupMemberRow)
        .values(
            tenant_id=session.tenant_id,
            id=ids.new_id(),
            group_id=group_id,
            member_id=member_id,
            added_at=now,
        )
        .on_conflict_do_nothing()
        .returning(GroupMemberRow.id)
    )
    return added.first() is not None


async def remove_from_group(session: TenantSession, group_id: GroupId, member_id: MemberId) -> None:
    """Raises GroupMemberNotFound."""
    removed = await session.db.execute(
        delete(GroupMemberRow)
        .where(
            GroupMemberRow.tenant_id == session.tenant_id,
            GroupMemberRow.group_id == group_id,
            GroupMemberRow.member_id == member_id,
        )
        .returning(GroupMemberRow.id)
    )
    if removed.first() is None:
        raise GroupMemberNotFound(member_id)


def _is_active_admin() -> ColumnElement[bool]:
    return and_(MemberRow.state == MemberState.ACTIVE, MemberRow.roles.contains([Role.ADMIN]))
