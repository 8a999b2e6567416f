"""What is chosen when rules have been matched, and what policies say together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from service.rules.domain.policies import HitPolicy, Rule, VersionRef
from service.rules.language.faults import FactFault
from service.rules.matching import Matches


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
    UNREADABLE = "unreadable"
    """The version can no longer be read, and was left aside."""


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
