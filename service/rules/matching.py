"""What an engine is asked and what it answers. Pure: the engines live in `reference` and `pool`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from service.errors import Unavailable
from service.rules.language.syntax import Expression

EngineName = Literal["durable", "reference"]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The conditions of one immutable version.

    Attributes:
        key: names this version for ever, such as `"<tenant>:<policy version>"`. Engines cache by it alone, so
            other conditions under a key that was used before would be answered with the old ones.
        conditions: parsed and checked; a rule is known by its index in here.
    """

    key: str
    conditions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """Which conditions are true and which could not be evaluated; all others are false.

    Attributes:
        true: indexes into `RuleSet.conditions`, ascending.
        errors: indexes of conditions that end in an error or in something that is no bool, ascending.
        engine: which engine answered. `reference` from the durable engine means that it stood in.
        differed: whether the durable engine was compared with the reference and answered otherwise.
    """

    true: tuple[int, ...]
    errors: tuple[int, ...]
    engine: EngineName
    differed: bool = False


class MatchingTooSlow(Unavailable):
    """No engine could match the rule set in its time. The caller decides by the tenant's default promise."""

    code = "matching-too-slow"

    def __init__(self, key: str, budget_seconds: float) -> None:
        super().__init__(
            f"Rule set {key} takes longer than {budget_seconds} s for these facts; simplify its rules."
        )


class Engine(Protocol):
    """Finds the conditions that hold. The two kinds are `ReferenceEngine` and `DurablePool`."""

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        """Match one snapshot of facts, already bound to their declared types (`language.bind`).

        Raises:
            MatchingTooSlow: the time for it is used up.
        """
        ...

    async def close(self) -> None:
        """Let go of everything held. Nothing may be matched afterwards."""
        ...
