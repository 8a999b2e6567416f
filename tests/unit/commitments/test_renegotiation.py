from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commitments.domain import Silence
from service.commitments.renegotiation import domain as renegotiation
from service.commitments.renegotiation.domain import (
    Answered,
    Entry,
    Proposed,
    Remedy,
    RemedyKind,
    Reply,
    Settled,
    State,
    Withdrawn,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _at(hours: float) -> datetime:
    return NOON + hours * HOUR


def _proposed(
    silence: Silence = Silence.UNDERSTOOD, *, due: float = 30, original: float | None = 4
) -> Proposed:
    return Proposed(
        at=NOON,
        original_due_at=None if original is None else _at(original),
        due_at=_at(due),
        reason="The spare part comes tomorrow.",
        remedies=(Remedy(RemedyKind.INTERIM_SERVICE, "A loan device today."),),
        answer_by=_at(8),
        silence=silence,
    )


def _said(hours: float, reply: Reply, due: float | None = None) -> Answered:
    return Answered(at=_at(hours), reply=reply, due_at=None if due is None else _at(due))


def _settled(hours: float, *, accepted: bool) -> Settled:
    return Settled(at=_at(hours), accepted=accepted)


@pytest.mark.parametrize(
    ("entries", "now", "state", "since", "due"),
    [
        ([], 1, State.WAITING, 0, 30),
        ([], 8, State.WAITING, 0, 30),
        ([], 8.5, State.UNDERSTOOD, 8, 30),
        ([_said(2, Reply.UNDERSTOOD)], 9, State.UNDERSTOOD, 2, 30),
        ([_said(2, Reply.DECLINED)], 9, State.DECLINED, 2, 30),
        ([_said(2, Reply.DECLINED), _said(3, Reply.UNDERSTOOD)], 9, State.DECLINED, 2, 30),
        ([_said(2, Reply.COUNTER, 20)], 10, State.COUNTERED, 2, 20),
        ([_said(2, Reply.COUNTER, 20)], 10.5, State.DECLINED, 10, 20),
        ([_said(2, Reply.COUNTER, 5)], 6, State.DECLINED, 5, 5),
        ([_said(2, Reply.COUNTER, 20), _settled(11, accepted=True)], 12, State.DECLINED, 10, 20),
        ([_said(2, Reply.COUNTER, 20), _settled(3, accepted=True)], 9, State.UNDERSTOOD, 3, 20),
        ([_said(2, Reply.COUNTER, 20), _settled(3, accepted=False)], 9, State.DECLINED, 3, 20),
        ([_settled(3, accepted=True)], 4, State.WAITING, 0, 30),
        ([Withdrawn(at=_at(2)), _said(3, Reply.UNDERSTOOD)], 9, State.WITHDRAWN, 2, 30),
        ([_said(9, Reply.DECLINED)], 10, State.UNDERSTOOD, 8, 30),
    ],
)
def test_where_a_renegotiation_stands(
    entries: list[Entry], now: float, state: State, since: float, due: float
) -> None:
    found = renegotiation.standing([_proposed(), *entries], _at(now))

    assert (found.state, found.since, found.due_at) == (state, _at(since), _at(due))


def test_silence_counts_as_the_policy_says() -> None:
    found = renegotiation.standing([_proposed(Silence.DECLINED)], _at(9))

    assert (found.state, found.by_silence) == (State.DECLINED, True)


@pytest.mark.parametrize(
    ("original", "in_advance", "distance"),
    [(4, True, 26), (0, True, 30), (-1, False, 31), (None, True, None)],
)
def test_it_is_told_in_advance_or_late(
    original: float | None, *, in_advance: bool, distance: float | None
) -> None:
    found = _proposed(original=original)

    assert found.in_advance is in_advance
    assert found.distance == (None if distance is None else distance * HOUR)


@pytest.mark.parametrize(
    "changes",
    [{"reason": " "}, {"answer_by": NOON}, {"remedies": (Remedy(RemedyKind.WORKAROUND, "By hand."),) * 11}],
)
def test_a_proposal_that_cannot_be_answered_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"why|answer|remedies"):
        replace(_proposed(), **changes)


HOURS = st.integers(0, 12)
ENTRIES = st.lists(
    st.one_of(
        st.tuples(HOURS, st.sampled_from([Reply.UNDERSTOOD, Reply.DECLINED])).map(lambda both: _said(*both)),
        st.tuples(HOURS, HOURS).map(lambda both: _said(both[0], Reply.COUNTER, both[1])),
        st.tuples(HOURS, st.booleans()).map(lambda both: _settled(both[0], accepted=both[1])),
        HOURS.map(lambda hours: Withdrawn(at=_at(hours))),
    ),
    max_size=6,
).map(lambda entries: sorted(entries, key=lambda entry: entry.at))


@given(entries=ENTRIES, silence=st.sampled_from(Silence), later=st.integers(0, 100))
def test_what_is_over_stays_over(entries: list[Entry], silence: Silence, later: int) -> None:
    ledger: list[Entry] = [_proposed(silence), *entries]
    ends = [renegotiation.standing(ledger[:end], ledger[end - 1].at) for end in range(1, len(ledger) + 1)]

    over = next((each for each in ends if each.state not in renegotiation.OPEN), None)

    if over is not None:
        assert renegotiation.standing(ledger, ledger[-1].at + later * HOUR) == over


@given(entries=ENTRIES, silence=st.sampled_from(Silence))
def test_nothing_changes_by_itself_before_the_wake_up(entries: list[Entry], silence: Silence) -> None:
    ledger: list[Entry] = [_proposed(silence), *entries]
    now = ledger[-1].at
    wake_up = renegotiation.next_wake_up(ledger, now)

    found = renegotiation.standing(ledger, now)

    if wake_up is None:
        assert renegotiation.standing(ledger, now + 1_000 * HOUR) == found
    else:
        assert renegotiation.standing(ledger, wake_up - timedelta.resolution) == found
        after = renegotiation.standing(ledger, wake_up)
        assert after.by_silence is (found.state is State.WAITING)
        assert after.state not in renegotiation.OPEN


@given(entries=ENTRIES, entry=ENTRIES.filter(len).map(lambda entries: entries[0]))
def test_an_entry_that_is_not_taken_changes_nothing(entries: list[Entry], entry: Entry) -> None:
    ledger: list[Entry] = [_proposed(), *(each for each in entries if each.at <= entry.at)]

    taken = renegotiation.is_taken(ledger, entry)

    same = renegotiation.standing([*ledger, entry], entry.at) == renegotiation.standing(ledger, entry.at)
    assert taken is not same
