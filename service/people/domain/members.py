"""Who a member is, what its roles are, and what may be changed of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.errors import Fault
from service.ids import GroupId, MemberId, PersonId, TenantId

INVITATION_TTL = timedelta(days=7)


class Role(StrEnum):
    """What a member is there for. A member may have several."""

    ADMIN = "admin"
    """Configures the tenant: members, applications, policies, and all that others may do."""
    MANAGER = "manager"
    """Runs the service: clients, services, calendars, policies, promises, approvals."""
    AGENT = "agent"
    """Works on requests."""
    AUDITOR = "auditor"
    """Reads everything, the audit trail included, and changes nothing."""


class MemberState(StrEnum):
    INVITED = "invited"
    """Has a link to accept; may do nothing yet."""
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    """Is known by name, and may do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person in a tenant. Name and roles are the tenant's; the account is the person's own.

    Attributes:
        person_id: whose account it is; None until an invitation was accepted.
    """

    id: MemberId
    person_id: PersonId | None
    email: str
    name: str
    roles: frozenset[Role]
    state: MemberState
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member may do now.

    Attributes:
        tokens_valid_from: what was issued to the member before does not count any more.
    """

    active: bool
    roles: frozenset[Role]
    tokens_valid_from: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A tenant that a person may choose at log-in."""

    tenant_id: TenantId
    slug: str
    name: str
    member_id: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members who work together, and the one above them.

    Attributes:
        calendar: the name of the calendar that it works by.
        version: grows with each change, also of who is in the group.
    """

    id: GroupId
    name: str
    manager_id: MemberId | None
    calendar: str | None = None
    version: int
    created_at: datetime


def is_last_admin(member: Member, *, other_admins: int) -> bool:
    """Would the tenant be without an active admin if this member were none any more?"""
    return member.state is MemberState.ACTIVE and Role.ADMIN in member.roles and other_admins == 0


def state_once_reactivated(member: Member) -> MemberState:
    """Who never accepted an invitation is invited still, and needs a new link."""
    return MemberState.INVITED if member.person_id is None else MemberState.ACTIVE


def in_order(roles: Collection[Role]) -> list[Role]:
    """Roles as they are kept and shown: each once, always in one order."""
    return [role for role in Role if role in roles]


def faults_of_roles(roles: Sequence[str]) -> list[Fault]:
    known = ", ".join(Role)
    if not roles:
        return [Fault("/roles", f"A member needs at least one role of: {known}.")]
    return [
        Fault(f"/roles/{index}", f"{role!r} is not a role; these are: {known}.")
        for index, role in enumerate(roles)
        if role not in set(Role)
    ]
