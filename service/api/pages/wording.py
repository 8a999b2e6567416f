"""How pages name what the service knows by other names."""

from collections.abc import Mapping

from service.errors import ServiceError
from service.people.domain import Role
from service.people.domain.passwords import CHARACTERS_MIN

ROLES: Mapping[Role, str] = {
    Role.ADMIN: "Administrator",
    Role.MANAGER: "Manager",
    Role.AGENT: "Agent",
    Role.AUDITOR: "Auditor",
}
PASSWORD_HINT = (
    f"At least {CHARACTERS_MIN} characters. A few words that belong to nobody else make a good one."
)
FIELDS: Mapping[str, str] = {"/password": "new_password", "/name": "name"}
"""The field of a form, by where a fault points to."""


def faults_of(error: ServiceError) -> dict[str, str]:
    """What is to be said of each field."""
    return {FIELDS.get(fault.pointer, ""): fault.detail for fault in error.faults} or {"": str(error)}
