"""Use cases of groups: members who work together, and the member above them. `now` is the tenant's."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault
from service.ids import GroupId, MemberId
from service.limits import service as limits
from service.limits.domain.table import GROUPS
from service.names import faults_of_name
from service.people import store
from service.people.domain import Group, Member, MemberState
from service.people.errors import GroupInvalid, MemberDeactivated
from service.people.models import MemberGroupRow


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """What is recorded of a group.

    Attributes:
        manager_id: the member whom an escalation climbs to; it need not be in the group.
        calendar: the name of the calendar that it works by.
    """

    name: str
    manager_id: MemberId | None = None
    calendar: str | None = None


async def create_group(
    session: TenantSession, actor: Actor, entry: GroupEntry, *, calendars: Collection[str], now: datetime
) -> Group:
    """Create a group that may work by one of these calendars.

    Raises:
        GroupInvalid, GroupNameTaken, MemberNotFound, MemberDeactivated, GroupsTooMany
    """
    await _vet(session, entry, calendars)
    await limits.make_room(session, GROUPS, lambda: store.group_count(session))
    group = Group(
        id=GroupId(ids.new_id()),
        name=entry.name,
        manager_id=entry.manager_id,
        calendar=entry.calendar,
        version=1,
        created_at=now,
    )
    await store.add_group(
        session,
        group.id,
        name=group.name,
        manager_id=group.manager_id,
        calendar=group.calendar,
        version=1,
        created_at=now,
    )
    await store.put_calendar(session, group)
    await _record(session, actor, "group.created", group.id, after=_told(group), now=now)
    return group


async def get_group(session: TenantSession, group_id: GroupId, *, lock: bool = False) -> Group:
    return (await store.group(session, group_id, lock=lock)).to_domain()


async def count(session: TenantSession) -> int:
    """How many groups there are."""
    return await store.group_count(session)


async def list_groups(session: TenantSession, *, after: UUID | None, limit: int) -> list[Group]:
    return [row.to_domain() for row in await store.listed(session, MemberGroupRow, after=after, limit=limit)]


async def calendar_of(session: TenantSession, name: str) -> str | None:
    """The name of the calendar by which the group of that name works, if there is such."""
    return await store.calendar_of(session, name)


async def calendars_of_groups(session: TenantSession) -> dict[str, str]:
    """By which calendar each group works, by its name."""
    return await store.calendars_of_groups(session)


async def change_group(
    session: TenantSession,
    actor: Actor,
    group_id: GroupId,
    entry: GroupEntry,
    *,
    calendars: Collection[str],
    now: datetime,
) -> Group:
    """Replace what is recorded of a group, which may work by one of these calendars.

    Raises:
        GroupNotFound, GroupInvalid, GroupNameTaken, MemberNotFound, MemberDeactivated
    """
    row = await store.group(session, group_id, lock=True)
    before = row.to_domain()
    await _vet(session, entry, calendars)
    row.name, row.manager_id, row.calendar = entry.name, entry.manager_id, entry.calendar
    row.version += 1
    await store.save_group(session, row)
    after = row.to_domain()
    await store.put_calendar(session, after)
    changed = {"before": _told(before), "after": _told(after)}
    await _record(session, actor, "group.changed", group_id, **changed, now=now)
    return after


async def remove_group(session: TenantSession, actor: Actor, group_id: GroupId, *, now: datetime) -> None:
    """Remove a group; its members stay members. Raises GroupNotFound."""
    row = await store.group(session, group_id, lock=True)
    before = _told(row.to_domain())
    await store.forget_calendar(session, group_id)
    await store.remove_group(session, row)
    await _record(session, actor, "group.removed", group_id, before=before, now=now)


async def list_group_members(
    session: TenantSession, group_id: GroupId, *, after: UUID | None, limit: int
) -> list[Member]:
    """Raises GroupNotFound."""
    await store.group(session, group_id)
    found = await store.group_members(session, group_id, after=after, limit=limit)
    return [row.to_domain() for row in found]


async def add_group_member(
    session: TenantSession, actor: Actor, group_id: GroupId, member_id: MemberId, *, now: datetime
) -> Group:
    """Put a member into a group; nothing changes when it is there.

    Raises:
        GroupNotFound, MemberNotFound, MemberDeactivated
    """
    row = await store.group(session, group_id, lock=True)
    await _refuse_deactivated(session, member_id)
    if await store.add_to_group(session, group_id, member_id, now=now):
        row.version += 1
        after = {"member_id": member_id}
        await _record(session, actor, "group.member_added", group_id, after=after, now=now)
    return row.to_domain()


async def remove_group_member(
    session: TenantSession, actor: Actor, group_id: GroupId, member_id: MemberId, *, now: datetime
) -> Group:
    """Take a member out of a group. Raises GroupNotFound, GroupMemberNotFound."""
    row = await store.group(session, group_id, lock=True)
    await store.remove_from_group(session, group_id, member_id)
    row.version += 1
    before = {"member_id": member_id}
    await _record(session, actor, "group.member_removed", group_id, before=before, now=now)
    return row.to_domain()


async def _vet(session: TenantSession, entry: GroupEntry, calendars: Collection[str]) -> None:
    faults = faults_of_name(entry.name)
    if entry.calendar is not None and entry.calendar not in calendars:
        faults.append(Fault("/calendar", f"There is no calendar {entry.calendar!r} for it; create it first."))
    if faults:
        raise GroupInvalid(faults)
    if entry.manager_id is not None:
        await _refuse_deactivated(session, entry.manager_id)


async def _refuse_deactivated(session: TenantSession, member_id: MemberId) -> None:
    member = await store.member(session, member_id)
    if member.state == MemberState.DEACTIVATED:
        raise MemberDeactivated(member_id)


async def _record(
    session: TenantSession, actor: Actor, action: str, group_id: GroupId, *, now: datetime, **sides: Any
) -> None:
    await audit.record(session, actor, Deed(action, f"group:{group_id}", **sides), now=now)


def _told(group: Group) -> dict[str, Any]:
    return {"name": group.name, "manager_id": group.manager_id, "calendar": group.calendar}
