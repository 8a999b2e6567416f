import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from operator import eq, ge, le, ne
from typing import Any, cast

import pytest

from service.rules.compile import shards
from service.rules.compile.columns import Column, Outcome
from service.rules.compile.plan import OutOfTime, Plan, plan
from service.rules.compile.shards import PROPERTIES_MAX, SENTINEL, SHARD_TERMS_MAX, STACK_MAX, Shard
from service.rules.compile.terms import Term
from service.rules.language.parse import parse
from service.rules.language.values import Facts
from tests.unit.engine.world import random_ruleset, random_snapshot
from tests.unit.language.generators import seeded

OPERATORS: dict[str, Callable[[int, int], bool]] = {"$eq": eq, "$neq": ne, "$lte": le, "$gte": ge}
RESERVED = ("id", "sid", "$s", "$m", "$i", "$forward", SENTINEL)


def _never() -> bool:
    return False


@cache
def _plan(seed: int) -> Plan:
    return plan(random_ruleset(seeded(seed), str(seed), rules=120).conditions)


def _all_shards(compiled: Plan) -> Sequence[Shard]:
    return (*compiled.certain, *compiled.possible)


def _comparison(text: dict[str, Any]) -> tuple[str, str, int]:
    ((name, value),) = text.items()
    if isinstance(value, dict):
        ((inner, number),) = cast("dict[str, int]", value).items()
        return inner, name, number
    return name, "$eq", value


