"""Who a person and a member are, what their roles are, how they prove who they are. Pure."""

from service.people.domain.accounts import (
    Invitation,
    Link,
    Origin,
    Person,
    faults_of_email,
    normal_email,
    read_invitation,
)
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
from service.people.domain.sessions import Factor, Lifetimes
from service.people.domain.throttle import LIMITS, Kind

__all__ = [
    "INVITATION_TTL",
    "LIMITS",
    "Factor",
    "Group",
    "Invitation",
    "Kind",
    "Lifetimes",
    "Link",
    "Member",
    "MemberState",
    "Membership",
    "Origin",
    "Person",
    "Role",
    "Standing",
    "faults_of_email",
    "faults_of_roles",
    "in_order",
    "is_last_admin",
    "normal_email",
    "read_invitation",
    "state_once_reactivated",
]
