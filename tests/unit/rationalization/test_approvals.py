from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
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
    Lapsed,
    Refusal,
    State,
    TwoNeeded,
    Wanted,
    WhyNot,
    Withdrawn,
)
from service.rationalization.involvement.domain import Hand

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


def _two_needed(minutes: int, *, deadline: int | None = 60) -> TwoNeeded:
    deadline_at = None if deadline is None else NOON + deadline * MINUTE
    return TwoNeeded(at=NOON + minutes * MINUTE, deadline_at=deadline_at)


def _lapsed(minutes: int) -> Lapsed:
    return Lapsed(at=NOON + minutes * MINUTE)


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
        ([_asked(ANY), _withdrawn(61)], State.WITHDRAWN, 61),
        ([_asked(ANY), _two_needed(1), _yes(5, ADA)], State.PENDING, 0),
        ([_asked(ANY), _two_needed(1), _yes(5, ADA), _yes(6, BEN)], State.GRANTED, 6),
        ([_asked(ANY), _yes(5, ADA), _two_needed(6)], State.PENDING, 6),
        ([_asked(ANY), _yes(5, ADA), _two_needed(6), _yes(7, ADA)], State.PENDING, 6),
        ([_asked(ANY), _yes(5, ADA), _two_needed(6), _yes(7, BEN)], State.GRANTED, 7),
        ([_asked(ANY), _yes(5, ADA), _two_needed(70, deadline=120), _yes(99, BEN)], State.GRANTED, 99),
        ([_asked(ANY), _yes(5, ADA), _two_needed(70, deadline=120), _yes(121, BEN)], State.EXPIRED, 120),
        ([_asked(TWO), _yes(5, ADA), _yes(6, BEN), _two_needed(7)], State.GRANTED, 6),
        ([_asked(EACH), _yes(5, BEN), _two_needed(6), _yes(7, CHI)], State.GRANTED, 7),
        ([_asked(ANY), _no(5, ADA), _two_needed(6)], State.REFUSED, 5),
        ([_asked(ANY), _lapsed(61), _yes(60, ADA)], State.EXPIRED, 60),
        ([_asked(ANY), _lapsed(59), _yes(60, ADA)], State.GRANTED, 60),
        ([_asked(TWO), _yes(5, ADA), _yes(6, ADA, for_whom=BEN)], State.PENDING, 0),
        ([_asked(TWO), _yes(5, CHI, for_whom=BEN), _yes(6, BEN)], State.PENDING, 0),
        ([_asked(TWO), _yes(5, CHI, for_whom=BEN), _yes(6, ADA)], State.GRANTED, 6),
        ([_asked(TWO), _yes(5, CHI, for_whom=BEN), _yes(6, BEN), _yes(7, CHI)], State.GRANTED, 7),
        ([_asked(EACH), _yes(5, ADA), _yes(6, ADA, for_whom=CHI)], State.GRANTED, 6),
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


