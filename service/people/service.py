"""Use cases of members: load, decide, save. `now` is the wall clock's, which links and tokens go by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.ids import MemberId, PersonId
from service.limits import service as limits
from service.limits.domain.table import MEMBERS
from service.names import faults_of_name
from service.people import accounts, store
from service.people.domain import (
    Lifetimes,
    Member,
    MemberState,
    Role,
    Standing,
    faults_of_roles,
    in_order,
    is_last_admin,
    state_once_reactivated,
)
from service.people.domain.accounts import tokens_end_at
from service.people.errors import LastAdmin, MemberInvalid, OwnRoles
from service.people.models import MemberRow
from service.platform import PlatformSession
from service.tenants import service as tenants


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """What a tenant says of a member."""

    name: str
    roles: tuple[str, ...]


async def standing(session: TenantSession, member_id: MemberId) -> Standing | None:
    """What a member may do now; None for one that is not there, or never accepted its invitation."""
    return await store.standing(session, member_id)


async def get_member(session: TenantSession, member_id: MemberId) -> Member:
    return (await store.member(session, member_id)).to_domain()


async def members(session: TenantSession, member_ids: Collection[MemberId]) -> dict[MemberId, Member]:
    """Those of these members that there are, by their ids."""
    if not member_ids:
        return {}
    found = [row.to_domain() for row in await store.members(session, member_ids)]
    return {member.id: member for member in found}


async def lock_member(session: TenantSession, member_id: MemberId) -> Member:
    """The member, which nobody else changes until the transaction ends. Raises MemberNotFound."""
    row, _ = await store.lock_member(session, member_id)
    return row.to_domain()


async def member_count(session: TenantSession) -> int:
    """How many members are not deactivated."""
    return await store.member_count(session)


async def has_other_leads(session: TenantSession, member_id: MemberId | None) -> bool:
    """Is anybody else active who is an admin or a manager?"""
    return await store.lead_count(session, besides=member_id) > 0


async def list_members(session: TenantSession, *, after: UUID | None, limit: int) -> list[Member]:
    return [row.to_domain() for row in await store.listed(session, MemberRow, after=after, limit=limit)]


async def change_member(
    session: TenantSession, actor: Actor, member_id: MemberId, entry: MemberEntry
) -> Member:
    """Replace name and roles. What the member is in the middle of goes by the new roles.

    Raises:
        MemberNotFound, MemberInvalid, OwnRoles, LastAdmin
    """
    faults = faults_of_name(entry.name) + faults_of_roles(entry.roles)
    if faults:
        raise MemberInvalid(faults)
    roles = frozenset(Role(role) for role in entry.roles)
    row, other_admins = await store.lock_member(session, member_id)
    member = row.to_domain()
    if roles != member.roles and actor.name == f"member:{member_id}":
        raise OwnRoles
    if Role.ADMIN not in roles and is_last_admin(member, other_admins=other_admins):
        raise LastAdmin
    row.name, row.roles = entry.name, in_order(roles)
    return await _save(session, actor, row, "member.changed", before=member)


async def deactivate(session: TenantSession, actor: Actor, member_id: MemberId, *, now: datetime) -> Member:
    """Let a member do nothing any more. What was issued to it ends, and so does an invitation.

    Raises:
        MemberNotFound, LastAdmin
    """
    row, other_admins = await store.lock_member(session, member_id)
    member = row.to_domain()
    if member.state is MemberState.DEACTIVATED:
        return member
    if is_last_admin(member, other_admins=other_admins):
        raise LastAdmin
    row.state, row.tokens_valid_from = MemberState.DEACTIVATED, tokens_end_at(now)
    await store.withdraw_invitations(session, member_id)
    platform = PlatformSession(session.db)
    person_id = await _whose(platform, member)
    if person_id is not None:
        await accounts.remove_membership(platform, person_id, session.tenant_id)
    return await _save(session, actor, row, "member.deactivated", before=member)


async def reactivate(session: TenantSession, actor: Actor, member_id: MemberId) -> Member:
    """Let a member in again; one that never accepted has to be invited again.

    Raises:
        MemberNotFound, MembersTooMany
    """
    row, _ = await store.lock_member(session, member_id)
    member = row.to_domain()
    if member.state is not MemberState.DEACTIVATED:
        return member
    await limits.make_room(session, MEMBERS, lambda: store.member_count(session))
    row.state = state_once_reactivated(member)
    if member.person_id is not None:
        platform = PlatformSession(session.db)
        await accounts.put_membership(platform, member.person_id, session.tenant_id, member_id, active=True)
    return await _save(session, actor, row, "member.reactivated", before=member)


async def tidy(session: TenantSession, *, now: datetime) -> None:
    """Forget the invitations of this tenant that have expired."""
    await store.forget_invitations(session, expired_before=now)


async def tidy_log_in(platform: PlatformSession, *, now: datetime, lifetimes: Lifetimes) -> None:
    """Forget the sessions, links and failures that do not count any more."""
    await accounts.forget(platform, now=now, idle_since=now - lifetimes.idle)


async def _whose(platform: PlatformSession, member: Member) -> PersonId | None:
    """The account that may log in because of this member, if only to accept an invitation."""
    if member.person_id is not None:
        return member.person_id
    person = await accounts.person_at(platform, member.email)
    return None if person is None else PersonId(person.id)


async def _save(
    session: TenantSession, actor: Actor, row: MemberRow, action: str, *, before: Member
) -> Member:
    row.version += 1
    await session.db.flush()
    after = row.to_domain()
    deed = Deed(action, f"member:{row.id}", before=_told(before), after=_told(after))
    await audit.record(session, actor, deed, now=await tenants.now(session))
    return after


def _told(member: Member) -> dict[str, Any]:
    return {"name": member.name, "roles": in_order(member.roles), "state": member.state}
