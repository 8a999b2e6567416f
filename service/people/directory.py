"""Many members at once: those who are named, those in roles, those in groups."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from service import ids
from service.db import TenantSession
from service.ids import MemberId
from service.people.domain import Member, MemberState
from service.people.models import GroupMemberRow, MemberGroupRow, MemberRow


@dataclass(frozen=True, slots=True)
class Team:
    """A group: its active members, and the member above it, in whatever state that is."""

    members: tuple[MemberId, ...]
    manager_id: MemberId | None


async def named(session: TenantSession, names: Collection[str]) -> dict[str, Member]:
    """The members whose id or e-mail address these are, by how they are named."""
    if not names:
        return {}
    row, wanted = MemberRow, {name: name.strip().lower() for name in names}
    member_ids = [member_id for member_id in map(member_id_in, wanted.values()) if member_id is not None]
    named_so = or_(row.id.in_(member_ids), func.lower(row.email).in_(wanted.values()))
    query = select(row).where(row.tenant_id == session.tenant_id, named_so)
    found = [each.to_domain() for each in await session.db.scalars(query)]
    by_name = {key: member for member in found for key in (str(member.id), member.email.lower())}
    return {name: by_name[key] for name, key in wanted.items() if key in by_name}


async def active(
    session: TenantSession,
    *,
    member_ids: Collection[MemberId] = (),
    roles: Collection[str] = (),
    called: Collection[str] = (),
) -> list[Member]:
    """The active members with one of these ids, in one of these roles, or called by one of these names.

    Args:
        session: of the tenant.
        member_ids: ids.
        roles: names of roles.
        called: e-mail addresses and names, in whatever case.
    """
    row, lowered = MemberRow, [name.strip().lower() for name in called]
    wanted = or_(
        row.id.in_(member_ids),
        *(row.roles.contains([role]) for role in roles),
        func.lower(row.email).in_(lowered),
        func.lower(row.name).in_(lowered),
    )
    is_active = row.state == MemberState.ACTIVE.value
    query = select(row).where(row.tenant_id == session.tenant_id, is_active, wanted).order_by(row.id)
    return [each.to_domain() for each in await session.db.scalars(query)]


async def teams(session: TenantSession, names: Collection[str]) -> dict[str, Team]:
    """Those of the groups of these names that there are."""
    if not names:
        return {}
    group, member, inside = MemberGroupRow, MemberRow, GroupMemberRow
    groups = await session.db.scalars(
        select(group).where(group.tenant_id == session.tenant_id, group.name.in_(names))
    )
    found = {each.id: each for each in groups}
    its_member = and_(member.tenant_id == inside.tenant_id, member.id == inside.member_id)
    rows = await session.db.execute(
        select(inside.group_id, inside.member_id)
        .join(member, its_member)
        .where(
            inside.tenant_id == session.tenant_id,
            member.tenant_id == session.tenant_id,
            member.state == MemberState.ACTIVE.value,
            inside.group_id.in_(found),
        )
        .order_by(inside.member_id)
    )
    members: defaultdict[UUID, list[MemberId]] = defaultdict(list)
    for group_id, member_id in rows:
        members[group_id].append(MemberId(member_id))
    return {
        row.name: Team(
            members=tuple(members[row.id]),
            manager_id=None if row.manager_id is None else MemberId(row.manager_id),
        )
        for row in found.values()
    }


async def groups_of(
    session: TenantSession, member_ids: Collection[MemberId]
) -> dict[MemberId, frozenset[str]]:
    """The names of the groups that each of these members is in."""
    found: dict[MemberId, set[str]] = {member_id: set() for member_id in member_ids}
    if not found:
        return {}
    group, inside = MemberGroupRow, GroupMemberRow
    rows = await session.db.execute(
        select(inside.member_id, group.name)
        .join(group, and_(group.tenant_id == inside.tenant_id, group.id == inside.group_id))
        .where(
            inside.tenant_id == session.tenant_id,
            group.tenant_id == session.tenant_id,
            inside.member_id.in_(found),
        )
    )
    for member_id, name in rows:
        found[MemberId(member_id)].add(name)
    return {member_id: frozenset(names) for member_id, names in found.items()}


async def team_names(session: TenantSession) -> frozenset[str]:
    """The names of all groups."""
    query = select(MemberGroupRow.name).where(MemberGroupRow.tenant_id == session.tenant_id)
    return frozenset(await session.db.scalars(query))


def member_id_in(name: str) -> MemberId | None:
    """The id that is written so, if it is one."""
    try:
        return MemberId(ids.read_id(name))
    except ValueError:
        return None
