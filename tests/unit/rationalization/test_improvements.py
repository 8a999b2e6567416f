"""How an item of the register of improvements may go on, and what it gathers."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import ImprovementId
from service.rationalization.improvements import domain
from service.rationalization.improvements.domain import (
    EVIDENCE_MAX,
    OPEN,
    Change,
    Evidence,
    Finding,
    Improvement,
    Source,
    State,
)
from tests.factories import NOON

KEY = "special_method:no-backup"
CHANGES = st.builds(
    Change,
    title=st.sampled_from(["One", "Another"]),
    state=st.sampled_from(State),
    because=st.one_of(st.none(), st.just("It is so.")),
    owner_id=st.none(),
    group_id=st.none(),
)


def _evidence(number: int) -> Evidence:
    return Evidence(kind="special_method", id=str(number), at=NOON, what=f"The {number}th time.")


def _finding(*numbers: int) -> Finding:
    return Finding(
        key=KEY,
        title="No backup",
        source=Source.SPECIAL_METHOD_PATTERN,
        evidence=tuple(_evidence(number) for number in numbers),
    )


def _opened(*numbers: int) -> Improvement:
    return domain.opened(_finding(*numbers), ImprovementId(UUID(int=1)), by="rooted", at=NOON)


@pytest.mark.parametrize(
    ("state", "may_become"),
    [
        (State.OPEN, {State.OPEN, State.IN_PROGRESS, State.DONE, State.DROPPED}),
        (State.IN_PROGRESS, {State.OPEN, State.IN_PROGRESS, State.DONE, State.DROPPED}),
        (State.DONE, set[State]()),
        (State.DROPPED, set[State]()),
    ],
)
def test_what_has_ended_goes_nowhere(state: State, may_become: set[State]) -> None:
    item = replace(_opened(), state=state)

    assert {each for each in State if domain.may_become(item, each)} == may_become


@pytest.mark.parametrize(
    ("known", "found", "gathered"),
    [
        ([], [1, 2], [1, 2]),
        ([1, 2], [2, 3], [1, 2, 3]),
        ([1], [1, 1], [1]),
        (range(EVIDENCE_MAX), [EVIDENCE_MAX], range(1, EVIDENCE_MAX + 1)),
    ],
)
def test_each_thing_is_evidence_once_and_the_latest_is_shown(
    known: list[int], found: list[int], gathered: list[int]
) -> None:
    after = domain.found_again(_opened(*known), _finding(*found))

    assert [int(each.id) for each in after.evidence] == list(gathered)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_what_is_found_twice_changes_nothing_the_second_time(known: list[int], found: list[int]) -> None:
    once = domain.found_again(_opened(*known), _finding(*found))

    assert domain.found_again(once, _finding(*found)) is once
    assert {each.id for each in once.evidence} == {str(number) for number in (*known, *found)}
    assert once.version in {1, 2}


@given(st.lists(st.tuples(CHANGES, st.integers(0, 100)), max_size=6))
def test_however_it_goes_on_it_ends_once_and_says_when(changes: list[tuple[Change, int]]) -> None:
    item, ended_at = _opened(), None
    for change, minutes in changes:
        at: datetime = NOON + timedelta(minutes=minutes)
        if not domain.may_become(item, change.state):
            with pytest.raises(ValueError, match="does not become"):
                domain.changed(item, change, at=at)
            continue
        moved, before = change.state is not item.state, item
        item = domain.changed(item, change, at=at)
        ended_at = None if item.state in OPEN else at
        assert item.version == before.version + 1
        assert item.because == (change.because if moved else before.because)

    assert item.ended_at == ended_at
    assert (item.ended_at is None) == (item.state in OPEN)


def test_evidence_is_dated_within_the_years_that_there_are() -> None:
    long_ago = replace(_evidence(1), at=NOON.replace(year=1))

    assert [fault.pointer for fault in domain.faults_of_evidence([_evidence(0), long_ago])] == [
        "/evidence/1/at"
    ]
