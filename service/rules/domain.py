"""Policies, and what is chosen when their rules have been matched. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from service import ids
from service.errors import Fault
from service.ids import PolicyId, PolicyVersionId
from service.rules.language.faults import FactFault
from service.rules.language.syntax import Expression
from service.rules.language.types import Declarations
from service.rules.matching import Matches

ORDER_DEFAULT = 500


class HitPolicy(StrEnum):
    """DMN's words for which of the matching rules count."""

    FIRST = "FIRST"
    """The first in the order of the rules."""
    UNIQUE = "UNIQUE"
    """The only one, or of several the one whose `rank` is lowest."""
    COLLECT = "COLLECT"
    """All of them; their outcomes are merged as the policy's kind says."""


class Doubt(StrEnum):
    """Why it is not sure that the rules that count are those that were meant to."""

    RULE_FAILED = "rule_failed"
    """A rule could not be evaluated that might have counted."""
    SEVERAL_MATCHED = "several_matched"
    """Several rules match where one should, and no rank says which."""
    FACT_UNUSABLE = "fact_unusable"
    """A fact is not what it is declared to be, and was taken for absent."""
    TOO_SLOW = "too_slow"
    """The rules took too long, and were left aside."""


class Reach(StrEnum):
    """How the policies of one kind stand beside one another."""

    FIRST = "first"
    """The first with a rule that counts is followed, and none after it is asked."""
    ALL = "all"
    """All are asked, and what they say is merged."""


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
        return all(not names or _fact(facts, group, name) in names for group, name, names in asked)


