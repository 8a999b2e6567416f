"""A rule set, ready for the engine: columns, shards, and how to read what the engine finds. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.rules.compile.columns import Column, Outcome
from service.rules.compile.shards import Codes, Shard, shards
from service.rules.compile.terms import Rule, Term, Terms
from service.rules.language.effort import OutOfTime, limited
from service.rules.language.syntax import Expression
from service.rules.language.values import Facts


class TooManyTerms(Exception):
    """The rule set would take more of the engine's memory than there is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One compiled rule set.

    Attributes:
        columns: how facts are coded.
        reads: indexes of the columns that the shards look at; what a larger condition left behind is not
            computed.
        certain: shards that find the true rules.
        possible: shards that find the rules that are true or an error, asked only when there is a doubt.
        doubts: for each of `possible`, for some columns, the codes at which one of its rules may be an error.
        always_true: rules that no fact can change.
        never_false: rules that are always true or an error.
    """

    columns: tuple[Column | Outcome, ...]
    reads: tuple[int, ...]
    certain: tuple[Shard, ...]
    possible: tuple[Shard, ...]
    doubts: tuple[tuple[tuple[int, int], ...], ...]
    always_true: frozenset[int]
    never_false: frozenset[int]

    @property
    def term_count(self) -> int:
        """What the rule set costs: about 29 KB of the C module's memory for each term, at most."""
        return sum(len(shard.owners) for shard in (*self.certain, *self.possible))

    def encode(self, facts: Facts, *, is_late: Callable[[], bool]) -> list[int]:
        """The code of each column; 0 for those that are not read.

        Args:
            facts: bound to their declared types.
            is_late: asked before each evaluation, and within those that can take long.

        Raises:
            OutOfTime: `is_late` said so.
        """
        codes = [0] * len(self.columns)
        outcomes: list[int] = []
        for index in self.reads:
            column = self.columns[index]
            if isinstance(column, Outcome):
                outcomes.append(index)
            else:
                codes[index] = column.find(facts)
        if outcomes:
            self._evaluate(outcomes, facts, codes, is_late)
        return codes

    def _evaluate(
        self, outcomes: Sequence[int], facts: Facts, codes: list[int], is_late: Callable[[], bool]
    ) -> None:
        with limited(is_late):
            for index in outcomes:
                if is_late():
                    raise OutOfTime
                codes[index] = self.columns[index].find(facts)

    def in_doubt(self, codes: Codes) -> list[int]:
        """Indexes of the `possible` shards that must be asked."""
        places: list[int] = []
        for place, doubts in enumerate(self.doubts):
            for index, mask in doubts:
                if mask >> codes[index] & 1:
                    places.append(place)
                    break
        return places


def plan(conditions: Sequence[Expression], *, terms_max: int | None = None) -> Plan:
    """Compile the conditions of one rule set. The same conditions give the same plan.

    Raises:
        TooManyTerms: there are more than `terms_max`.
    """
    terms = Terms(conditions)
    rules = [terms.rule(condition) for condition in conditions]
    columns = tuple(terms.columns)
    true = _owners([rule.true for rule in rules], columns)
    not_false = _owners([rule.not_false if rule.doubts else () for rule in rules], columns)
    if terms_max is not None and len(true) + len(not_false) > terms_max:
        raise TooManyTerms(f"{len(true) + len(not_false)} terms; at most {terms_max} can be held")
    always_true, never_false = true.pop(Term(), ()), not_false.pop(Term(), ())
    certain, possible = shards(true, columns), shards(not_false, columns)
    doubts = _doubts(rules, columns)
    return Plan(
        columns=columns,
        reads=tuple(sorted({part.index for shard in (*certain, *possible) for part in shard.fragments})),
        certain=certain,
        possible=possible,
        doubts=tuple(_joined(doubts[term] for term in shard.terms) for shard in possible),
        always_true=frozenset(always_true),
        never_false=frozenset(never_false),
    )


def _owners(
    terms_of_rules: Sequence[Collection[Term]], columns: Sequence[Column | Outcome]
) -> dict[Term, tuple[int, ...]]:
    owners: dict[Term, list[int]] = {}
    for index, terms in enumerate(terms_of_rules):
        for term in terms:
            owners.setdefault(_tested(term, columns), []).append(index)
    return {term: tuple(rules) for term, rules in owners.items()}


def _tested(term: Term, columns: Sequence[Column | Outcome]) -> Term:
    """The term without what every code passes."""
    return Term((index, mask) for index, mask in term if mask + 1 != 1 << columns[index].size)


def _doubts(rules: Sequence[Rule], columns: Sequence[Column | Outcome]) -> dict[Term, dict[int, int]]:
    """The codes at which a term holds although a part of its condition is an error."""
    doubts: dict[Term, dict[int, int]] = {}
    for rule in rules:
        for term in rule.not_false:
            masks = {index: mask & rule.doubts.get(index, 0) for index, mask in term}
            tested = _tested(term, columns)
            doubts[tested] = dict(_joined([doubts.get(tested, {}), masks]))
    return doubts


def _joined(doubts: Iterable[Mapping[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: dict[int, int] = {}
    for masks in doubts:
        for index, mask in masks.items():
            joined[index] = joined.get(index, 0) | mask
    return tuple(sorted(item for item in joined.items() if item[1]))
