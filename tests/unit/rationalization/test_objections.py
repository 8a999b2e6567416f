from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import MemberId
from service.rationalization.objections import domain as objections
from service.rationalization.objections.domain import (
    Barred,
    Decided,
    Entry,
    Raised,
    Refusal,
    State,
    Withdrawn,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, BEN, CHI, DEE = (MemberId(UUID(int=number)) for number in range(1, 5))
RAISED = Raised(at=NOON, due_at=NOON + 60 * MINUTE)
BARRED = Barred(objectors=frozenset({ADA}), deciders=frozenset({BEN}), askers=frozenset({DEE}))
"""Ada objects to what Ben decided on a demand of Dee's."""


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
        ([_decided(5, DEE)], 5, State.OPEN, False),
        ([_withdrawn(5), _decided(6)], 6, State.WITHDRAWN, False),
        ([_decided(5), _withdrawn(6)], 6, State.UPHELD, False),
        ([_decided(5), _decided(6, upholds=False)], 6, State.UPHELD, False),
    ],
)
def test_where_an_objection_stands(
    entries: list[Entry], minutes: int, state: State, *, overdue: bool
) -> None:
    found = objections.standing([RAISED, *entries], BARRED)

    assert (found.state, found.is_overdue(NOON + minutes * MINUTE)) == (state, overdue)


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        (_decided(1, BEN), Refusal.OWN_DECISION),
        (_decided(1, ADA), Refusal.OWN_OBJECTION),
        (_decided(1, DEE), Refusal.OWN_DEMAND),
        (_decided(1), None),
        (_withdrawn(1), None),
        (RAISED, Refusal.SETTLED),
    ],
)
def test_whoever_decided_first_objects_or_asks_does_not_decide(entry: Entry, refusal: Refusal | None) -> None:
    assert objections.refusal(objections.standing([RAISED]), entry, BARRED) is refusal


def test_who_objects_to_their_own_decision_is_told_that_they_object() -> None:
    both = Barred(objectors=frozenset({ADA}), deciders=frozenset({ADA}))

    refused = objections.refusal(objections.standing([RAISED]), _decided(1, ADA), both)

    assert refused is Refusal.OWN_OBJECTION


@pytest.mark.parametrize("entry", [_decided(6), _withdrawn(6)])
@pytest.mark.parametrize("end", [_decided(5), _decided(5, upholds=False), _withdrawn(5)])
def test_what_has_ended_takes_nothing_more(end: Entry, entry: Entry) -> None:
    found = objections.standing([RAISED, end], BARRED)

    assert objections.refusal(found, entry, BARRED) is Refusal.SETTLED


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_decision_without_a_reason_is_none(reason: str) -> None:
    with pytest.raises(ValueError, match="says why"):
        Decided(at=NOON, by=CHI, upholds=False, reason=reason)


def test_what_nobody_raised_does_not_stand() -> None:
    with pytest.raises(ValueError, match="nobody objected"):
        objections.standing([_decided(1)])


def test_there_must_be_time_to_decide() -> None:
    with pytest.raises(ValueError, match="time to decide"):
        Raised(at=NOON, due_at=NOON)


MEMBERS = st.sampled_from([ADA, BEN, CHI, DEE])
ENTRIES = st.lists(
    st.one_of(
        st.builds(_decided, st.integers(0, 120), MEMBERS, upholds=st.booleans()),
        st.builds(_withdrawn, st.integers(0, 120)),
    ),
    max_size=8,
).map(lambda entries: sorted(entries, key=lambda entry: entry.at))


@given(ENTRIES, st.integers(121, 500))
def test_the_first_that_may_end_it_ends_it_and_time_alone_never_does(
    entries: list[Decided | Withdrawn], minutes: int
) -> None:
    taken = [entry for entry in entries if isinstance(entry, Withdrawn) or entry.by not in BARRED.members]

    found = objections.standing([RAISED, *entries], BARRED)

    if not taken:
        assert found == objections.standing([RAISED])
        assert found.is_overdue(NOON + minutes * MINUTE)
    else:
        assert found.since == taken[0].at
        assert found == objections.standing([RAISED, taken[0]])
        overdue = {found.is_overdue(at) for at in (NOON, NOON + minutes * MINUTE)}
        assert overdue == {taken[0].at > RAISED.due_at}, "once it has ended, time changes nothing"


@given(st.sets(MEMBERS), st.sets(MEMBERS), st.sets(MEMBERS), MEMBERS)
def test_whoever_may_decide_is_a_lead_whose_decision_is_taken(
    leads: set[MemberId], objectors: set[MemberId], deciders: set[MemberId], member: MemberId
) -> None:
    barred = Barred(objectors=frozenset(objectors), deciders=frozenset(deciders))

    taken = objections.refusal(objections.standing([RAISED]), _decided(1, member), barred) is None

    assert (member in objections.who_may_decide(leads, barred)) == (member in leads and taken)
