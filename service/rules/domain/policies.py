"""What a policy says: its rules, whom it is for, which of them count. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from service import ids
from service.errors import Fault
from service.ids import PolicyId, PolicyVersionId
from service.rules.language.syntax import Expression
from service.rules.language.types import Declarations

ORDER_DEFAULT = 500


class HitPolicy(StrEnum):
    """DMN's words for which of the matching rules count."""

    FIRST = "FIRST"
    """The first in the order of the rules."""
    UNIQUE = "UNIQUE"
    """The only one, or of several the one whose `rank` is lowest."""
    COLLECT = "COLLECT"
    """All of them; their outcomes are merged as the policy's kind says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: unique within its policy.
        when: the condition's text, as it was written.
        condition: the same, parsed and checked.
        outcome: what follows, as the policy's kind reads it.
        because: why, for people.
        rank: which of several matching rules counts under UNIQUE: the lowest; None comes after all others.
    """

    id: str
    when: str
    condition: Expression
    outcome: object
    because: str
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which requests a policy is for, by the facts of the snapshot. What is empty names all.

    Attributes:
        request_types: of `request.type`.
        services: of `service.name`.
        clients: of `client.name`.
    """

    request_types: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()

    def covers(self, facts: Mapping[str, Any]) -> bool:
        """Is the policy for a request with these facts? One that lacks a fact that is asked for is not."""
        asked = (
            ("request", "type", self.request_types),
            ("service", "name", self.services),
            ("client", "name", self.clients),
        )
        return all(not names or _text(facts, group, name) in names for group, name, names in asked)


def _text(facts: Mapping[str, Any], group: str, name: str) -> str | None:
    """The fact, if it is there and a text: facts that somebody made up may be anything."""
    found = facts.get(group)
    value = cast("Mapping[str, object]", found).get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The content of one version.

    Attributes:
        declarations: of every fact that its rules may read.
        groups: the names that have declared facts below them; None where nobody has looked.
        reads: the dotted names of the facts that its rules do read.
        scope: which requests it is for.
        order: its place among the policies of its kind; the lowest is asked first.
        warnings: what can hardly be meant, and is not refused.
        is_readable: whether it could be read at all; see UNREADABLE.
    """

    hit_policy: HitPolicy
    declarations: Declarations
    rules: tuple[Rule, ...]
    warnings: tuple[Fault, ...]
    groups: frozenset[str] | None = None
    reads: frozenset[str] = frozenset()
    scope: Scope = EVERYTHING
    order: int = ORDER_DEFAULT
    is_readable: bool = True


UNREADABLE = Document(hit_policy=HitPolicy.FIRST, declarations={}, rules=(), warnings=(), is_readable=False)
"""Stands for a version that is kept and can no longer be read. No request is lost by it."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The content of a version as it is kept.

    Attributes:
        document: as it was written.
        declared: the tenant's own facts that it reads, as they were declared when it was saved, in the form
            of a document's `facts`.
    """

    document: Mapping[str, Any]
    declared: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRef:
    """One immutable version of one policy."""

    policy_id: PolicyId
    version_id: PolicyVersionId
    version: int

    def to_json(self) -> dict[str, Any]:
        return {
            "policy_id": str(self.policy_id),
            "version_id": str(self.version_id),
            "version": self.version,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "VersionRef":
        return cls(
            policy_id=PolicyId(ids.read_id(stored["policy_id"])),
            version_id=PolicyVersionId(ids.read_id(stored["version_id"])),
            version=stored["version"],
        )
