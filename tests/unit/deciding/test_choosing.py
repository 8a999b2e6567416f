"""Which of the rules that match count, and what leaves a doubt about them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules import domain
from service.rules.domain import Doubt, HitPolicy, Rule
from service.rules.language.parse import parse
from service.rules.matching import Matches

ANYTHING = parse("true")
FAILED, SEVERAL = (Doubt.RULE_FAILED,), (Doubt.SEVERAL_MATCHED,)

RANKS = st.lists(st.none() | st.integers(0, 3), min_size=1, max_size=6)
FATES = st.text("tfeE", min_size=6, max_size=6)
"""Of each rule: it matches, does not, or fails and would, `E`, or would not, `e`, have matched."""
HIT_POLICIES = st.sampled_from(HitPolicy)


def _rules(ranks: Sequence[int | None]) -> list[Rule]:
    return [
        Rule(id=str(at), when="true", condition=ANYTHING, outcome=None, because="So.", rank=rank)
        for at, rank in enumerate(ranks)
    ]


def _matches(true: Sequence[int], errors: Sequence[int] = ()) -> Matches:
    return Matches(tuple(true), tuple(errors), "reference")


@pytest.mark.parametrize(
    ("ranks", "true", "errors", "winners", "doubts"),
    [
        ([None, None], [], [], (), ()),
        ([None, None], [1], [], (1,), ()),
        ([None, None], [0, 1], [], (0,), SEVERAL),
        ([2, 1], [0, 1], [], (1,), ()),
        ([None, 9], [0, 1], [], (1,), ()),
        ([1, 1, 0], [0, 1], [], (0,), SEVERAL),
        ([1, 1, 0], [0, 1, 2], [], (2,), ()),
        ([1, 0], [0], [1], (0,), FAILED),
        ([1, 1], [0], [1], (0,), FAILED),
        ([0, 1], [0], [1], (0,), ()),
        ([None, None], [], [0], (), FAILED),
        ([1, 1, 1], [0, 1], [2], (0,), SEVERAL + FAILED),
    ],
)
def test_of_several_rules_the_one_of_the_lowest_rank_counts(
    ranks: list[int | None],
    true: list[int],
    errors: list[int],
    winners: tuple[int, ...],
    doubts: tuple[Doubt, ...],
) -> None:
    choice = domain.choose(HitPolicy.UNIQUE, _rules(ranks), _matches(true, errors))

    assert (choice.winners, choice.doubts) == (winners, doubts)


@pytest.mark.parametrize(
    ("true", "errors", "doubts"), [([], [], ()), ([1, 3], [], ()), ([1], [0], FAILED), ([], [2], FAILED)]
)
def test_all_rules_count_where_they_are_collected(
    true: list[int], errors: list[int], doubts: tuple[Doubt, ...]
) -> None:
    choice = domain.choose(HitPolicy.COLLECT, _rules([None] * 4), _matches(true, errors))

    assert (choice.winners, choice.doubts) == (tuple(true), doubts)


@given(hit_policy=HIT_POLICIES, ranks=RANKS, fates=FATES)
def test_without_a_doubt_the_rules_that_failed_could_change_nothing(
    hit_policy: HitPolicy, ranks: list[int | None], fates: str
) -> None:
    rules = _rules(ranks)
    true, errors, would = [
        [at for at in range(len(rules)) if fates[at] in kind] for kind in ("t", "eE", "tE")
    ]

    choice = domain.choose(hit_policy, rules, _matches(true, errors))

    had_it_been = domain.choose(hit_policy, rules, _matches(would))
    if Doubt.RULE_FAILED not in choice.doubts:
        assert (had_it_been.winners, had_it_been.doubts) == (choice.winners, choice.doubts)
    assert (choice.matched, choice.errors) == (tuple(true), tuple(errors))
    assert set(choice.winners) <= set(true)


@given(hit_policy=HIT_POLICIES, ranks=RANKS, fates=FATES)
def test_a_doubt_is_one_that_matters(hit_policy: HitPolicy, ranks: list[int | None], fates: str) -> None:
    rules = _rules(ranks)
    true, errors = [[at for at in range(len(rules)) if fates[at] in kind] for kind in ("t", "eE")]

    choice = domain.choose(hit_policy, rules, _matches(true, errors))

    certain = domain.choose(hit_policy, rules, _matches(true))
    others = [domain.choose(hit_policy, rules, _matches(sorted([*true, at]))) for at in errors]
    assert (Doubt.SEVERAL_MATCHED in choice.doubts) is (Doubt.SEVERAL_MATCHED in certain.doubts)
    if not certain.doubts:
        changed = any((one.winners, one.doubts) != (certain.winners, ()) for one in others)
        assert (Doubt.RULE_FAILED in choice.doubts) is changed
