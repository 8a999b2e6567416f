import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.compile import boxes
from service.rules.compile.boxes import Pile, Steps, Undecided
from service.rules.compile.terms import Term

SIZES = (4, 3, 5)
SPACE = {column: (1 << size) - 1 for column, size in enumerate(SIZES)}
POINTS = list(itertools.product(*map(range, SIZES)))
SEEDS = st.integers(0, 2**32 - 1)


def _term(rng: Random) -> Term:
    masks = {column: rng.randrange(1, 1 << size) for column, size in enumerate(SIZES) if rng.randrange(3)}
    narrowed = boxes.narrowed(Term(masks.items()), SPACE)
    assert narrowed is not None
    return narrowed


def _points(term: Term) -> set[tuple[int, ...]]:
    return {point for point in POINTS if all(mask >> point[column] & 1 for column, mask in term)}


@pytest.mark.parametrize("narrow_max", [0, 1, 2, 64])
@settings(max_examples=80)
@given(seed=SEEDS)
def test_a_pile_tells_of_boxes_what_holds_of_their_points(narrow_max: int, seed: int) -> None:
    rng = Random(seed)  # noqa: S311 a reproducible one
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(boxes, "NARROW_MAX", narrow_max)
        terms = [_term(rng) for _ in range(rng.randrange(1, 7))]
        asked, among = _term(rng), rng.randrange(1 << len(terms))
        pile = Pile(terms, SPACE, Steps(10_000))
        wanted, own = [_points(term) for term in terms], _points(asked)

        meeting, holding = pile.meeting(asked, among), pile.holding(asked, among)
        cover = pile.cover(asked, among)

    chosen = list(boxes.each(among))
    assert list(boxes.each(meeting)) == [place for place in chosen if wanted[place] & own]
    assert list(boxes.each(holding)) == [place for place in chosen if own <= wanted[place]]
    if cover.part is None:
        assert own <= set().union(*(wanted[place] for place in boxes.each(cover.used)))
        assert not cover.used & ~among
    else:
        outside = _points(Term(cover.part.items()))
        assert outside
        assert outside <= own - set().union(*(wanted[place] for place in chosen))


def test_what_takes_too_many_steps_is_left_undecided() -> None:
    terms = [Term({(column, 1 << code)}) for column, size in enumerate(SIZES) for code in range(size - 1)]
    pairs = [Term({*one, *other}) for one, other in itertools.combinations(terms, 2) if one != other]
    pile = Pile([term for term in pairs if len(dict(term)) == len(term)], SPACE, Steps(3))

    with pytest.raises(Undecided):
        pile.cover({}, pile.all)
