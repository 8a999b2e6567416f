"""Which version holds for a request, and which entries of the pointer nothing can be decided by any more."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import PolicyId, PolicyVersionId
from service.rules import pointers
from service.rules.domain import VersionRef
from service.rules.errors import VersionsHeldTooMany
from service.rules.pointers import HELD_MAX, Pointed, Received
from tests.factories import NOON

HOUR = timedelta(hours=1)


def _entry(version: int, hours: int, *, policy: int = 1, order: int = 500, new_only: bool = False) -> Pointed:
    ref = VersionRef(
        policy_id=PolicyId(UUID(int=policy)),
        version_id=PolicyVersionId(UUID(int=policy * 1_000 + version)),
        version=version,
    )
    return Pointed(ref=ref, order=order, effective_at=NOON + hours * HOUR, new_requests_only=new_only)


def _versions(entries: list[Pointed], received_hours: int, now_hours: int) -> list[int]:
    received = Received(NOON + received_hours * HOUR)
    found = pointers.in_effect(entries, received, now=NOON + now_hours * HOUR)
    return [ref.version for ref in found]


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (0, [1, 2, 3]),
        (1, [1, 2, 3]),
        (2, [3]),
        (9, [3]),
    ],
)
def test_an_entry_goes_once_a_later_one_holds_for_all_requests(now: int, kept: list[int]) -> None:
    entries = [_entry(1, 0), _entry(2, 1, new_only=True), _entry(3, 2)]

    held = pointers.choosable(entries, now=NOON + now * HOUR)

    assert [entry.ref.version for entry in held] == kept


def test_of_two_that_hold_from_one_instant_on_the_one_put_there_last_counts() -> None:
    entries = [_entry(1, 0), _entry(2, 0)]

    assert _versions(entries, 0, 0) == [2]
    assert [entry.ref.version for entry in pointers.choosable(entries, now=NOON)] == [2]


def test_the_versions_that_hold_each_for_the_requests_of_its_time_are_bounded() -> None:
    entries = [_entry(1, 0)]
    for number in range(2, HELD_MAX + 1):
        entries = pointers.with_entry(
            entries, _entry(number, number, new_only=True), now=NOON + number * HOUR
        )
    assert len(entries) == HELD_MAX

    with pytest.raises(VersionsHeldTooMany, match="keep"):
        pointers.with_entry(entries, _entry(99, 99, new_only=True), now=NOON + 99 * HOUR)

    for_all = pointers.with_entry(entries, _entry(99, 99), now=NOON + 99 * HOUR)
    assert [entry.ref.version for entry in for_all] == [99]


def test_a_policy_that_is_taken_out_leaves_the_others_and_one_that_waits_leaves_alone() -> None:
    entries = [_entry(1, 0), _entry(2, 5), _entry(1, 0, policy=2)]
    policy = entries[0].ref.policy_id

    assert pointers.without(entries, policy) == entries[2:]
    assert pointers.without_waiting(entries, policy, now=NOON) == [entries[0], entries[2]]


ENTRIES = st.lists(
    st.builds(
        _entry,
        version=st.integers(1, 9),
        hours=st.integers(0, 6),
        policy=st.integers(1, 2),
        order=st.sampled_from([1, 500]),
        new_only=st.booleans(),
    ),
    max_size=8,
)


@given(entries=ENTRIES, pruned_at=st.integers(0, 7), later=st.integers(0, 7), received=st.integers(0, 14))
def test_pruning_never_changes_what_a_request_is_decided_by(
    entries: list[Pointed], pruned_at: int, later: int, received: int
) -> None:
    now = pruned_at + later
    received = min(received, now)

    held = pointers.choosable(entries, now=NOON + pruned_at * HOUR)

    assert _versions(held, received, now) == _versions(entries, received, now)


@given(entries=ENTRIES, at=st.integers(0, 7))
def test_pruning_twice_is_pruning_once_and_keeps_only_what_can_be_chosen(
    entries: list[Pointed], at: int
) -> None:
    now = NOON + at * HOUR
    held = pointers.choosable(entries, now=now)

    assert pointers.choosable(held, now=now) == held
    for entry in held:
        assert _can_be_chosen(entry, held, now)


def _can_be_chosen(entry: Pointed, held: list[Pointed], now: datetime) -> bool:
    """Is there a request, and an instant from now on, at which the entry decides?"""
    others = [replace(each, order=0) for each in held if each.ref.policy_id == entry.ref.policy_id]
    instants = [now + hours * HOUR for hours in range(8)]
    return any(
        entry.ref in pointers.in_effect(others, Received(received), now=instant)
        for instant in instants
        for received in [NOON - HOUR + hours * HOUR for hours in range(16)]
        if received <= instant
    )
