"""How many failures are borne, and how long one waits."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import PersonId, new_id
from service.people.domain.throttle import (
    LIMITS,
    Kind,
    Level,
    Limit,
    after_failure,
    bucket,
    empty_at,
    factor_buckets,
    failures_at,
    is_forgiven_by_success,
    network_of,
    password_buckets,
    reset_buckets,
    wait,
)
from tests.factories import NOON

LIMIT = Limit(3, timedelta(minutes=10))
PARTS = st.lists(st.text(max_size=5), min_size=1, max_size=3)
SPANS = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))
LIMITS_DRAWN = st.builds(
    Limit,
    st.integers(min_value=1, max_value=50),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=1)),
)


def test_failures_are_borne_up_to_the_limit_and_one_more_each_span() -> None:
    level = Level(0, NOON)
    for _ in range(LIMIT.failures_max):
        assert wait(level, LIMIT, NOON) == timedelta(0)
        level = after_failure(level, LIMIT, NOON)

    assert wait(level, LIMIT, NOON) == timedelta(minutes=10)
    assert wait(level, LIMIT, NOON + timedelta(minutes=4)) == timedelta(minutes=6)
    assert wait(level, LIMIT, NOON + timedelta(minutes=10)) == timedelta(0)
    assert empty_at(level, LIMIT) == NOON + timedelta(minutes=30)


@given(LIMITS_DRAWN, st.lists(SPANS, min_size=1, max_size=80))
def test_in_no_span_of_time_are_more_attempts_let_in_than_the_limit_and_what_leaks(
    limit: Limit, pauses: list[timedelta]
) -> None:
    level, now, let_in = Level(0, NOON), NOON, 0
    for pause in pauses:
        now += pause
        if not wait(level, limit, now):
            level, let_in = after_failure(level, limit, now), let_in + 1

    assert let_in <= limit.failures_max + (now - NOON) / limit.leaks_one_in + 1e-6


@given(LIMITS_DRAWN, st.floats(min_value=0, max_value=100), SPANS)
def test_who_waits_as_long_as_told_is_let_in_and_not_before(
    limit: Limit, failures: float, early: timedelta
) -> None:
    level = Level(failures, NOON)
    told = wait(level, limit, NOON)

    assert wait(level, limit, NOON + told + timedelta(milliseconds=1)) <= timedelta(milliseconds=1)
    if told and early < told:
        assert wait(level, limit, NOON + early) > timedelta(0)


@given(LIMITS_DRAWN, st.floats(min_value=0, max_value=100), SPANS)
def test_a_clock_that_is_set_back_gives_no_attempts(limit: Limit, failures: float, back: timedelta) -> None:
    level = Level(failures, NOON)

    assert failures_at(level, limit, NOON - back) == failures
    assert after_failure(level, limit, NOON - back).measured_at == NOON


@given(LIMITS_DRAWN, st.floats(min_value=0, max_value=100), st.lists(SPANS, min_size=2))
def test_failures_only_leak(limit: Limit, failures: float, spans: list[timedelta]) -> None:
    level = Level(failures, NOON)
    left = [failures_at(level, limit, NOON + span) for span in sorted(spans)]

    assert all(later <= earlier for earlier, later in pairwise(left))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_what_one_subscriber_has_counts_as_one_address(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_a_known_browser_counts_for_itself_alone() -> None:
    known = password_buckets("ada@harbour.test", "192.0.2.1", b"browser")
    unknown = password_buckets("ada@harbour.test", "192.0.2.1", None)

    assert {each.kind for each in known} == {Kind.DEVICE}
    assert {each.kind for each in unknown} == {Kind.ACCOUNT, Kind.ADDRESS, Kind.PAIR}
    by_factor = factor_buckets(PersonId(new_id()), "192.0.2.1", b"browser")
    assert {each.kind for each in by_factor} == {Kind.DEVICE_FACTOR}


def test_a_success_empties_nothing_in_which_the_failures_of_others_are() -> None:
    assert {kind for kind in Kind if is_forgiven_by_success(kind)} == {
        Kind.PAIR,
        Kind.DEVICE,
        Kind.DEVICE_FACTOR,
    }


def test_no_failure_to_give_the_second_factor_is_forgiven_for_the_password() -> None:
    for device in (None, b"browser"):
        passwords = set(password_buckets("ada@harbour.test", "192.0.2.1", device))
        factors = set(factor_buckets(PersonId(new_id()), "192.0.2.1", device))
        assert not any(is_forgiven_by_success(each.kind) for each in passwords & factors)


def test_one_address_cannot_fill_the_bucket_of_an_account() -> None:
    assert LIMITS[Kind.PAIR].failures_max < LIMITS[Kind.ACCOUNT].failures_max


def test_every_kind_has_a_limit_that_bears_something() -> None:
    assert set(LIMITS) == set(Kind)
    assert all(limit.failures_max >= 3 and limit.leaks_one_in > timedelta(0) for limit in LIMITS.values())


@given(
    st.lists(st.text(max_size=5), min_size=1, max_size=3),
    st.lists(st.text(max_size=5), min_size=1, max_size=3),
)
def test_two_buckets_are_one_only_if_they_are_for_the_same(first: list[str], second: list[str]) -> None:
    assert (bucket(Kind.PAIR, *first) == bucket(Kind.PAIR, *second)) is (first == second)
    assert bucket(Kind.PAIR, *first) != bucket(Kind.ACCOUNT, *first)
    assert reset_buckets("a", None) != reset_buckets("b", None)
