from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wakeups import domain
from tests.factories import NOON

MINUTES = st.integers(-10_000, 10_000).map(lambda minutes: NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("attempts", "seconds", "parked"),
    [(1, 1, False), (2, 4, False), (3, 16, False), (4, 64, False), (5, 600, True), (50, 600, True)],
)
def test_a_wake_up_that_fails_rests_longer_each_time_until_it_is_parked(
    attempts: int, seconds: int, *, parked: bool
) -> None:
    assert domain.retry_delay(attempts) == timedelta(seconds=seconds)
    assert domain.is_parked(attempts) is parked


def test_no_attempt_cannot_have_failed() -> None:
    with pytest.raises(ValueError, match="0 attempts"):
        domain.retry_delay(0)


@given(attempts=st.integers(1, 10_000))
def test_a_rest_never_gets_shorter_and_never_exceeds_that_of_a_parked_one(attempts: int) -> None:
    assert domain.retry_delay(attempts) <= domain.retry_delay(attempts + 1) <= domain.PARKED_FOR


@given(target_at=MINUTES, to=MINUTES)
def test_a_clock_that_may_move_there_may_not_move_back(target_at: datetime, to: datetime) -> None:
    assert domain.may_move(target_at, to) or domain.may_move(to, target_at)
    assert not (target_at != to and domain.may_move(target_at, to) and domain.may_move(to, target_at))


@given(start=MINUTES, fire_ats=st.lists(MINUTES))
def test_the_clock_stands_at_each_wake_up_in_turn_and_never_goes_back(
    start: datetime, fire_ats: list[datetime]
) -> None:
    stands = [start]
    for fire_at in sorted(fire_ats):
        stands.append(domain.next_stand(stands[-1], fire_at))

    assert stands == sorted(stands)
    assert all(stand >= fire_at for stand, fire_at in zip(stands[1:], sorted(fire_ats), strict=True))
