"""Terms to rule sets for the C module, cut so that none comes near a limit of its fixed tables. Pure.

The limits, and what happens beyond them (measured on 2.0.28, the tests go to each one):

- 512 children of one node: rule set creation never ends. A shard has at most `TERMS_MAX` terms, so no node
  has more than that and the sentinel.
- 64 entries on the stack of nodes that matched at one time: the fact is lost. Which tests of one column can
  hold together is known from their codes, so the worst case is counted, not guessed.
- 252 properties of one fact: refused. Counted as well.
- 256 rules with an identical condition: memory is overwritten. Identical terms are one.
- 31 expression slots of a condition: only `$and` and its end take one here.
- 4,096 rules: see `TERMS_MAX`.

Names of properties and rules are made here and never come from outside.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from service.rules.compile.columns import Column, Outcome
from service.rules.compile.terms import Term

SHARD_TERMS_MAX = 128
STACK_MAX = 60
PROPERTIES_MAX = 240
SENTINEL = "w"
RULE_DIGITS = 3

Codes: TypeAlias = Sequence[int]
Test: TypeAlias = tuple[int, str, int]
"""A comparison for C: column, operator (`BIT` for a property that is there or not), and the number."""

BIT = "bit"
EQUAL = "$eq"


@dataclass(frozen=True, slots=True)
class Fragment:
    """A column in the facts of one shard: its code where that is compared, and the bits that are set for it.

    A column may have thousands of codes, of which few are ever met: their texts are made when needed.
    """

    index: int
    name: str | None
    bits: tuple[tuple[int, str], ...]
    _texts: dict[int, str] = field(default_factory=dict[int, str], init=False, repr=False, compare=False)

    def text(self, code: int) -> str:
        known = self._texts.get(code)
        if known is None:
            compared = "" if self.name is None else f',"{self.name}":{code}'
            known = compared + "".join(f',"{name}":1' for mask, name in self.bits if mask >> code & 1)
            self._texts[code] = known
        return known


@dataclass(frozen=True, slots=True)
class Shard:
    """One rule set of the C module, and how to write facts for it.

    Attributes:
        text: its JSON. Rule `rule_name(i)` is the term whose rules are `owners[i]`; rule `w` is the sentinel.
        terms: what it finds.
        owners: indexes of the rules that each term belongs to.
        fragments: what a fact says about each column that the shard looks at.
    """

    text: str
    terms: tuple[Term, ...]
    owners: tuple[tuple[int, ...], ...]
    fragments: tuple[Fragment, ...]

    def fact(self, codes: Codes) -> str:
        """The fact for C: flat JSON of our own names and small integers."""
        return (
            '{"id":"e","sid":"s"' + "".join([part.text(codes[part.index]) for part in self.fragments]) + "}"
        )


def shards(terms: Mapping[Term, tuple[int, ...]], columns: Sequence[Column | Outcome]) -> tuple[Shard, ...]:
    """Cut the terms into shards. The same terms give the same shards, in whatever order they come.

    Args:
        terms: each with the rules it belongs to. None that always holds.
        columns: what the terms' column indexes mean.
    """
    tests = {term: _tests(term, columns) for term in terms}
    uses = Counter(test for of_term in tests.values() for test in of_term)
    rank = {
        test: place
        for place, test in enumerate(sorted(uses, key=lambda test: (test[1] != EQUAL, -uses[test], test)))
    }
    paths = {term: tuple(sorted(of_term, key=rank.__getitem__)) for term, of_term in tests.items()}
    ordered = sorted(paths, key=lambda term: [rank[test] for test in paths[term]])
    return tuple(_shard(part, terms, paths) for part in _cut(ordered, paths, columns))


def _tests(term: Term, columns: Sequence[Column | Outcome]) -> list[Test]:
    return [test for index, mask in sorted(term) for test in _tests_of_mask(index, mask, columns[index].size)]


def _tests_of_mask(index: int, mask: int, size: int) -> list[Test]:
    """The comparisons that hold for exactly the codes in `mask`, or one bit that is set for them."""
    low, high = (mask & -mask).bit_length() - 1, mask.bit_length() - 1
    hole = ~mask & (1 << size) - 1
    if low == high:
        return [(index, EQUAL, low)]
    if mask == (1 << high + 1) - (1 << low):
        return [(index, "$gte", low)] * (low > 0) + [(index, "$lte", high)] * (high < size - 1)
    if hole & hole - 1 == 0:
        return [(index, "$neq", hole.bit_length() - 1)]
    return [(index, BIT, mask)]


def _codes_that_pass(test: Test, size: int) -> int:
    _, operator, number = test
    everything = (1 << size) - 1
    match operator:
        case "$eq":
            return 1 << number
        case "$neq":
            return everything & ~(1 << number)
        case "$gte":
            return everything & ~((1 << number) - 1)
        case "$lte":
            return (1 << number + 1) - 1
        case _:
            return number


def _cut(
    ordered: list[Term], paths: Mapping[Term, tuple[Test, ...]], columns: Sequence[Column | Outcome]
) -> Iterable[list[Term]]:
    if not ordered:
        return
    if len(ordered) == 1 or _fits([paths[term] for term in ordered], columns):
        yield ordered
        return
    middle = SHARD_TERMS_MAX if len(ordered) > SHARD_TERMS_MAX else len(ordered) // 2
    yield from _cut(ordered[:middle], paths, columns)
    yield from _cut(ordered[middle:], paths, columns)


def _fits(paths: Sequence[tuple[Test, ...]], columns: Sequence[Column | Outcome]) -> bool:
    if len(paths) > SHARD_TERMS_MAX or _properties(paths) > PROPERTIES_MAX:
        return False
    return stack_bound(paths, columns) <= STACK_MAX


def _properties(paths: Sequence[tuple[Test, ...]]) -> int:
    """How many properties a fact can have at most: one for each column compared, one for each bit."""
    return len({test if test[1] == BIT else test[0] for path in paths for test in path})


def stack_bound(paths: Sequence[tuple[Test, ...]], columns: Sequence[Column | Outcome]) -> int:
    """How many nodes can lie on the matcher's stack at most, whatever the fact."""
    heads: dict[Test, list[tuple[Test, ...]]] = {}
    for path in paths:
        if path:
            heads.setdefault(path[0], []).append(path[1:])
    together: dict[int, list[int]] = {}
    for test in heads:
        layers = together.setdefault(test[0], [])
        _add_layer(layers, _codes_that_pass(test, columns[test[0]].size))
    here = sum(len(layers) for layers in together.values())
    return here + max((stack_bound(rest, columns) for rest in heads.values()), default=0)


