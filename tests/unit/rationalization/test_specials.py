from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import SpecialMethodId
from service.rationalization.specials import domain as specials
from service.rationalization.specials.domain import (
    Approved,
    Checked,
    Compared,
    Ended,
    Entry,
    Expired,
    Precedent,
    Proposed,
    Refused,
    Reminded,
    State,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta.resolution
PROPOSED = Proposed(at=NOON, lasts=30 * DAY, remind_before=frozenset({7 * DAY, DAY}))


def _approved(days: int) -> Approved:
    return Approved(at=NOON + days * DAY, by=("member:ada",))


def _compared(days: int) -> Compared:
    return Compared(at=NOON + days * DAY)


def _refused(days: int) -> Refused:
    return Refused(at=NOON + days * DAY)


def _reminded(days: int, before: int) -> Reminded:
    return Reminded(at=NOON + days * DAY, before=before * DAY)


def _expired(days: int) -> Expired:
    return Expired(at=NOON + days * DAY + TICK)


def _ended(days: int) -> Ended:
    return Ended(at=NOON + days * DAY, because="the norm fits again")


def _checked(days: int, *, undone: bool = True) -> Checked:
    return Checked(at=NOON + days * DAY, undone=undone, result="rolled back, nothing left")


@pytest.mark.parametrize(
    ("entries", "days", "state", "since"),
    [
        ([], 0, State.PROPOSED, 0),
        ([], 400, State.PROPOSED, 0),
        ([_approved(2)], 2, State.ALLOWED, 2),
        ([_approved(2)], 32, State.ALLOWED, 2),
        ([_approved(2)], 33, State.EXPIRED, 32),
        ([_approved(100)], 130, State.ALLOWED, 100),
        ([_approved(2), _approved(9)], 33, State.EXPIRED, 32),
        ([_approved(2), _expired(32)], 33, State.EXPIRED, 32),
        ([_approved(2), _reminded(25, 7)], 25, State.ALLOWED, 2),
        ([_approved(2), _ended(5)], 9, State.ENDED, 5),
        ([_approved(2), _ended(33)], 34, State.EXPIRED, 32),
        ([_approved(2), _expired(32), _ended(31)], 34, State.EXPIRED, 32),
        ([_ended(1), _approved(2)], 2, State.WITHDRAWN, 1),
        ([_refused(1), _approved(2)], 2, State.REFUSED, 1),
        ([_approved(2), _refused(3)], 3, State.ALLOWED, 2),
        ([_approved(2), _checked(3)], 3, State.ALLOWED, 2),
        ([_approved(2), _checked(33)], 40, State.CHECKED, 33),
        ([_approved(2), _checked(33, undone=False)], 40, State.EXPIRED, 32),
        ([_approved(2), _checked(33, undone=False), _checked(35)], 40, State.CHECKED, 35),
        ([_approved(2), _checked(33), _checked(35, undone=False)], 40, State.CHECKED, 33),
        ([_approved(2), _ended(3), _checked(4), _approved(5)], 6, State.CHECKED, 4),
    ],
)
def test_where_a_special_method_stands(entries: list[Entry], days: int, state: State, since: int) -> None:
    found = specials.standing([PROPOSED, *entries], NOON + days * DAY)

    assert (found.state, found.since) == (state, NOON + since * DAY)


def test_its_time_counts_from_its_approval_and_not_from_when_it_was_asked_for() -> None:
    assert specials.standing([PROPOSED], NOON).ends_at is None
    assert specials.standing([PROPOSED, _approved(9)], NOON + 9 * DAY).ends_at == NOON + 39 * DAY


def test_what_a_check_finds_is_known_until_the_next_one() -> None:
    over: list[Entry] = [PROPOSED, _approved(2), _ended(3)]

    assert specials.standing(over, NOON + 9 * DAY).undone is None
    assert specials.standing([*over, _checked(4, undone=False)], NOON + 9 * DAY).undone is False
    assert specials.standing([*over, _checked(4, undone=False), _checked(5)], NOON + 9 * DAY).undone is True


def test_it_is_used_from_its_approval_up_to_its_end_and_never_after() -> None:
    entries = [PROPOSED, _approved(2)]
    end = NOON + 32 * DAY

    assert not specials.may_be_used(entries, NOON - DAY)
    assert not specials.may_be_used(entries, NOON + 2 * DAY - TICK)
    assert specials.may_be_used(entries, NOON + 2 * DAY)
    assert specials.may_be_used(entries, end)
    assert not specials.may_be_used(entries, end + TICK)
    assert not specials.may_be_used([*entries, _ended(5)], NOON + 5 * DAY)


@pytest.mark.parametrize("later", [_ended(5), _expired(32), _checked(40)])
def test_what_comes_later_does_not_take_back_that_it_was_allowed(later: Entry) -> None:
    entries = [PROPOSED, _approved(2), later]

    assert specials.may_be_used(entries, NOON + 5 * DAY - TICK)


def test_a_use_at_its_last_instant_counts_even_when_its_end_was_noticed_before() -> None:
    assert specials.may_be_used([PROPOSED, _approved(2), _expired(32)], NOON + 32 * DAY)


@pytest.mark.parametrize(
    ("entries", "days", "expected"),
    [
        ([], 0, None),
        ([_approved(2)], 2, NOON + 2 * DAY),
        ([_approved(2), _ended(3)], 3, NOON + 2 * DAY),
        ([_approved(2), _compared(2)], 2, NOON + 25 * DAY),
        ([_approved(2), _compared(2)], 26, NOON + 25 * DAY),
        ([_approved(2), _compared(2), _reminded(25, 7)], 25, NOON + 31 * DAY),
        ([_approved(2), _compared(2), _reminded(31, 1)], 31, NOON + 32 * DAY + TICK),
        ([_approved(2), _compared(2)], 33, None),
        ([_approved(2), _compared(2), _ended(5)], 5, None),
        ([_refused(2)], 2, None),
    ],
)
def test_it_wakes_to_be_compared_for_each_reminder_and_for_its_end(
    entries: list[Entry], days: int, expected: datetime | None
) -> None:
    assert specials.next_wake_up([PROPOSED, *entries], NOON + days * DAY) == expected


@pytest.mark.parametrize(
    ("entries", "days", "before"),
    [
        ([_approved(2)], 24, None),
        ([_approved(2)], 25, 7),
        ([_approved(2)], 30, 7),
        ([_approved(2)], 31, 1),
        ([_approved(2)], 33, None),
        ([_approved(2), _reminded(25, 7)], 26, None),
        ([_approved(2), _reminded(25, 7)], 31, 1),
        ([_approved(2), _reminded(31, 1)], 32, None),
        ([_approved(2), _ended(5)], 26, None),
        ([], 26, None),
    ],
)
def test_each_reminder_is_given_once_and_of_several_the_nearest_to_the_end(
    entries: list[Entry], days: int, before: int | None
) -> None:
    due = specials.reminder_due([PROPOSED, *entries], NOON + days * DAY)

    assert due == (None if before is None else before * DAY)


def test_a_reminder_that_does_not_fit_is_left_out() -> None:
    short = Proposed(at=NOON, lasts=7 * DAY, remind_before=frozenset({7 * DAY, DAY}))
    entries: list[Entry] = [short, _approved(2), _compared(2)]

    assert specials.reminder_due(entries, NOON + 2 * DAY) is None
    assert specials.next_wake_up(entries, NOON + 2 * DAY) == NOON + 8 * DAY


@pytest.mark.parametrize("span", [timedelta(0), -DAY])
def test_nobody_is_reminded_after_the_end(span: timedelta) -> None:
    with pytest.raises(ValueError, match="reminders"):
        Proposed(at=NOON, lasts=30 * DAY, remind_before=frozenset({span}))


def test_it_lasts_for_a_while() -> None:
    with pytest.raises(ValueError, match="lasts"):
        Proposed(at=NOON, lasts=timedelta(0))


def _precedent(day: int, number: int = 0) -> Precedent:
    return Precedent(NOON + day * DAY, SpecialMethodId(UUID(int=1_000 * (day + 200) + number)))


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([0, 10], [0, 10, 30]),
        ([10], []),
        ([-59, 10], [-59, 10, 30]),
        ([-60, 10], []),
        ([10, 31], [10, 30, 31]),
        ([31, 119], [30, 31, 119]),
        ([31, 120], []),
        ([-59, -50, 60], [-59, -50, 30]),
        ([-59, 10, 60, 70], [10, 30, 60, 70]),
    ],
)
def test_so_many_similar_exceptions_in_a_period_are_a_pattern(others: list[int], found: list[int]) -> None:
    precedents = [_precedent(day) for day in others]

    pattern = specials.pattern_of(precedents, _precedent(30), within=90 * DAY, how_many=3)

    assert pattern == [_precedent(day) for day in found]


