"""Whoever had a hand in what is to be approved is in its way, and nobody else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import MemberId
from service.rationalization.involvement import domain as involvement
from service.rationalization.involvement.domain import Hand, Hands

ADA, BEN, CHI = (MemberId(UUID(int=number)) for number in range(1, 4))
PEOPLE = st.frozensets(st.sampled_from([ADA, BEN, CHI]))
HANDS = st.dictionaries(st.sampled_from(Hand), PEOPLE)


def _of(*people: MemberId) -> frozenset[MemberId]:
    return frozenset(people)


@pytest.mark.parametrize(
    ("hands", "people", "hand"),
    [
        ({}, [ADA], None),
        ({Hand.EDITED: _of(BEN)}, [ADA], None),
        ({Hand.EDITED: _of(ADA)}, [ADA], Hand.EDITED),
        ({Hand.AGREED: _of(ADA)}, [ADA], Hand.AGREED),
        ({Hand.ASSESSED: _of(ADA)}, [ADA], Hand.ASSESSED),
        ({Hand.EDITED: _of(ADA), Hand.AGREED: _of(ADA)}, [ADA], Hand.AGREED),
        ({Hand.ASSESSED: _of(ADA), Hand.EDITED: _of(ADA)}, [ADA], Hand.EDITED),
        ({Hand.EDITED: _of(BEN)}, [ADA, BEN], Hand.EDITED),
        ({Hand.ASSESSED: _of(ADA), Hand.EDITED: _of(BEN)}, [ADA, BEN], Hand.EDITED),
        ({Hand.EDITED: _of()}, [ADA], None),
    ],
)
def test_what_is_in_the_way_of_somebody(hands: Hands, people: list[MemberId], hand: Hand | None) -> None:
    assert involvement.in_the_way(hands, frozenset(people)) is hand


@given(hands=HANDS, people=PEOPLE)
def test_who_had_no_hand_in_it_is_free_and_nobody_else(hands: Hands, people: frozenset[MemberId]) -> None:
    is_free = involvement.in_the_way(hands, people) is None

    assert is_free == people.isdisjoint(involvement.everybody(hands))


@given(hands=HANDS, people=PEOPLE, more=PEOPLE, hand=st.sampled_from(Hand))
def test_another_hand_or_another_person_frees_nobody(
    hands: Hands, people: frozenset[MemberId], more: frozenset[MemberId], hand: Hand
) -> None:
    if involvement.in_the_way(hands, people) is not None:
        wider = {**hands, hand: hands.get(hand, _of()) | more}

        assert involvement.in_the_way(wider, people | more) is not None
