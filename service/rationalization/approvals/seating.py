"""Seats: the roles and groups that a gate names, of whom somebody is to consent. Pure."""

from collections.abc import Iterable

from service.rationalization.approvals.domain import Wanted
from service.rationalization.verdicts import ApprovalGate

ROLE, GROUP = "role:", "group:"
"""What a seat begins with."""


def of(roles: Iterable[str], groups: Iterable[str]) -> frozenset[str]:
    """The seats of these, as `role:manager` and `group:Change board`."""
    return frozenset({*map(of_role, roles), *map(of_group, groups)})


def of_role(role: str) -> str:
    return f"{ROLE}{role}"


def of_group(name: str) -> str:
    return f"{GROUP}{name}"


def wanted(gate: ApprovalGate) -> Wanted:
    """Whose consent a gate asks for."""
    needed = gate.needed
    return Wanted(
        seats=of(gate.roles, gate.groups),
        everyone=needed == "all",
        persons_min=needed if isinstance(needed, int) else 1,
    )