def _comparisons(rule: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [_comparison(text) for text in rule["all"][0]["m"]["$and"]]


def _fires(rule: dict[str, Any], fact: dict[str, Any]) -> bool:
    return all(
        name in fact and OPERATORS[operator](fact[name], number)
        for name, operator, number in _comparisons(rule)
    )


def _stack(rules: dict[str, Any], fact: dict[str, Any]) -> int:
    """The matcher's own walk: the deepest its stack becomes for one fact."""
    paths = [tuple(_comparisons(rule)) for rule in rules.values()]
    stack: list[tuple[tuple[str, str, int], ...]] = [()]
    deepest = 1
    while stack:
        here = stack.pop()
        below = {
            path[: len(here) + 1] for path in paths if path[: len(here)] == here and len(path) > len(here)
        }
        for child in sorted(below):
            name, operator, number = child[-1]
            if name in fact and OPERATORS[operator](fact[name], number):
                stack.append(child)
        deepest = max(deepest, len(stack))
    return deepest


@pytest.mark.parametrize("seed", range(6))
def test_only_small_integers_under_names_of_ours_reach_c(seed: int) -> None:
    compiled = _plan(seed)
    for shard in _all_shards(compiled):
        for rule in json.loads(shard.text).values():
            for name, operator, number in _comparisons(rule):
                assert name[0] in "pbw"
                assert name.isascii()
                assert operator in OPERATORS
                assert type(number) is int
                assert 0 <= number < 2**15


@pytest.mark.parametrize("seed", range(6))
def test_a_shard_fires_the_terms_that_hold_for_the_codes(seed: int) -> None:
    compiled = _plan(seed)
    rng = seeded(11)
    for _ in range(20):
        codes = compiled.encode(random_snapshot(rng), is_late=_never)
        for shard in _all_shards(compiled):
            fact, rules = json.loads(shard.fact(codes)), json.loads(shard.text)
            for place, term in enumerate(shard.terms):
                holds = all(mask >> codes[index] & 1 for index, mask in term)
                assert _fires(rules[shards.rule_name(place)], fact) is holds
            assert not _fires(rules[SENTINEL], fact)


@pytest.mark.parametrize("seed", range(6))
def test_every_shard_stays_within_the_limits_for_every_fact(seed: int) -> None:
    compiled = _plan(seed)
    rng = seeded(13)
    snapshots = [random_snapshot(rng) for _ in range(20)]
    for shard in _all_shards(compiled):
        rules = json.loads(shard.text)
        bound = shards.stack_bound(_paths(shard, compiled.columns), compiled.columns)
        assert len(shard.terms) <= SHARD_TERMS_MAX
        assert bound <= STACK_MAX
        assert len({json.dumps(rule, sort_keys=True) for rule in rules.values()}) == len(rules)
        for facts in snapshots:
            fact = json.loads(shard.fact(compiled.encode(facts, is_late=_never)))
            assert _stack(rules, fact) <= bound + 1
            assert len(fact) <= PROPERTIES_MAX + 2


def _paths(shard: Shard, columns: Sequence[Column | Outcome]) -> list[tuple[shards.Test, ...]]:
    """The tests of each term in the order in which the shard's text has them."""
    rules = json.loads(shard.text)
    names: dict[str, int] = {}
    for part in shard.fragments:
        names |= {} if part.name is None else {part.name: part.index}
    found: list[tuple[shards.Test, ...]] = []
    for place, term in enumerate(shard.terms):
        masks = dict(term)
        path: list[shards.Test] = []
        for name, operator, number in _comparisons(rules[shards.rule_name(place)]):
            path.append(
                (names[name], operator, number) if name in names else _bit(name, shard, masks, columns)
            )
        found.append(tuple(path))
    return found


def _bit(
    name: str, shard: Shard, masks: dict[int, int], columns: Sequence[Column | Outcome]
) -> tuple[int, str, int]:
    ((index, mask),) = {
        (part.index, mask) for part in shard.fragments for mask, bit in part.bits if bit == name
    }
    assert masks[index] == mask
    assert mask < 1 << columns[index].size
    return index, shards.BIT, mask


def test_the_same_conditions_give_the_same_plan_in_any_order() -> None:
    conditions = random_ruleset(seeded(3), "k", rules=80).conditions
    again = plan(conditions)

    assert [shard.text for shard in plan(conditions).certain] == [shard.text for shard in again.certain]
    assert {
        term for shard in plan(conditions[::-1]).certain for term in _named(shard, plan(conditions[::-1]))
    } == {term for shard in again.certain for term in _named(shard, again)}


def _named(shard: Shard, compiled: Plan) -> set[frozenset[tuple[tuple[str, ...], int]]]:
    """Terms by path instead of column index; those with outcomes are left out."""
    named: set[frozenset[tuple[tuple[str, ...], int]]] = set()
    for term in shard.terms:
        columns = [(compiled.columns[index], mask) for index, mask in term]
        if all(isinstance(column, Column) for column, _ in columns):
            named.add(
                frozenset((column.path, mask) for column, mask in columns if isinstance(column, Column))
            )
    return named


def test_identical_conditions_are_one_term() -> None:
    compiled = plan([parse('p == "P1"'), parse('"P1" == p'), parse('p in ["P1"]'), parse("q == 1")])

    assert [shard.owners for shard in compiled.certain] == [((0, 1, 2), (3,))]


@pytest.mark.parametrize(
    ("sources", "terms"),
    [
        ([f"x == {n}" for n in range(600)], 600),
        ([f"x >= {n}" for n in range(200)], 200),
        ([f"x{n} == 1" for n in range(400)], 400),
        ([f"x{n} in [1, 3, 5]" for n in range(400)], 400),
        ([" && ".join(f"x{n} == 1" for n in range(40))], 1),
        (["x == 1"] * 5_000, 1),
    ],
)
def test_rule_sets_larger_than_a_table_are_cut(sources: list[str], terms: int) -> None:
    compiled = plan([parse(source) for source in sources])

    assert sum(len(shard.terms) for shard in compiled.certain) == terms
    for shard in _all_shards(compiled):
        assert len(shard.terms) <= SHARD_TERMS_MAX
        assert max(_properties(shard)) <= PROPERTIES_MAX + 2
        assert shards.stack_bound(_paths(shard, compiled.columns), compiled.columns) <= STACK_MAX


def _properties(shard: Shard) -> list[int]:
    return [sum(len(part.bits) + (part.name is not None) for part in shard.fragments) + 2]


def test_a_rule_that_cannot_err_costs_nothing_on_the_doubtful_side() -> None:
    compiled = plan([parse("has(r.a)"), parse("true"), parse("has(r.a) && r.a == 1")])
    absent: Facts = {"r": {}}

    assert compiled.always_true == {1}
    assert compiled.in_doubt(compiled.encode(absent, is_late=_never)) == []
    assert compiled.in_doubt(compiled.encode({"r": 5}, is_late=_never)) == [0]


def test_outcomes_stop_when_it_is_late() -> None:
    compiled = plan([parse("a + 1 > b"), parse("a == 1")])

    with pytest.raises(OutOfTime):
        compiled.encode({"a": 1, "b": 1}, is_late=lambda: True)


def test_what_no_shard_reads_is_not_computed() -> None:
    compiled = plan([parse("(a + 1 > b) && false"), parse("c == 1")])

    assert compiled.encode({"c": 1}, is_late=lambda: True)[compiled.reads[0]] > 0


def test_no_two_names_of_a_fact_have_the_same_hash() -> None:
    """The C module tells properties apart by a 32-bit FNV-1a hash alone."""
    names = [
        *RESERVED,
        *(f"{letter}{n}" for letter in "pb" for n in range(PROPERTIES_MAX + 1)),
    ]

    hashes = {name: _fnv1a(name) for name in names}

    assert all(hashes[one] != hashes[other] for one, other in combinations(names, 2))


def _fnv1a(name: str) -> int:
    code = 0x811C9DC5
    for byte in name.encode():
        code = (code ^ byte) * 16_777_619 & 0xFFFFFFFF
    return code


def test_the_stack_bound_counts_what_can_hold_together() -> None:
    columns = [Column(("x",), {}, 8), Column(("y",), {}, 8)]
    one: shards.Test = (0, "$eq", 1)
    same: shards.Test = (0, "$gte", 1)
    other: shards.Test = (0, "$eq", 2)
    below: shards.Test = (1, "$eq", 3)

    assert shards.stack_bound([(one,)], columns) == 1
    assert shards.stack_bound([(one,), (other,)], columns) == 1
    assert shards.stack_bound([(one,), (same,)], columns) == 2
    assert shards.stack_bound([(one,), (same,), (other,)], columns) == 2
    assert shards.stack_bound([(one, below), (same,)], columns) == 3


def test_an_empty_rule_set_has_no_shards() -> None:
    compiled = plan([])

    assert (compiled.certain, compiled.possible, compiled.term_count) == ((), (), 0)
    assert Term() not in {term for shard in _all_shards(compiled) for term in shard.terms}