def _add_layer(layers: list[int], mask: int) -> None:
    """Keep in `layers[n]` the codes at which more than n tests hold."""
    for depth, layer in enumerate(layers):
        layers[depth], mask = layer | mask, layer & mask
    if mask:
        layers.append(mask)


def _shard(
    part: Sequence[Term],
    owners: Mapping[Term, tuple[int, ...]],
    paths: Mapping[Term, tuple[Test, ...]],
) -> Shard:
    used = sorted({test for term in part for test in paths[term]})
    indexes = sorted({test[0] for test in used})
    names = {(index, ""): f"p{place}" for place, index in enumerate(indexes)}
    bits = [test for test in used if test[1] == BIT]
    names |= {(index, str(mask)): f"b{place}" for place, (index, _, mask) in enumerate(bits)}
    rules = {
        rule_name(place): _rule([_comparison(test, names) for test in paths[term]])
        for place, term in enumerate(part)
    }
    rules[SENTINEL] = _rule([{SENTINEL: 1}])
    return Shard(
        text=json.dumps(rules),
        terms=tuple(part),
        owners=tuple(owners[term] for term in part),
        fragments=tuple(_fragment(index, used, names) for index in indexes),
    )


def rule_name(place: int) -> str:
    """Of fixed width, so that the engine finds its end without a search."""
    return f"t{place:0{RULE_DIGITS}}"


def _rule(comparisons: list[dict[str, object]]) -> dict[str, object]:
    return {"all": [{"m": {"$and": comparisons}}]}


def _comparison(test: Test, names: Mapping[tuple[int, str], str]) -> dict[str, object]:
    index, operator, number = test
    if operator == BIT:
        return {names[index, str(number)]: 1}
    name = names[index, ""]
    return {name: number} if operator == EQUAL else {operator: {name: number}}


def _fragment(index: int, used: Sequence[Test], names: Mapping[tuple[int, str], str]) -> Fragment:
    of_column = [test for test in used if test[0] == index]
    bits = tuple((mask, names[index, str(mask)]) for _, operator, mask in of_column if operator == BIT)
    return Fragment(index, names[index, ""] if len(bits) < len(of_column) else None, bits)
