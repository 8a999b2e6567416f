from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import MemberId
from service.rationalization.approvals import domain as approvals
from service.rationalization.approvals.domain import (
    Answered,
    Asked,
    Entry,
    Refusal,
    State,
    Wanted,
    Withdrawn,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, BEN, CHI, DEE = (MemberId(UUID(int=number)) for number in range(1, 5))
SEATS = {ADA: {"manager"}, BEN: {"manager", "auditor"}, CHI: {"auditor"}, DEE: {"agent"}}
ANY = Wanted(seats=frozenset({"manager", "auditor"}))
EACH = Wanted(seats=frozenset({"manager", "auditor"}), everyone=True)
TWO = Wanted(seats=frozenset({"manager", "auditor"}), persons_min=2)


def _asked(wanted: Wanted, *, minutes: int = 0, by: MemberId = DEE, deadline: int | None = 60) -> Asked:
    deadline_at = None if deadline is None else NOON + deadline * MINUTE
    return Asked(
        at=NOON + minutes * MINUTE, wanted=wanted, requesters=frozenset({by}), deadline_at=deadline_at
    )


def _yes(minutes: int, by: MemberId, *, for_whom: MemberId | None = None) -> Answered:
    seats = frozenset(SEATS[for_whom or by])
    return Answered(at=NOON + minutes * MINUTE, by=by, seats=seats, approves=True, on_behalf_of=for_whom)


def _no(minutes: int, by: MemberId) -> Answered:
    return Answered(at=NOON + minutes * MINUTE, by=by, seats=frozenset(SEATS[by]), approves=False)


def _withdrawn(minutes: int) -> Withdrawn:
    return Withdrawn(at=NOON + minutes * MINUTE)


@pytest.mark.parametrize(
    ("entries", "state", "since"),
    [
        ([_asked(ANY)], State.PENDING, 0),
        ([_asked(ANY), _yes(5, ADA)], State.GRANTED, 5),
        ([_asked(EACH), _yes(5, ADA)], State.PENDING, 0),
        ([_asked(EACH), _yes(5, ADA), _yes(6, CHI)], State.GRANTED, 6),
        ([_asked(EACH), _yes(5, BEN)], State.GRANTED, 5),
        ([_asked(TWO), _yes(5, BEN), _yes(6, BEN)], State.PENDING, 0),
        ([_asked(TWO), _yes(5, BEN), _yes(6, ADA)], State.GRANTED, 6),
        ([_asked(TWO), _yes(5, BEN), _no(6, ADA), _yes(7, CHI)], State.REFUSED, 6),
        ([_asked(ANY), _yes(60, ADA)], State.GRANTED, 60),
        ([_asked(ANY), _yes(61, ADA)], State.EXPIRED, 60),
        ([_asked(ANY, deadline=None), _yes(9_999, ADA)], State.GRANTED, 9_999),
        ([_asked(ANY), _withdrawn(5), _yes(6, ADA)], State.WITHDRAWN, 5),
        ([_asked(ANY), _yes(5, ADA), _withdrawn(6)], State.GRANTED, 5),
        ([_asked(ANY, by=ADA), _yes(5, ADA)], State.PENDING, 0),
        ([_asked(ANY, by=ADA), _yes(5, BEN, for_whom=ADA)], State.PENDING, 0),
        ([_asked(ANY), _yes(5, DEE)], State.PENDING, 0),
        ([_asked(TWO), _yes(5, ADA), _asked(TWO, minutes=6), _yes(7, BEN)], State.PENDING, 6),
        ([_asked(ANY), _yes(5, ADA), _asked(ANY, minutes=6)], State.PENDING, 6),
        ([_asked(ANY), _asked(ANY, minutes=90, deadline=120), _yes(95, ADA)], State.GRANTED, 95),
        ([_asked(ANY), _withdrawn(5), _asked(ANY, minutes=6)], State.WITHDRAWN, 5),
    ],
)
def test_where_an_approval_stands(entries: list[Entry], state: State, since: int) -> None:
    latest = max(entry.at for entry in entries)

    found = approvals.standing(entries, latest)

    assert (found.state, found.since) == (state, NOON + since * MINUTE)


@pytest.mark.parametrize(
    ("before", "entry", "refusal"),
    [
        ([], _yes(5, ADA), None),
        ([], _yes(5, DEE), Refusal.OWN_REQUEST),
        ([], _yes(61, ADA), Refusal.EXPIRED),
        ([], _withdrawn(61), None),
        ([_yes(5, ADA)], _withdrawn(6), Refusal.DECIDED),
        ([_yes(5, ADA)], _yes(6, BEN), Refusal.DECIDED),
        ([_no(5, ADA)], _yes(6, BEN), Refusal.DECIDED),
        ([_withdrawn(5)], _yes(6, BEN), Refusal.WITHDRAWN),
        ([_withdrawn(5)], _asked(ANY, minutes=6), Refusal.WITHDRAWN),
        ([_yes(5, ADA)], _asked(ANY, minutes=6), None),
    ],
)
def test_why_an_entry_is_not_taken(before: list[Entry], entry: Entry, refusal: Refusal | None) -> None:
    asked = _asked(ANY)

    found = approvals.refusal(asked, approvals.standing([asked, *before], entry.at), entry)

    assert found == refusal


def test_who_holds_none_of_the_seats_is_not_asked() -> None:
    asked = _asked(ANY, by=ADA)

    found = approvals.refusal(asked, approvals.standing([asked], NOON), _yes(5, DEE))

    assert found is Refusal.NOT_ASKED


PEOPLE = st.sampled_from([ADA, BEN, CHI, DEE])
STEPS = st.lists(
    st.one_of(
        PEOPLE.map(lambda by: _yes(0, by)),
        PEOPLE.map(lambda by: _no(0, by)),
        st.just(_withdrawn(0)),
        st.sampled_from([ANY, EACH, TWO]).map(_asked),
    ),
    max_size=12,
)


@st.composite
def _ledgers(draw: st.DrawFn) -> list[Entry]:
    """Entries of all sorts, recorded one after the other at growing instants."""
    entries: list[Entry] = [_asked(draw(st.sampled_from([ANY, EACH, TWO])), by=draw(PEOPLE))]
    minutes = 0
    for step in draw(STEPS):
        minutes += draw(st.integers(0, 30))
        at = NOON + minutes * MINUTE
        match step:
            case Asked():
                entries.append(
                    Asked(
                        at=at, wanted=step.wanted, requesters=frozenset({DEE}), deadline_at=at + 60 * MINUTE
                    )
                )
            case Answered():
                entries.append(Answered(at=at, by=step.by, seats=step.seats, approves=step.approves))
            case Withdrawn():
                entries.append(Withdrawn(at=at))
    return entries


def _until_edited(entries: Sequence[Entry]) -> Sequence[Entry]:
    edits = [place for place, entry in enumerate(entries) if place and isinstance(entry, Asked)]
    return entries[: edits[0]] if edits else entries


@given(entries=_ledgers(), later=st.integers(0, 500))
def test_what_is_decided_stays_decided_until_it_is_asked_anew(entries: list[Entry], later: int) -> None:
    entries = list(_until_edited(entries))
    found = [approvals.standing(entries[:end], entries[end - 1].at) for end in range(1, len(entries) + 1)]

    decided = next((each for each in found if each.state is not State.PENDING), None)

    if decided is not None:
        last = approvals.standing(entries, entries[-1].at + later * MINUTE)
        is_given_up = decided.state is State.EXPIRED and last.state is State.WITHDRAWN
        assert is_given_up or (last.state, last.since) == (decided.state, decided.since)


@given(entries=_ledgers())
def test_nothing_is_granted_without_the_people_that_are_wanted(entries: list[Entry]) -> None:
    entries = list(_until_edited(entries))
    asked = entries[0]
    assert isinstance(asked, Asked)

    found = approvals.standing(entries, entries[-1].at)

    assert not asked.requesters & set(found.approved_by)
    if found.state is State.GRANTED:
        held = frozenset[str]().union(*(SEATS[member] for member in found.approved_by))
        assert len(found.approved_by) >= asked.wanted.persons_min
        assert held >= asked.wanted.seats if asked.wanted.everyone else held & asked.wanted.seats
        assert asked.deadline_at is None or found.since <= asked.deadline_at


@given(entries=_ledgers(), place=st.integers(0, 12))
def test_an_entry_that_is_refused_changes_nothing(entries: list[Entry], place: int) -> None:
    before, entry = list(_until_edited(entries))[: place + 1], _yes(10_000, BEN)
    asked = before[0]
    assert isinstance(asked, Asked)
    found = approvals.standing(before, entry.at)

    if approvals.refusal(asked, found, entry) is not None:
        assert approvals.standing([*before, entry], entry.at) == found
