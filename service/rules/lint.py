"""What looks wrong with a policy, though it can be read: by itself, and where it is published. Pure.

The errors of what cannot be read come from the reader (`rules.documents`), in the same form.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.errors import pointer_to
from service.rules.checks import conditions
from service.rules.domain import Document, Kind, Scope
from service.rules.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another policy of the same kind, in effect beside the one that is looked at."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a policy is published into.

    Attributes:
        calendars: by name, ready to compute (`WorkingTime`); the kind knows what to ask of them.
        services: the names in the register; None when they are not known.
        clients: the names of the client organizations; None when they are not known.
        neighbours: the other policies of its kind in effect, in the order in which they are asked.
        now: the tenant's now.
    """

    calendars: Mapping[str, object]
    now: datetime
    services: Collection[str] | None = None
    clients: Collection[str] | None = None
    neighbours: Sequence[Neighbour] = ()


def find(written: Mapping[str, Any], document: Document, kind: Kind) -> list[Finding]:
    """What can be found in a policy by itself, the gravest first.

    Args:
        written: the document as it was written.
        document: the same, as the reader gave it.
        kind: of the policy.
    """
    del kind
    is_table = written.get("table") is not None
    place = "/table/rows" if is_table else "/rules"
    rules = document.rules
    found = conditions.find(
        [rule.condition for rule in rules], [rule.id for rule in rules], document.declarations
    )
    return [
        *map(Finding.of, document.warnings),
        *(
            Finding(
                code=one.code,
                pointer=place if one.rule is None else pointer_to(place, one.rule),
                reason=one.message,
            )
            for one in found
            if is_table or one.rule is not None
        ),
    ]


def find_around(document: Document, kind: Kind, around: Surroundings) -> list[Finding]:
    """What can be found in a policy only where it is to be published, the gravest first."""
    del document, kind, around
    return []


def unknown_names(scope: Scope, around: Surroundings) -> list[Finding]:
    """The names of a scope that are in no register."""
    del scope, around
    return []
