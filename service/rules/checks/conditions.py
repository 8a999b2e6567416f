"""Rules that never count: never true, or always behind others; and conditions that are always true. Pure.

Conditions are compared exactly, on the codes that the compiler gives to facts (`compile.columns`). What the
compiler leaves to the evaluator counts as a fact of its own: less is found then, and nothing claimed wrongly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from service.rules.checks.places import Places
from service.rules.checks.world import World
from service.rules.compile import boxes
from service.rules.compile.boxes import Pile, Steps
from service.rules.compile.shape import shape
from service.rules.domain import HitPolicy, Rule
from service.rules.findings import Finding

NAMED_MAX = 5
COMPARED_MAX = 12
"""Of so many rules that cover one together, those are found without which they would not."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The rules of a policy as they come in rank, with their boxes in one pile.

    Attributes:
        order: the rules' indexes; the first counts before all others.
        before: for each of them the boxes of the rules that count before it, as bits of the pile.
        own: for each of them its own boxes.
        rule_of: for each box of the pile, the place in `order` of its rule.
    """

    order: Sequence[int]
    before: Sequence[int]
    own: Sequence[int]
    rule_of: Sequence[int]
    pile: Pile

    @classmethod
    def of(cls, world: World, rules: Sequence[Rule], hit_policy: HitPolicy, steps: Steps) -> "Ranked":
        ranks = [_rank(rule, index, hit_policy) for index, rule in enumerate(rules)]
        order = sorted(range(len(rules)), key=lambda index: (ranks[index], index))
        counts = [len(world.true[index]) for index in order]
        ends = list(accumulate(counts, initial=0))
        own = [(1 << end) - (1 << start) for start, end in pairwise(ends)]
        before: list[int] = []
        for place, index in enumerate(order):
            alike = place and ranks[order[place - 1]] == ranks[index]
            before.append(before[-1] if alike else (1 << ends[place]) - 1)
        terms = [term for index in order for term in world.true[index]]
        rule_of = [place for place, count in enumerate(counts) for _ in range(count)]
        return cls(order, before, own, rule_of, Pile(terms, world.space, steps))

    def rules_of(self, terms: int) -> list[int]:
        """The places in `order` of the rules that these boxes belong to, ascending."""
        return list(dict.fromkeys(self.rule_of[term] for term in boxes.each(terms)))


def _rank(rule: Rule, index: int, hit_policy: HitPolicy) -> tuple[int, int]:
    """Rules of one rank do not stand behind one another."""
    match hit_policy:
        case HitPolicy.FIRST:
            return (0, index)
        case HitPolicy.UNIQUE:
            return (1, 0) if rule.rank is None else (0, rule.rank)
        case HitPolicy.COLLECT:
            return (0, 0)


def never_true(world: World, places: Places) -> Iterator[Finding]:
    """Rules whose condition is false or an error whatever the facts are."""
    for index, terms in enumerate(world.true):
        if not terms:
            reason = "This condition is never true for a request that the policy is for."
            remedy = "Mend it, or leave the rule out."
            yield Finding(code="never-matches", pointer=places.condition(index), reason=reason, remedy=remedy)


def repeated(rules: Sequence[Rule], hit_policy: HitPolicy, places: Places) -> Iterator[Finding]:
    """Rules that ask what one before them asks already. Under UNIQUE they overlap, which says more."""
    if hit_policy is HitPolicy.UNIQUE:
        return
    first: dict[object, int] = {}
    for index, rule in enumerate(rules):
        earlier = rules[first.setdefault(shape(rule.condition), index)]
        if earlier is rule:
            continue
        reason = f"This rule never counts: {earlier.id!r} before it asks the same."
        if hit_policy is HitPolicy.COLLECT:
            if earlier.outcome != rule.outcome:
                continue
            reason = f"This rule repeats {earlier.id!r}: it asks the same, and the same follows."
        yield Finding(
            code="same-condition", pointer=places.rule(index), reason=reason, remedy="Leave one of them out."
        )


def shadowed(ranked: Ranked, rules: Sequence[Rule], places: Places) -> Iterator[Finding]:
    """Rules that never count, because others that come before them in rank match whenever they do.

    Raises:
        Undecided
    """
    for place, index in enumerate(ranked.order):
        covering = _covering(ranked, place)
        if covering:
            yield _shadowed(rules, index, [ranked.order[one] for one in covering], places)


def _covering(ranked: Ranked, place: int) -> list[int]:
    """The rules that cover this one, as few as can be told; none when they leave something open."""
    own = [ranked.pile.terms[term] for term in boxes.each(ranked.own[place])]
    before = ranked.before[place]
    if not own or not all(ranked.pile.meeting(term, before) for term in own):
        return []
    holding = [ranked.rules_of(ranked.pile.holding(term, before)) for term in own]
    alone = set(holding[0]).intersection(*holding)
    if alone:
        return [min(alone)]
    used = 0
    for term in own:
        cover = ranked.pile.cover(term, before)
        if cover.part is not None:
            return []
        used |= cover.used
    return _needed(ranked, place, used)


def _needed(ranked: Ranked, place: int, used: int) -> list[int]:
    """Of the rules that cover this one together, those without which the others would not."""
    needed = ranked.rules_of(used)
    if len(needed) > COMPARED_MAX:
        return needed
    own = [ranked.pile.terms[term] for term in boxes.each(ranked.own[place])]
    for one in reversed(needed):
        rest = [other for other in needed if other != one]
        among = sum(ranked.own[other] for other in rest)
        if all(ranked.pile.cover(term, among).part is None for term in own):
            needed = rest
    return needed


def _shadowed(rules: Sequence[Rule], index: int, others: Sequence[int], places: Places) -> Finding:
    shown = ", ".join(repr(rules[one].id) for one in others[:NAMED_MAX])
    more = f" and {len(others) - NAMED_MAX} more" if len(others) > NAMED_MAX else ""
    which = shown if len(others) == 1 else f"one of {shown}{more}"
    return Finding(
        code="shadowed",
        pointer=places.rule(index),
        reason=f"This rule never counts: whenever it matches, {which} before it does.",
        remedy="Move it up, narrow what is before it, or leave it out.",
    )


def always_true(ranked: Ranked, hit_policy: HitPolicy, places: Places) -> Iterator[Finding]:
    """Rules that always match, so that none after them counts.

    Raises:
        Undecided
    """
    if hit_policy is not HitPolicy.FIRST:
        return
    for place in always(ranked):
        if place + 1 < len(ranked.order):
            yield Finding(
                code="always-matches",
                pointer=places.condition(ranked.order[place]),
                reason="This condition is always true, and none of the rules after it ever counts.",
                remedy="Move the rule to the end, or narrow its condition.",
            )
            return


def always(ranked: Ranked) -> Iterator[int]:
    """The places in rank of the rules that always match, whatever the facts are. Raises Undecided."""
    for place, own in enumerate(ranked.own):
        if own and ranked.pile.cover({}, own).part is None:
            yield place
