"""Asks the policies in effect what follows from one snapshot of facts. No database: an engine and documents.

Kinds are asked in the order of the rulebook. What a policy derives is there for every policy after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog

from service.rules import domain, fitting
from service.rules.domain import (
    Answer,
    Consulted,
    Decided,
    Document,
    Doubt,
    Kind,
    Reach,
    VersionRef,
    Winner,
)
from service.rules.language.bind import bind
from service.rules.matching import Engine, EngineName, MatchingTooSlow, RuleSet

NO_ENGINE = "none"
"""The engine of a decision that asked no rule."""

REFERENCE: EngineName = "reference"

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Effective:
    """A version in effect, read. The engine caches by the rule set's key."""

    ref: VersionRef
    document: Document
    ruleset: RuleSet


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one version says."""

    consulted: Consulted
    winners: tuple[Winner, ...] = ()
    engine: str = NO_ENGINE
    differed: bool = False


async def decide(
    engine: Engine,
    kinds: Sequence[Kind],
    effective: Mapping[str, Sequence[Effective]],
    facts: Mapping[str, Any],
) -> Decided:
    """What the policies say to these facts.

    Rules that take too long to match are left aside; the answer is then degraded.

    Args:
        engine: matches the rules.
        kinds: in the order in which they are asked.
        effective: by kind, in the order in which they are asked.
        facts: the snapshot, nested, as JSON.
    """
    seen, everything, answers = facts, list[_Asked](), list[Answer]()
    for kind in kinds:
        policies = effective.get(kind.name, ())
        asked, seen = await _ask_all(engine, kind, policies, seen)
        answers.append(_answer(kind, policies, asked))
        everything += asked
    return Decided(
        given=facts,
        facts=seen,
        answers=tuple(answers),
        degraded=any(each.consulted.doubts for each in everything),
        engine=_engine_of(everything),
        differed=tuple(each.consulted.ref for each in everything if each.differed),
    )


async def _ask_all(
    engine: Engine, kind: Kind, policies: Sequence[Effective], facts: Mapping[str, Any]
) -> tuple[list[_Asked], Mapping[str, Any]]:
    """What each policy of a kind that is for these facts says, and the facts with what they derive."""
    found: list[_Asked] = []
    winners: list[Winner] = []
    for policy in policies:
        if not policy.document.scope.covers(facts):
            continue
        asked = await _ask(engine, policy, facts)
        found.append(asked)
        if asked.winners:
            winners += asked.winners
            facts = with_derived(kind, winners, facts)
            if kind.reach is Reach.FIRST:
                break
    return found, facts


def _answer(kind: Kind, policies: Sequence[Effective], asked: Sequence[_Asked]) -> Answer:
    winners = [winner for each in asked for winner in each.winners]
    return Answer(
        kind=kind.name,
        versions=tuple(policy.ref for policy in policies),
        consulted=tuple(each.consulted for each in asked),
        winners=_led(kind, winners),
        outcome=_merged(kind, winners) if winners else None,
    )


def _engine_of(asked: Sequence[_Asked]) -> str:
    """The engine of a decision: the reference, if it has stood in for any of its policies."""
    engines = {each.engine for each in asked} - {NO_ENGINE}
    return REFERENCE if REFERENCE in engines else next(iter(engines), NO_ENGINE)


async def _ask(engine: Engine, policy: Effective, facts: Mapping[str, Any]) -> _Asked:
    document = policy.document
    if not document.is_readable:
        return _Asked(Consulted(ref=policy.ref, doubts=(Doubt.UNREADABLE,)))
    bound = bind(facts, document.declarations, groups=document.groups)
    unfit = fitting.unfit(bound, document.declarations)
    try:
        matches = await engine.match(policy.ruleset, bound.facts)
    except MatchingTooSlow:
        log.warning("rules left aside", ruleset=policy.ruleset.key)
        return _Asked(Consulted(ref=policy.ref, doubts=(Doubt.TOO_SLOW,), unfit=unfit))
    rules = document.rules
    choice = domain.choose(document.hit_policy, rules, matches)
    return _Asked(
        consulted=Consulted(
            ref=policy.ref,
            matched=tuple(rules[index].id for index in choice.matched),
            errors=tuple(rules[index].id for index in choice.errors),
            doubts=(*choice.doubts, Doubt.FACT_UNUSABLE) if bound.faults else choice.doubts,
            unfit=unfit,
        ),
        winners=tuple(Winner(policy.ref, rules[index]) for index in choice.winners),
        engine=matches.engine,
        differed=matches.differed,
    )


def with_derived(kind: Kind, winners: Sequence[Winner], facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts with what these rules of a kind, of which there are some, derive from them together."""
    return facts if kind.derives is None else overlaid(facts, kind.derives(_merged(kind, winners)))


def overlaid(facts: Mapping[str, Any], derived: Mapping[str, object]) -> Mapping[str, Any]:
    """The facts with the derived ones, which are named with dots, in their places."""
    changed: dict[str, Any] = dict(facts)
    for name, value in derived.items():
        *groups, last = name.split(".")
        place = changed
        for group in groups:
            inner = place.get(group)
            place[group] = dict(cast("dict[str, Any]", inner)) if isinstance(inner, dict) else {}
            place = place[group]
        place[last] = value
    return changed


def _merged(kind: Kind, winners: Sequence[Winner]) -> object:
    outcomes = [winner.rule.outcome for winner in winners]
    return outcomes[0] if len(outcomes) == 1 else kind.merge(outcomes)


def _led(kind: Kind, winners: Sequence[Winner]) -> tuple[Winner, ...]:
    """The winners, of which the first is the one that is followed."""
    if len(winners) <= 1:
        return tuple(winners)
    leader = kind.leader([winner.rule.outcome for winner in winners])
    return (winners[leader], *winners[:leader], *winners[leader + 1 :])