def test_an_exception_counts_once_however_often_it_is_named() -> None:
    own = _precedent(30)

    assert specials.pattern_of([own, own], own, within=90 * DAY, how_many=2) == []


PRECEDENTS = st.lists(st.builds(_precedent, st.integers(-120, 120), st.integers(0, 2)), max_size=7)


@given(PRECEDENTS, st.integers(1, 100), st.integers(2, 4))
def test_whoever_of_a_pattern_is_looked_at_last_finds_it(
    others: list[Precedent], days: int, how_many: int
) -> None:
    own, within = _precedent(0), days * DAY
    known = {own, *others}

    found = specials.pattern_of(others, own, within=within, how_many=how_many)

    together = [
        each
        for each in combinations(sorted(known), how_many)
        if own in each and each[-1].approved_at - each[0].approved_at < within
    ]
    assert bool(found) is bool(together)
    assert set(found) <= known
    assert not found or (own in found and found[-1].approved_at - found[0].approved_at < within)


ENTRIES = st.lists(
    st.one_of(
        st.builds(_approved, st.integers(0, 40)),
        st.builds(_compared, st.integers(0, 40)),
        st.builds(_ended, st.integers(0, 40)),
        st.builds(_checked, st.integers(0, 40), undone=st.booleans()),
        st.builds(_refused, st.integers(0, 40)),
    ),
    max_size=8,
).map(lambda entries: sorted(entries, key=lambda entry: entry.at))


