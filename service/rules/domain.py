"""Policies, and what is chosen when their rules have been matched. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service import ids
from service.errors import Fault
from service.ids import PolicyId, PolicyVersionId
from service.rules.language.syntax import Expression
from service.rules.language.types import FactType
from service.rules.matching import Matches


class HitPolicy(StrEnum):
    """DMN's word for which of the matching rules count."""

    FIRST = "FIRST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: unique within its policy.
        when: the condition's text, as it was written.
        condition: the same, parsed and checked.
        outcome: what follows, as the policy's kind reads it.
        because: why, for people.
    """

    id: str
    when: str
    condition: Expression
    outcome: object
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The content of one version.

    Attributes:
        declarations: of every fact that its rules may read.
        warnings: what can hardly be meant, and is not refused.
    """

    hit_policy: HitPolicy
    declarations: Mapping[str, FactType]
    rules: tuple[Rule, ...]
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a policy decides. The slice that acts on the outcome says how one is written.

    Attributes:
        name: `commitment`, and others to come.
        read_outcome: turns a rule's `then` into the typed outcome; raises OutcomeInvalid.
        calendars_of: the names of the calendars that an outcome counts by.
    """

    name: str
    read_outcome: Callable[[object], object]
    calendars_of: Callable[[object], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    id: PolicyId
    name: str
    kind: str
    version: int
    published_version: int | None
    created_at: datetime


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


@dataclass(frozen=True, slots=True)
class Choice:
    """What a policy says to one snapshot of facts.

    Attributes:
        winner: index of the rule that counts; None when none does.
        matched: indexes of all rules whose condition holds.
        errors: indexes of the rules whose condition could not be evaluated.
        degraded: whether a rule that comes before the winner could not be evaluated.
    """

    winner: int | None
    matched: tuple[int, ...]
    errors: tuple[int, ...]
    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """One version that was asked, and which of its rules matched or could not be evaluated."""

    ref: VersionRef
    matched: tuple[str, ...]
    errors: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "version_id": str(self.ref.version_id),
            "rules": list(self.matched),
            "errors": list(self.errors),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the effective policies of one kind say to one snapshot of facts.

    Attributes:
        versions: all versions in effect, in their order.
        consulted: those that were asked: none after the first with a rule that matches.
        winner: the version and the rule that count; None when nothing matches.
        degraded: whether something could not be evaluated that might have changed the answer.
        engine: what matched the rules: `durable`, or `reference` where that stood in.
    """

    versions: tuple[VersionRef, ...]
    consulted: tuple[Consulted, ...]
    winner: tuple[VersionRef, Rule] | None
    degraded: bool
    engine: str


def choose(matches: Matches) -> Choice:
    """The first matching rule counts (DMN FIRST); an error before it leaves a doubt, which is recorded."""
    winner = matches.true[0] if matches.true else None
    degraded = any(winner is None or index < winner for index in matches.errors)
    return Choice(winner, matches.true, matches.errors, degraded)
