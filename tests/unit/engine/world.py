"""Random rule sets and snapshots: what the language's generators draw, and what no binding would give."""

from random import Random
from typing import Any, cast
from uuid import uuid4

from service.ids import PolicyId, PolicyVersionId
from service.rules.deciding import Effective
from service.rules.domain import Document, HitPolicy, Kind, Reach, Rule, VersionRef
from service.rules.language.bind import bind
from service.rules.language.syntax import Expression
from service.rules.language.values import Duration, Facts, Timestamp, Value
from service.rules.matching import RuleSet
from tests.unit.language.generators import DECLARATIONS, INTS, random_condition, random_facts

ALIENS: tuple[Value, ...] = (
    True,
    False,
    0,
    1,
    1.0,
    -0.0,
    2**53 + 1,
    2.0**53,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "1",
    "true",
    "P1",
    Timestamp(0),
    Timestamp(1_772_442_000_000_000_000),
    Duration(0),
    [],
    [1, "P1", None],
    {},
    {"priority": "P1", "note": 1},
)


def random_ruleset(rng: Random, key: str, *, rules: int) -> RuleSet:
    """Two in three conditions are what policies mostly hold, the others any that the language has."""
    return RuleSet(key, tuple(_condition(rng) for _ in range(rules)))


def _condition(rng: Random) -> Expression:
    return random_condition(rng, ordinary=rng.randrange(3) > 0)


KIND = Kind(name="tried", read_outcome=str, write_outcome=str, merge=tuple, reach=Reach.ALL)


def random_policy(rng: Random, key: str, *, rules: int) -> Effective:
    """A version in effect, of any hit policy; some of its rules have ranks."""
    ruleset = random_ruleset(rng, key, rules=rules)
    document = Document(
        hit_policy=rng.choice(list(HitPolicy)),
        declarations=DECLARATIONS,
        rules=tuple(
            Rule(
                id=f"r{place}",
                when="",
                condition=condition,
                outcome=f"{key}:{place}",
                because="It is tried.",
                rank=rng.choice((None, *range(4))),
            )
            for place, condition in enumerate(ruleset.conditions)
        ),
        warnings=(),
    )
    ref = VersionRef(policy_id=PolicyId(uuid4()), version_id=PolicyVersionId(uuid4()), version=1)
    return Effective(ref, document, ruleset)


def random_snapshot(rng: Random) -> Facts:
    """Bound facts; in every other one something has an undeclared type, or a neighbouring number."""
    snapshot = bind(random_facts(rng), DECLARATIONS).facts
    for _ in range(rng.choice((0, 0, 1, 3))):
        _put(snapshot, rng.choice(list(DECLARATIONS)).split("."), _alien(rng))
    if not rng.randrange(20):
        _put(snapshot, [rng.choice(("request", "client"))], rng.choice(ALIENS))
    return snapshot


def _alien(rng: Random) -> Value:
    if rng.randrange(2):
        return rng.choice(ALIENS)
    return max(-(2**63), min(2**63 - 1, rng.choice(INTS) + rng.choice((-1, 1))))


def _put(snapshot: Facts, path: list[str], value: Value) -> None:
    here = cast("dict[str, Any]", snapshot)
    for name in path[:-1]:
        inner = here.get(name)
        if not isinstance(inner, dict):
            return
        here = cast("dict[str, Any]", inner)
    here[path[-1]] = value
