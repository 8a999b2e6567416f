"""No more than the rate, the burst and one lease's time are ever let through, however many processes ask."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.limits.domain import rates
from service.limits.domain.rates import LEASE_SECONDS, Grant, Lease, Rate

RATES = st.builds(Rate, st.integers(1, 1_000), st.integers(1, 2_000))
PAUSES = st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), min_size=1, max_size=120)
"""Before each request: how long nobody asks, and which process is asked then."""


class Store:
    """One bucket, as the database keeps it."""

    def __init__(self) -> None:
        self.full_at = 0.0

    def take(self, now: float, rate: Rate, wanted: int) -> Grant:
        self.full_at, grant = rates.take(self.full_at, now, rate, wanted)
        return grant


def let_through(rate: Rate, pauses: Sequence[tuple[float, int]]) -> list[float]:
    """When requests were let through, by processes that share a store."""
    store, leases, passed = Store(), [Lease()] * 4, list[float]()
    moments = accumulate(pause for pause, _ in pauses)
    for now, (_, process) in zip(moments, pauses, strict=True):
        lease = leases[process]
        if not lease.in_hand(now) and not lease.wait_seconds(now):
            wanted = rates.asked(lease, now, rate)
            lease = rates.leased(store.take(now, rate, wanted), wanted, asked_at=now, answered_at=now)
        if lease.in_hand(now):
            lease = rates.spend(lease)
            passed.append(now)
        leases[process] = lease
    return passed


@pytest.mark.parametrize(
    ("full_in", "asked", "granted", "left", "wait"),
    [
        (0.0, 4, 4, 16.0, 0.0),
        (-60.0, 40, 20, 0.0, 0.0),
        (1.0, 4, 4, 6.0, 0.0),
        (1.95, 4, 0, 0.5, 0.05),
        (2.0, 1, 0, 0.0, 0.1),
        (3_600.0, 1, 0, 0.0, 0.1),
    ],
    ids=["full", "full for long", "half full", "half a token", "empty", "a clock went back"],
)
def test_a_bucket_gives_what_is_in_it(
    full_in: float, asked: int, granted: int, left: float, wait: float
) -> None:
    full_at, grant = rates.take(100 + full_in, 100.0, Rate(10, 20), asked)

    assert (grant.granted, grant.left, grant.wait_seconds) == pytest.approx((granted, left, wait))
    assert full_at - 100 == pytest.approx(min(max(full_in, 0), 2) + granted / 10)


@given(rate=RATES, claims=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 500)), max_size=60))
def test_what_is_granted_and_what_is_left_come_from_the_burst_and_the_rate(
    rate: Rate, claims: list[tuple[float, int]]
) -> None:
    store, now, tokens = Store(), 0.0, float(rate.burst)
    for pause, wanted in claims:
        now += pause
        tokens = min(rate.burst, tokens + pause * rate.per_second)
        grant = store.take(now, rate, wanted)
        tokens -= grant.granted

        assert grant.left == pytest.approx(max(tokens, 0), abs=1e-3)
        assert grant.granted == wanted or tokens < 1.001
        assert (grant.wait_seconds > 0) <= (grant.granted == 0)


@given(rate=RATES, pauses=PAUSES)
def test_no_window_lets_more_through_than_burst_and_rate_and_the_life_of_a_lease(
    rate: Rate, pauses: list[tuple[float, int]]
) -> None:
    passed = let_through(rate, pauses)

    for first, begins_at in enumerate(passed):
        for last in range(first, len(passed)):
            window = passed[last] - begins_at
            most = rate.burst + rate.per_second * (window + LEASE_SECONDS)
            assert last - first + 1 <= most + 1e-3


@given(rate=RATES)
def test_whoever_keeps_to_the_rate_is_never_refused(rate: Rate) -> None:
    pauses = [(1 / rate.per_second, 0)] * 300

    assert len(let_through(rate, pauses)) == 300


@given(rate=RATES, process=st.integers(0, 3))
def test_who_is_refused_is_let_through_when_the_wait_is_over(rate: Rate, process: int) -> None:
    store = Store()
    store.take(0.0, rate, rate.burst)
    grant = store.take(0.0, rate, process + 1)

    after = store.take(grant.wait_seconds + 1e-6, rate, 1)

    assert (grant.granted, after.granted) == (0, 1)


def test_a_lease_grows_while_it_is_used_up_and_shrinks_to_what_was_used() -> None:
    rate, now, lease, wanted = Rate(100, 400), 0.0, Lease(), list[int]()
    for spent in (1, 2, 4, 8, 16, 32, 50, 7, 3):
        asked = rates.asked(lease, now, rate)
        wanted.append(asked)
        lease = rates.leased(Grant(asked, 0, 0), asked, asked_at=now, answered_at=now)
        for _ in range(min(spent, asked)):
            lease = rates.spend(lease)
        now += 0.1 if spent >= asked else LEASE_SECONDS

    assert wanted == [1, 2, 4, 8, 16, 32, 50, 50, 7]


@pytest.mark.parametrize(("waiting", "wanted"), [(0, 1), (1, 1), (7, 7), (70, 50)])
def test_a_lease_has_a_token_for_each_request_that_waits_as_far_as_it_goes(waiting: int, wanted: int) -> None:
    assert rates.asked(Lease(), 0.0, Rate(100, 400), waiting=waiting) == wanted


def test_what_is_left_of_a_lease_is_forfeit_when_it_ends() -> None:
    lease = rates.leased(Grant(5, 0, 0), 5, asked_at=10.0, answered_at=10.3)

    assert (lease.in_hand(11.29), lease.in_hand(11.31)) == (5, 0)


def test_a_lease_without_tokens_cannot_be_spent() -> None:
    with pytest.raises(ValueError, match="without tokens"):
        rates.spend(Lease())


@given(rate=RATES, left=st.floats(0, 2_000), granted=st.integers(0, 500), after=st.floats(0, 100))
def test_what_an_answer_says_is_left_never_exceeds_the_burst_nor_falls_with_time_after_the_lease(
    rate: Rate, left: float, granted: int, after: float
) -> None:
    lease = rates.leased(
        Grant(granted, min(left, rate.burst - min(granted, rate.burst)), 0),
        granted,
        asked_at=0,
        answered_at=0,
    )

    shown = rates.remaining(lease, LEASE_SECONDS + after, rate)

    assert 0 <= shown <= rate.burst
    assert rates.remaining(lease, LEASE_SECONDS + after + 1, rate) >= shown
    assert (rates.refilled_in_seconds(lease, LEASE_SECONDS + after, rate) == 0) == (shown == rate.burst)
