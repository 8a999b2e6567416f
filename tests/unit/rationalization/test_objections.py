from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import MemberId
from service.rationalization.objections import domain as objections
from service.rationalization.objections.domain import Decided, Entry, Raised, Refusal, State, Withdrawn

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, BEN, CHI = (MemberId(UUID(int=number)) for number in range(1, 4))
RAISED = Raised(at=NOON, by=ADA, decided_by=frozenset({BEN}), due_at=NOON + 60 * MINUTE)


def _decided(minutes: int, by: MemberId = CHI, *, upholds: bool = True) -> Decided:
    return Decided(at=NOON + minutes * MINUTE, by=by, upholds=upholds, reason="the window was free")


def _withdrawn(minutes: int) -> Withdrawn:
    return Withdrawn(at=NOON + minutes * MINUTE)


@pytest.mark.parametrize(
    ("entries", "minutes", "state", "overdue"),
    [
        ([], 0, State.OPEN, False),
        ([], 60, State.OPEN, False),
        ([], 61, State.OPEN, True),
        ([_decided(60)], 90, State.UPHELD, False),
        ([_decided(61)], 90, State.UPHELD, True),
        ([_decided(5, upholds=False)], 90, State.REJECTED, False),
        ([_decided(5, BEN)], 5, State.OPEN, False),
        ([_decided(5, ADA)], 5, State.OPEN, False),
        ([_withdrawn(5), _decided(6)], 6, State.WITHDRAWN, False),
        ([_decided(5), _withdrawn(6)], 6, State.UPHELD, False),
        ([_decided(5), _decided(6, upholds=False)], 6, State.UPHELD, False),
    ],
)
def test_where_an_objection_stands(
    entries: list[Entry], minutes: int, state: State, *, overdue: bool
) -> None:
    found = objections.standing([RAISED, *entries], NOON + minutes * MINUTE)

    assert (found.state, found.overdue) == (state, overdue)


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        (_decided(1, BEN), Refusal.OWN_DECISION),
        (_decided(1, ADA), Refusal.OWN_OBJECTION),
        (_decided(1), None),
        (_withdrawn(1), None),
        (RAISED, Refusal.SETTLED),
    ],
)
def test_whoever_decided_first_and_whoever_objects_do_not_decide(
    entry: Entry, refusal: Refusal | None
) -> None:
    assert objections.refusal(RAISED, objections.standing([RAISED], NOON), entry) is refusal


def test_it_wakes_when_it_becomes_overdue_and_then_no_more() -> None:
    due_at = RAISED.due_at

    assert objections.next_wake_up([RAISED], NOON) == due_at + timedelta.resolution
    assert objections.next_wake_up([RAISED], due_at + timedelta.resolution) is None
    assert objections.next_wake_up([RAISED, _decided(5)], NOON + 5 * MINUTE) is None


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_decision_without_a_reason_is_none(reason: str) -> None:
    with pytest.raises(ValueError, match="says why"):
        Decided(at=NOON, by=CHI, upholds=False, reason=reason)


def test_what_nobody_raised_does_not_stand() -> None:
    with pytest.raises(ValueError, match="nobody objected"):
        objections.standing([_decided(1)], NOON)


ENTRIES = st.lists(
    st.one_of(
        st.builds(_decided, st.integers(0, 120), st.sampled_from([ADA, BEN, CHI]), upholds=st.booleans()),
        st.builds(_withdrawn, st.integers(0, 120)),
    ),
    max_size=8,
).map(lambda entries: sorted(entries, key=lambda entry: entry.at))


@given(ENTRIES, st.integers(121, 500))
def test_the_first_that_may_end_it_ends_it_and_time_alone_never_does(
    entries: list[Decided | Withdrawn], minutes: int
) -> None:
    taken = [entry for entry in entries if isinstance(entry, Withdrawn) or entry.by == CHI]

    found = objections.standing([RAISED, *entries], NOON + minutes * MINUTE)

    if not taken:
        assert (found.state, found.overdue) == (State.OPEN, True)
    else:
        assert found.since == taken[0].at
        assert found == objections.standing([RAISED, taken[0]], NOON + minutes * MINUTE)