def _fact(facts: Mapping[str, Any], group: str, name: str) -> object:
    found = facts.get(group)
    return cast("Mapping[str, object]", found).get(name) if isinstance(found, Mapping) else None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The content of one version.

    Attributes:
        declarations: of every fact that its rules may read.
        reads: the dotted names of the facts that its rules do read.
        scope: which requests it is for.
        order: its place among the policies of its kind; the lowest is asked first.
        warnings: what can hardly be meant, and is not refused.
    """

    hit_policy: HitPolicy
    declarations: Declarations
    rules: tuple[Rule, ...]
    warnings: tuple[Fault, ...]
    reads: frozenset[str] = frozenset()
    scope: Scope = EVERYTHING
    order: int = ORDER_DEFAULT


def _first(outcomes: Sequence[object]) -> int:  # noqa: ARG001 whatever they are
    return 0


def _no_faults(outcome: object, declared: Declarations) -> Sequence[Fault]:  # noqa: ARG001 it reads no fact
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """So much of a calendar's open time, or so many of its working days, that an outcome counts with.

    Attributes:
        pointer: where in `then`.
        calendar: its name.
        seconds: of open time; None when days are counted.
        days: working days; None when seconds are counted.
    """

    pointer: str
    calendar: str
    seconds: int | None = None
    days: int | None = None


def _no_topics(outcome: object) -> frozenset[str]:  # noqa: ARG001 nothing in it is said by one rule only
    return frozenset()


def _no_targets(outcome: object) -> Sequence[Target]:  # noqa: ARG001 the outcome counts by no calendar
    return ()


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


def _no_calendars(outcome: object) -> frozenset[str]:  # noqa: ARG001 the outcome counts by none
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a policy decides. The slice that acts on the outcome says how one is written.

    Attributes:
        name: `classification`, `rationalization`, `commitment` or `escalation`.
        read_outcome: turns a rule's `then` into the typed outcome; raises OutcomeInvalid.
        write_outcome: the JSON form of an outcome, as a decision stores it.
        merge: one outcome of several, of which the earlier come first in rank. Never called with none.
        leader: which of several outcomes, by its index, is the one that is followed; its rule is the first of
            the winners, whose reason is told.
        reach: how its policies stand beside one another.
        calendars_of: the names of the calendars that an outcome counts by.
        targets_of: what it counts by them.
        topics_of: what it speaks of that only one of several rules can settle: the metrics that it promises.
        faults_of: what of an outcome does not fit the facts as they are declared, with its place in `then`.
        derives: the facts that an outcome sets, by their dotted names; None where it sets none. What a policy
            derives, every policy that is asked after it reads.
    """

    name: str
    read_outcome: Callable[[object], object]
    write_outcome: Callable[[object], Any]
    merge: Callable[[Sequence[object]], object]
    leader: Callable[[Sequence[object]], int] = _first
    reach: Reach = Reach.FIRST
    calendars_of: Callable[[object], frozenset[str]] = _no_calendars
    targets_of: Callable[[object], Sequence[Target]] = _no_targets
    topics_of: Callable[[object], frozenset[str]] = _no_topics
    faults_of: Callable[[object, Declarations], Sequence[Fault]] = _no_faults
    derives: Callable[[object], Mapping[str, object]] | None = None


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
        winners: indexes of the rules that count, in the order in which they do.
        matched: indexes of all rules whose condition holds.
        errors: indexes of the rules whose condition could not be evaluated.
        doubts: what makes the winners unsure, if anything.
    """

    winners: tuple[int, ...]
    matched: tuple[int, ...]
    errors: tuple[int, ...]
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consulted:
    """One version that was asked: which of its rules matched or could not be evaluated, what is in doubt.

    Attributes:
        unfit: the facts that are not what the version knows them to be, be they read or not.
    """

    ref: VersionRef
    matched: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    unfit: tuple[FactFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Winner:
    """A rule that counts."""

    ref: VersionRef
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the policies in effect of one kind say to one snapshot of facts.

    Attributes:
        kind: the kind's name.
        versions: all versions in effect, in their order.
        consulted: those that were asked.
        winners: the rules that count; the first comes first in rank.
        outcome: what they say together; None when nothing matches.
    """

    kind: str
    versions: tuple[VersionRef, ...] = ()
    consulted: tuple[Consulted, ...] = ()
    winners: tuple[Winner, ...] = ()
    outcome: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What all policies in effect say to one snapshot of facts.

    Attributes:
        given: the snapshot as the first policy was asked about it.
        facts: the snapshot with what was derived from it.
        answers: one for each kind, in the order in which they were asked.
        degraded: whether something could not be evaluated that might have changed the answer.
        engine: what matched the rules: `durable`, or `reference` where that stood in.
        differed: the rule sets on which the engine was found to differ from the reference, which counts.
    """

    given: Mapping[str, Any]
    facts: Mapping[str, Any]
    answers: tuple[Answer, ...]
    degraded: bool
    engine: str
    differed: tuple[VersionRef, ...] = ()

    def of(self, kind: str) -> Answer:
        return next((answer for answer in self.answers if answer.kind == kind), Answer(kind=kind))


def choose(hit_policy: HitPolicy, rules: Sequence[Rule], matches: Matches) -> Choice:
    """Which of the matching rules count."""
    doubts: list[Doubt] = []
    match hit_policy:
        case HitPolicy.FIRST:
            winners = matches.true[:1]
            failed = any(not winners or index < winners[0] for index in matches.errors)
        case HitPolicy.UNIQUE:
            ranked = sorted(matches.true, key=lambda index: _rank(rules[index]))
            winners = tuple(ranked[:1])
            failed = any(not winners or _rank(rules[i]) <= _rank(rules[winners[0]]) for i in matches.errors)
            if len(ranked) > 1 and _rank(rules[ranked[0]]) == _rank(rules[ranked[1]]):
                doubts.append(Doubt.SEVERAL_MATCHED)
        case HitPolicy.COLLECT:
            winners = matches.true
            failed = bool(matches.errors)
    if failed:
        doubts.append(Doubt.RULE_FAILED)
    return Choice(winners, matches.true, matches.errors, tuple(doubts))


def _rank(rule: Rule) -> tuple[bool, int]:
    return (rule.rank is None, rule.rank or 0)
