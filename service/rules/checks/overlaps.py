"""Rules that can both match where one should: under UNIQUE, and of one metric under COLLECT. Pure.

Two rules are said to overlap only with facts for which the evaluator finds both conditions true. Where none
are found, though nothing that the compiler sees speaks against it, they may overlap: that is said then.
"""

from collections.abc import Iterator, Mapping, Sequence

from service.rules.checks import world as worlds
from service.rules.checks.conditions import NAMED_MAX, Ranked
from service.rules.checks.places import Places
from service.rules.checks.world import Example, World
from service.rules.compile import boxes
from service.rules.domain import Kind, Rule
from service.rules.findings import Finding

DOUBTS_MAX = 4
"""After so many that may overlap, without facts to show for it, no more are tried."""

STEPS_PER_EXAMPLE = 10


def without_rank(world: World, ranked: Ranked, rules: Sequence[Rule], places: Places) -> Iterator[Finding]:
    """Rules that can match together, and that no rank tells apart.

    Raises:
        Undecided
    """
    groups: dict[int | None, int] = {}
    for place, index in enumerate(ranked.order):
        rank = rules[index].rank
        overlap = _overlap(world, ranked, place, groups.get(rank, 0))
        groups[rank] = groups.get(rank, 0) | ranked.own[place]
        if overlap is None:
            continue
        others, facts = overlap
        shown = _named(rules, others)
        if facts is None:
            yield _may_overlap(places.rule(index), shown)
            continue
        yield Finding(
            code="overlap",
            pointer=places.rule(index),
            reason=f"This rule can match together with {shown}{_when(facts)}; no rank tells which counts.",
            remedy="Give each a `rank` of its own, of which the lowest counts, or narrow their conditions.",
        )


def same_topic(
    world: World, ranked: Ranked, rules: Sequence[Rule], kind: Kind, places: Places
) -> Iterator[Finding]:
    """Rules that can match together, and speak of the same.

    Raises:
        Undecided
    """
    groups: dict[str, int] = {}
    for place, index in enumerate(ranked.order):
        for topic in sorted(_topics(kind, rules[index])):
            overlap = _overlap(world, ranked, place, groups.get(topic, 0))
            groups[topic] = groups.get(topic, 0) | ranked.own[place]
            if overlap is None:
                continue
            others, facts = overlap
            if facts is None:
                continue
            told = f"This rule can match together with {_named(rules, others)} before it{_when(facts)}"
            yield Finding(
                code="same-metric",
                pointer=places.rule(index),
                reason=f"{told}, and what it says of `{topic}` does not count then.",
                remedy="Narrow their conditions, unless that is meant.",
            )


def _topics(kind: Kind, rule: Rule) -> frozenset[str]:
    derived = frozenset[str]() if kind.derives is None else frozenset(kind.derives(rule.outcome))
    return kind.topics_of(rule.outcome) | derived


def _overlap(
    world: World, ranked: Ranked, place: int, among: int
) -> tuple[Sequence[int], Example | None] | None:
    """The rules that overlap with this one, and facts for the first; without facts one that may."""
    index = ranked.order[place]
    found: list[int] = []
    facts: Example | None = None
    doubtful: list[int] = []
    for rival, both in _common(world, ranked, place, among):
        if rival in found or len(doubtful) > DOUBTS_MAX:
            continue
        ranked.pile.take(STEPS_PER_EXAMPLE)
        example = worlds.proven(world, both, (index, rival), ranked.pile.take)
        if example is None:
            doubtful.append(rival)
            continue
        found.append(rival)
        facts = example if facts is None else facts
        if len(found) > NAMED_MAX:
            break
    if found:
        return found, facts
    return (doubtful[:1], None) if doubtful else None


def _common(world: World, ranked: Ranked, place: int, among: int) -> Iterator[tuple[int, Mapping[int, int]]]:
    """The rules that have something in common with this one, as the compiler sees them, and what."""
    pile = ranked.pile
    for term in boxes.each(ranked.own[place]):
        part = boxes.common(world.meant, pile.terms[term])
        if part is None:
            continue
        for other in boxes.each(pile.meeting(part, among)):
            both = boxes.common(part, pile.terms[other])
            if both is not None:
                yield ranked.order[ranked.rule_of[other]], both


def _named(rules: Sequence[Rule], others: Sequence[int]) -> str:
    shown = ", ".join(repr(rules[other].id) for other in others[:NAMED_MAX])
    return f"{shown} and others" if len(others) > NAMED_MAX else shown


def _when(facts: Example) -> str:
    told = worlds.told(facts)
    return f", as when {told}" if told else ""


def _may_overlap(pointer: str, shown: str) -> Finding:
    return Finding(
        code="may-overlap",
        pointer=pointer,
        reason=f"This rule may match together with {shown}, as far as can be seen without evaluating them.",
        remedy="If they can, give each a `rank` of its own.",
    )