@given(ENTRIES, st.integers(0, 90))
def test_it_never_comes_back_and_is_never_used_after_its_end(entries: list[Entry], days: int) -> None:
    whole: list[Entry] = [PROPOSED, *entries]
    states = [specials.standing(whole, NOON + day * DAY).state for day in range(71, 91)]

    assert len(set(states)) == 1
    assert states[0] is not State.ALLOWED
    if specials.may_be_used(whole, NOON + days * DAY):
        first = next(entry.at for entry in entries if isinstance(entry, Approved))
        assert first <= NOON + days * DAY <= first + 30 * DAY


@given(ENTRIES, st.integers(0, 80))
def test_nothing_changes_by_itself_before_it_wakes(entries: list[Entry], days: int) -> None:
    now = NOON + days * DAY
    known: list[Entry] = [PROPOSED, *(entry for entry in entries if entry.at <= now)]
    wakes_at = specials.next_wake_up(known, now) or NOON + 200 * DAY
    last = max(now, wakes_at - TICK)

    assert specials.standing(known, now) == specials.standing(known, last)
    assert specials.reminder_due(known, now) == specials.reminder_due(known, last)


@given(ENTRIES, st.integers(0, 80))
def test_whatever_is_done_when_it_wakes_it_falls_asleep_in_the_end(entries: list[Entry], days: int) -> None:
    now = NOON + days * DAY
    known: list[Entry] = [PROPOSED, *(entry for entry in entries if entry.at <= now)]
    if specials.is_to_be_compared(known, now):
        known.append(Compared(at=now))
    if (span := specials.reminder_due(known, now)) is not None:
        known.append(Reminded(at=now, before=span))

    assert specials.reminder_due(known, now) is None
    assert (specials.next_wake_up(known, now) or now + TICK) > now
