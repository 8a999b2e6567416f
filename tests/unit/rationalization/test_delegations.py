from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import DelegationId, MemberId
from service.rationalization.approvals.domain import delegations
from service.rationalization.approvals.domain.delegations import Delegation, Fault, State

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA, BEN, CHI = (MemberId(UUID(int=number)) for number in range(1, 4))
MANAGER, AUDITOR = frozenset({"role:manager"}), frozenset({"role:auditor"})


def _given(
    begins: int = 0,
    ends: int = 24,
    *,
    member: MemberId = ADA,
    deputy: MemberId = BEN,
    seats: frozenset[str] | None = None,
    ended: int | None = None,
) -> Delegation:
    """From so many hours after noon to so many."""
    return Delegation(
        id=DelegationId(UUID(int=9)),
        member_id=member,
        deputy_id=deputy,
        from_at=NOON + begins * HOUR,
        until_at=NOON + ends * HOUR,
        seats=seats,
        created_at=NOON,
        ended_at=None if ended is None else NOON + ended * HOUR,
    )


@pytest.mark.parametrize(
    ("delegation", "hours", "state"),
    [
        (_given(1), 0, State.AHEAD),
        (_given(1), 1, State.ACTIVE),
        (_given(), 24, State.OVER),
        (_given(ended=5), 4, State.ACTIVE),
        (_given(ended=5), 5, State.ENDED),
        (_given(3, ended=2), 3, State.ENDED),
    ],
)
def test_where_a_delegation_stands(delegation: Delegation, hours: int, state: State) -> None:
    assert delegations.state(delegation, NOON + hours * HOUR) is state


@pytest.mark.parametrize(
    ("new", "known", "found"),
    [
        (_given(), [], []),
        (_given(deputy=ADA), [], [Fault.TO_ITSELF]),
        (_given(2, 1), [], [Fault.NO_TIME]),
        (_given(-5, -1), [], [Fault.PAST]),
        (_given(0, 367 * 24), [], [Fault.TOO_LONG]),
        (_given(0, 366 * 24), [], []),
        (_given(), [_given(23, 30, deputy=CHI)], [Fault.OVERLAPS]),
        (_given(), [_given(24, 30, deputy=CHI)], []),
        (_given(), [_given(23, 30, member=CHI)], []),
        (_given(), [_given(0, 24, ended=0)], []),
        (_given(seats=MANAGER), [_given(seats=AUDITOR)], []),
        (_given(seats=MANAGER), [_given()], [Fault.OVERLAPS]),
    ],
)
def test_what_is_wrong_with_a_delegation(
    new: Delegation, known: list[Delegation], found: list[Fault]
) -> None:
    assert delegations.faults(new, known, NOON) == found


SPANS = st.tuples(st.integers(0, 40), st.integers(1, 40), st.sampled_from([None, MANAGER, AUDITOR]))


@given(spans=st.lists(SPANS, max_size=8), hours=st.integers(0, 90))
def test_of_what_is_not_refused_one_deputy_at_most_answers_for_a_seat_at_any_time(
    spans: list[tuple[int, int, frozenset[str] | None]], hours: int
) -> None:
    known: list[Delegation] = []
    for begins, length, seats in spans:
        new = _given(begins, begins + length, seats=seats)
        if not delegations.faults(new, known, NOON):
            known.append(new)

    now = NOON + hours * HOUR
    active = [each for each in known if delegations.state(each, now) is State.ACTIVE]

    for seat in MANAGER | AUDITOR:
        assert sum(seat in each.covers(MANAGER | AUDITOR) for each in active) <= 1


@given(span=SPANS)
def test_a_deputy_answers_for_no_more_than_the_member_holds(
    span: tuple[int, int, frozenset[str] | None],
) -> None:
    begins, length, seats = span

    assert _given(begins, begins + length, seats=seats).covers(MANAGER) <= MANAGER
