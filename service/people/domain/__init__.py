"""Who a person and a member are, what their roles are, how they prove who they are. Pure."""

from service.people.domain.members import (
    INVITATION_TTL,
    Group,
    Member,
    Membership,
    MemberState,
    Role,
    Standing,
    faults_of_roles,
    in_order,
    is_last_admin,
    state_once_reactivated,
)

__all__ = [
    "INVITATION_TTL",
    "Group",
    "Member",
    "MemberState",
    "Membership",
    "Role",
    "Standing",
    "faults_of_roles",
    "in_order",
    "is_last_admin",
    "state_once_reactivated",
]
