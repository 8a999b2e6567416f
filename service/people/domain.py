"""Who a member is, and what its roles are. Pure."""

from enum import StrEnum


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