@pytest.mark.parametrize(
    ("hand", "refusal"),
    [
        (Hand.AGREED, Refusal.OWN_AGREEMENT),
        (Hand.EDITED, Refusal.OWN_EDIT),
        (Hand.ASSESSED, Refusal.OWN_ASSESSMENT),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [_yes(5, ADA), _no(5, ADA), _yes(5, ADA, for_whom=BEN), _yes(5, BEN, for_whom=ADA)],
    ids=["yes", "no", "for another", "by another"],
)
def test_who_had_a_hand_in_it_does_not_answer(hand: Hand, refusal: Refusal, answer: Answered) -> None:
    asked = replace(_asked(ANY), hands={hand: frozenset({ADA})})
    found = approvals.standing([asked], answer.at)

    assert approvals.refusal(asked, found, answer) is refusal
    assert approvals.why_not(asked, found, [answer]) is WhyNot(refusal.value)
    assert approvals.refusal(asked, found, _yes(5, CHI)) is None


def test_whose_request_it_is_is_told_before_what_they_did_about_it() -> None:
    asked = replace(_asked(ANY, by=ADA), hands={Hand.EDITED: frozenset({ADA})})

    found = approvals.refusal(asked, approvals.standing([asked], NOON), _yes(0, ADA))

    assert found is Refusal.OWN_REQUEST


def test_who_holds_none_of_the_seats_is_not_asked() -> None:
    asked = _asked(ANY, by=ADA)

    found = approvals.refusal(asked, approvals.standing([asked], NOON), _yes(5, DEE))

    assert found is Refusal.NOT_ASKED


@pytest.mark.parametrize(
    ("before", "who", "reason"),
    [
        ([], [(ADA, None)], None),
        ([], [], WhyNot.NOT_A_MEMBER),
        ([], [(DEE, None)], WhyNot.OWN_REQUEST),
        ([], [(CHI, DEE)], WhyNot.OWN_REQUEST),
        ([], [(CHI, DEE), (CHI, ADA)], None),
        ([_yes(5, ADA)], [(ADA, None)], WhyNot.DECIDED),
        ([_withdrawn(5)], [(DEE, None)], WhyNot.WITHDRAWN),
    ],
)
def test_why_a_member_may_not_answer(
    before: list[Entry], who: list[tuple[MemberId, MemberId | None]], reason: WhyNot | None
) -> None:
    entries = [_asked(ANY), *before]
    consents = [_yes(9, by, for_whom=for_whom) for by, for_whom in who]

    found = approvals.why_not(approvals.asked_last(entries), approvals.standing(entries, NOON), consents)

    assert found is reason


def test_who_approved_has_answered_and_waits_for_others() -> None:
    entries = [_asked(TWO), _yes(5, ADA)]

    found = approvals.why_not(_asked(TWO), approvals.standing(entries, NOON), [_yes(9, ADA)])

    assert found is WhyNot.ANSWERED


PEOPLE = st.sampled_from([ADA, BEN, CHI, DEE])
STEPS: st.SearchStrategy[list[Entry]] = st.lists(
    st.one_of(
        PEOPLE.map(lambda by: _yes(0, by)),
        st.tuples(PEOPLE, PEOPLE).map(lambda pair: _yes(0, pair[0], for_whom=pair[1])),
        st.just(_two_needed(0)),
        st.just(_lapsed(0)),
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
                entries.append(replace(step, at=at))
            case TwoNeeded():
                entries.append(TwoNeeded(at=at, deadline_at=at + 60 * MINUTE))
            case Lapsed() | Withdrawn():
                entries.append(replace(step, at=at))
    return entries


def _until_edited(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The part in which nothing is asked for anew, nor of more people."""
    edits = [place for place, entry in enumerate(entries) if place and isinstance(entry, Asked | TwoNeeded)]
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
        held = frozenset[str]().union(*(answer.seats for answer in found.approvals))
        assert not asked.requesters & frozenset().union(*(answer.people for answer in found.approvals))
        assert len(found.approved_by) >= asked.wanted.persons_min
        assert held >= asked.wanted.seats if asked.wanted.everyone else held & asked.wanted.seats
        assert asked.deadline_at is None or found.since <= asked.deadline_at


HANDS = st.dictionaries(st.sampled_from(Hand), st.frozensets(PEOPLE, max_size=2))


@given(entries=_ledgers(), hands=HANDS)
def test_nothing_is_granted_by_whoever_had_a_hand_in_it(
    entries: list[Entry], hands: dict[Hand, frozenset[MemberId]]
) -> None:
    entries = [replace(each, hands=hands) if isinstance(each, Asked) else each for each in entries]
    involved = frozenset[MemberId]().union(*hands.values())

    found = approvals.standing(entries, entries[-1].at)

    assert all(answer.people.isdisjoint(involved) for answer in found.answers)
    if found.state is State.GRANTED:
        wanted = approvals.asked_last(entries).wanted
        assert approvals.voices(found.approvals) >= wanted.persons_min


@given(entries=_ledgers(), place=st.integers(0, 12))
def test_an_entry_that_is_refused_changes_nothing(entries: list[Entry], place: int) -> None:
    before, entry = list(_until_edited(entries))[: place + 1], _yes(10_000, BEN)
    asked = before[0]
    assert isinstance(asked, Asked)
    found = approvals.standing(before, entry.at)

    if approvals.refusal(asked, found, entry) is not None:
        assert approvals.standing([*before, entry], entry.at) == found


@given(entries=_ledgers())
def test_once_two_are_needed_nothing_is_granted_by_one(entries: list[Entry]) -> None:
    places = [place for place, entry in enumerate(entries) if isinstance(entry, TwoNeeded)]
    edits = [place for place, entry in enumerate(entries) if isinstance(entry, Asked)]

    found = approvals.standing(entries, entries[-1].at)

    if found.state is State.GRANTED and places and places[-1] > edits[-1]:
        was = approvals.standing(entries[: places[-1]], entries[places[-1]].at)
        asked_of_two = was.state in {State.PENDING, State.GRANTED}
        assert not asked_of_two or approvals.voices(found.approvals) >= 2


@given(entries=_ledgers(), one=PEOPLE, other=PEOPLE)
def test_of_two_answers_that_race_the_first_to_be_recorded_decides(
    entries: list[Entry], one: MemberId, other: MemberId
) -> None:
    at = entries[-1].at + MINUTE
    yes, no = replace(_yes(0, one), at=at), replace(_no(0, other), at=at)

    found = [approvals.standing([*entries, *race], at) for race in ([yes, no], [no, yes])]
    alone = [approvals.standing([*entries, answer], at) for answer in (yes, no)]

    for after, first in zip(found, alone, strict=True):
        if first.state is not State.PENDING:
            assert after == first


@given(pairs=st.lists(st.tuples(PEOPLE, PEOPLE), max_size=8), by=PEOPLE, for_whom=PEOPLE, order=st.randoms())
def test_voices_are_people_with_a_word_each(
    pairs: list[tuple[MemberId, MemberId]], by: MemberId, for_whom: MemberId, order: Random
) -> None:
    answers = [_yes(0, each, for_whom=whose) for each, whose in pairs]
    shuffled = order.sample(answers, len(answers))

    found = approvals.voices(answers)

    assert found == approvals.voices(shuffled) == _most_pairs(frozenset(pairs))
    assert found <= approvals.voices([*answers, _yes(0, by, for_whom=for_whom)]) <= found + 1


def _most_pairs(pairs: frozenset[tuple[MemberId, MemberId]]) -> int:
    """The same by trying everything: of each pair, either it counts or not."""
    if not pairs:
        return 0
    one = min(pairs)
    rest = pairs - {one}
    beside = frozenset(pair for pair in rest if pair[0] != one[0] and pair[1] != one[1])
    return max(_most_pairs(rest), 1 + _most_pairs(beside))
