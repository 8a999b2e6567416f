from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rationalization.specials import domain as specials
from service.rationalization.specials.domain import (
    Approved,
    Checked,
    Ended,
    Entry,
    Proposed,
    Refused,
    State,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PROPOSED = Proposed(at=NOON, ends_at=NOON + 30 * DAY, remind_before=frozenset({7 * DAY, DAY}))


def _approved(days: int) -> Approved:
    return Approved(at=NOON + days * DAY)


def _refused(days: int) -> Refused:
    return Refused(at=NOON + days * DAY)


def _ended(days: int) -> Ended:
    return Ended(at=NOON + days * DAY, why="the norm fits again")


def _checked(days: int, *, undone: bool = True) -> Checked:
    return Checked(at=NOON + days * DAY, undone=undone, result="rolled back, nothing left")


@pytest.mark.parametrize(
    ("entries", "days", "state", "since"),
    [
        ([], 0, State.PROPOSED, 0),
        ([], 30, State.PROPOSED, 0),
        ([], 31, State.LAPSED, 30),
        ([_approved(31)], 31, State.LAPSED, 30),
        ([_approved(2)], 2, State.ALLOWED, 2),
        ([_approved(2)], 30, State.ALLOWED, 2),
        ([_approved(2)], 31, State.EXPIRED, 30),
        ([_approved(2), _ended(5)], 9, State.ENDED, 5),
        ([_approved(2), _ended(31)], 31, State.EXPIRED, 30),
        ([_ended(1), _approved(2)], 2, State.WITHDRAWN, 1),
        ([_refused(1), _approved(2)], 2, State.REFUSED, 1),
        ([_approved(2), _checked(3)], 3, State.ALLOWED, 2),
        ([_approved(2), _checked(33)], 40, State.CHECKED, 33),
        ([_approved(2), _ended(3), _checked(4), _approved(5)], 6, State.CHECKED, 4),
    ],
)
def test_where_a_special_method_stands(entries: list[Entry], days: int, state: State, since: int) -> None:
    found = specials.standing([PROPOSED, *entries], NOON + days * DAY)

    assert (found.state, found.since) == (state, NOON + since * DAY)


def test_it_is_used_from_its_approval_up_to_its_end_and_never_after() -> None:
    entries = [PROPOSED, _approved(2)]
    end = PROPOSED.ends_at

    assert not specials.may_be_used(entries, NOON + 2 * DAY - timedelta.resolution)
    assert specials.may_be_used(entries, NOON + 2 * DAY)
    assert specials.may_be_used(entries, end)
    assert not specials.may_be_used(entries, end + timedelta.resolution)
    assert not specials.may_be_used([*entries, _ended(5)], NOON + 5 * DAY)


def test_a_later_end_does_not_take_back_that_it_was_allowed() -> None:
    assert specials.may_be_used([PROPOSED, _approved(2), _ended(5)], NOON + 3 * DAY)


@pytest.mark.parametrize(
    ("entries", "days", "expected"),
    [
        ([], 0, 30),
        ([_approved(2)], 2, 23),
        ([_approved(2)], 23, 29),
        ([_approved(24)], 24, 29),
        ([_approved(2)], 29, 30),
        ([_approved(2)], 31, None),
        ([_approved(2), _ended(5)], 5, None),
    ],
)
def test_it_wakes_for_each_reminder_and_for_its_end(
    entries: list[Entry], days: int, expected: int | None
) -> None:
    at = specials.next_wake_up([PROPOSED, *entries], NOON + days * DAY)

    ends = timedelta.resolution if expected == 30 else timedelta(0)
    assert at == (None if expected is None else NOON + expected * DAY + ends)


def test_nobody_is_reminded_of_what_was_not_allowed_yet() -> None:
    found = specials.standing([PROPOSED, _approved(24)], NOON + 29 * DAY)

    assert specials.reminders_between(PROPOSED, found, NOON, NOON + 30 * DAY) == [NOON + 29 * DAY]


@pytest.mark.parametrize(
    ("days", "how_many", "is_pattern"),
    [
        ([0, 10, 20], 3, True),
        ([0, 10], 3, False),
        ([-59, 10, 30], 3, True),
        ([-60, 10, 30], 3, False),
        ([0, 10, 31], 3, False),
    ],
)
def test_so_many_similar_exceptions_in_a_period_are_a_pattern(
    days: list[int], how_many: int, *, is_pattern: bool
) -> None:
    approved_at = [NOON + day * DAY for day in days]

    found = specials.are_a_pattern(approved_at, NOON + 30 * DAY, within=90 * DAY, how_many=how_many)

    assert found is is_pattern


@pytest.mark.parametrize("spans", [{timedelta(0)}, {-DAY}, {day * DAY for day in range(1, 7)}])
def test_reminders_come_before_the_end_and_are_few(spans: set[timedelta]) -> None:
    with pytest.raises(ValueError, match="reminders"):
        Proposed(at=NOON, ends_at=NOON + 30 * DAY, remind_before=frozenset(spans))


ENTRIES = st.lists(
    st.one_of(
        st.builds(_approved, st.integers(0, 40)),
        st.builds(_ended, st.integers(0, 40)),
        st.builds(_checked, st.integers(0, 40), undone=st.booleans()),
        st.builds(_refused, st.integers(0, 40)),
    ),
    max_size=8,
).map(lambda entries: sorted(entries, key=lambda entry: entry.at))


@given(ENTRIES, st.integers(0, 60))
def test_it_never_comes_back_and_is_never_used_after_its_end(entries: list[Entry], days: int) -> None:
    whole: list[Entry] = [PROPOSED, *entries]
    states = [specials.standing(whole, NOON + day * DAY).state for day in range(41, 61)]

    assert len(set(states)) == 1
    assert states[0] not in {State.PROPOSED, State.ALLOWED}
    if specials.may_be_used(whole, NOON + days * DAY):
        assert days <= 30
        assert any(isinstance(entry, Approved) for entry in entries)


@given(ENTRIES, st.integers(0, 40))
def test_nothing_changes_by_itself_before_it_wakes(entries: list[Entry], days: int) -> None:
    now = NOON + days * DAY
    known: list[Entry] = [PROPOSED, *(entry for entry in entries if entry.at <= now)]
    wakes_at = specials.next_wake_up(known, now) or NOON + 100 * DAY

    assert specials.standing(known, now) == specials.standing(known, wakes_at - timedelta.resolution)
