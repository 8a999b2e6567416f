"""The guide shows the table of permissions as it is.

After a change: `pytest tests/house/test_permissions_guide.py --update-generated`.
"""

from pathlib import Path

import pytest

from service.api.permissions import BACKDATE, PERMISSIONS, Permission
from service.people.domain import Role
from service.tenants.domain import CLIENT_SCOPES, SCOPES

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "permissions.md"

BEFORE = """# Who may do what

Generated from `service/api/permissions.py` and `service/tenants/domain.py`: change those, not this.

An application may do what the scopes of its token allow. A member, who always acts through an application,
may do it only in one of the roles as well; its token has no scope that its roles do not permit. An operation
that is not in this table is not served. The OpenAPI document says the same of each operation: `security` is
the scope, `x-roles` are the roles.

- Without a token, or with one that does not count: 401.
- With a token that lacks the scope, or for a member in none of the roles: 403.
- What belongs to another tenant, or to another client organization, is 404, exactly as what never was.
"""


def rendered() -> str:
    """The guide: every operation with what it asks for, and every scope with what it permits."""
    operations = [_operation(name, permission) for name, permission in sorted(PERMISSIONS.items())]
    scopes = [f"| `{scope}` | {_open(scope)} | {meaning} |" for scope, meaning in sorted(SCOPES.items())]
    parts = [
        BEFORE,
        "## Operations\n",
        "| operation | scope | " + " | ".join(Role) + " | client organizations |",
        "|---|---|" + ":-:|" * len(Role) + ":-:|",
        *operations,
        _backdating(),
        "## Scopes\n",
        "| scope | client organizations | permits to |",
        "|---|:-:|---|",
        *scopes,
    ]
    return "\n".join(parts) + "\n"


def _backdating() -> str:
    roles = ", ".join(sorted(BACKDATE.roles))
    return (
        f"\nWhat happened more than a day ago takes `{BACKDATE.scope}` besides; of members, only: {roles}.\n"
    )


def _operation(name: str, permission: Permission) -> str:
    roles = " | ".join("✓" if role in permission.roles else "" for role in Role)
    return f"| {name} | `{permission.scope}` | {roles} | {_open(permission.scope)} |"


def _open(scope: str) -> str:
    return "✓" if scope in CLIENT_SCOPES else ""


def test_the_guide_shows_every_operation_and_scope(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-generated"):
        GUIDE.write_text(rendered())
    assert GUIDE.read_text() == rendered(), "run with --update-generated, and read the difference"
