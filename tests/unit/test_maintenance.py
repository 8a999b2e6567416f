"""What maintenance means to a request: worked out from windows and ledger, whenever somebody looks."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.ids import EventId, MaintenanceId, ServiceId
from service.requests.domain import EventType, RequestEvent, State, in_order
from service.requests.domain.maintenance import CAUSE, Turn, owed
from service.requests.maintenance import domain
from service.tenants import spells
from service.tenants.spells import MaintenanceWindow, Spell, WindowState
from tests.factories import NOON

MINUTES = st.integers(0, 300)
PLANS = st.lists(st.tuples(MINUTES, st.integers(1, 120)), max_size=5)
SERVICE = ServiceId(ids.new_id())


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def window(
    start: float, end: float, *, called_off: float | None = None, passes: int = 0
) -> MaintenanceWindow:
    return MaintenanceWindow(
        id=MaintenanceId(ids.new_id()),
        service_id=SERVICE,
        starts_at=at(start),
        ends_at=at(end),
        called_off_at=None if called_off is None else at(called_off),
        reason=None,
        passes=passes,
        created_at=NOON,
    )


def event(
    kind: EventType, minutes: float, *, cause: str | None = None, state: State | None = None
) -> RequestEvent:
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=kind,
        occurred_at=at(minutes),
        source_sequence=0,
        received_at=at(minutes),
        cause=cause,
        state=state,
    )


OPENED = event(EventType.OPENED, 0, state=State.OPEN)


def told(ledger: Sequence[RequestEvent], turns: Sequence[Turn]) -> list[RequestEvent]:
    """The ledger with what it is owed."""
    new = [event(turn.type, (turn.at - NOON).total_seconds() / 60, cause=CAUSE) for turn in turns]
    return in_order([*ledger, *new])


def waits(ledger: Sequence[RequestEvent]) -> bool:
    of_maintenance = [each for each in ledger if each.cause == CAUSE]
    return bool(of_maintenance) and of_maintenance[-1].type is EventType.PAUSED


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], []),
        ([(0, 10)], [(0, 10)]),
        ([(0, 10), (5, 20)], [(0, 20)]),
        ([(0, 10), (10, 20)], [(0, 20)]),
        ([(0, 30), (5, 10)], [(0, 30)]),
        ([(20, 30), (0, 10)], [(0, 10), (20, 30)]),
    ],
)
def test_windows_make_spells(windows: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    found = spells.spells(window(*each) for each in windows)
    assert found == [Spell(at(start), at(end)) for start, end in expected]


@pytest.mark.parametrize(
    ("called_off", "expected"), [(-5, []), (0, []), (4, [(0, 4)]), (10, [(0, 10)]), (15, [(0, 10)])]
)
def test_a_window_that_is_called_off_lasts_until_then(
    called_off: int, expected: list[tuple[int, int]]
) -> None:
    found = spells.spells([window(0, 10, called_off=called_off)])
    assert found == [Spell(at(start), at(end)) for start, end in expected]


@given(plans=PLANS, instant=MINUTES)
def test_the_end_of_a_spell_is_the_first_instant_that_no_window_holds(
    plans: list[tuple[int, int]], instant: int
) -> None:
    windows = [window(start, start + length) for start, length in plans]
    end = spells.end_of_spell(windows, at(instant))
    assert (end is not None) == any(each.holds_at(at(instant)) for each in windows)
    if end is not None:
        assert not any(each.holds_at(end) for each in windows)
        assert any(each.holds_at(end - timedelta(microseconds=1)) for each in windows)


@given(plans=PLANS, looks=st.lists(MINUTES, min_size=1, max_size=6))
def test_whoever_looks_however_often_the_ledger_comes_to_say_the_same(
    plans: list[tuple[int, int]], looks: list[int]
) -> None:
    held = spells.spells(window(start, start + length) for start, length in plans)
    ledger = [OPENED]
    for look in sorted(looks):
        ledger = told(ledger, owed(ledger, held, at(look)))
        assert owed(ledger, held, at(look)) == []
        assert waits(ledger) == any(spell.start <= at(look) < spell.end for spell in held)
    at_once = told([OPENED], owed([OPENED], held, at(max(looks))))
    assert [(each.type, each.occurred_at) for each in ledger] == [
        (each.type, each.occurred_at) for each in at_once
    ]


@given(plans=PLANS, look=MINUTES, again=MINUTES)
def test_what_a_source_ends_with_all_its_pauses_begins_again(
    plans: list[tuple[int, int]], look: int, again: int
) -> None:
    first, second = sorted((look, again))
    held = spells.spells(window(start, start + length) for start, length in plans)
    ledger = told([OPENED], owed([OPENED], held, at(first)))
    ledger = in_order([*ledger, event(EventType.RESUMED, first)])
    ledger = told(ledger, owed(ledger, held, at(second)))
    assert waits(ledger) == any(spell.start <= at(second) < spell.end for spell in held)


def test_nothing_is_owed_for_the_time_in_which_a_request_was_closed() -> None:
    ledger = [
        OPENED,
        event(EventType.CHANGED, 5, state=State.CLOSED),
        event(EventType.CHANGED, 60, state=State.OPEN),
    ]
    assert owed(ledger, [Spell(at(10), at(20))], at(70)) == []
    assert owed(ledger, [Spell(at(10), at(65))], at(70)) == [
        Turn(EventType.PAUSED, at(60)),
        Turn(EventType.RESUMED, at(65)),
    ]


def test_a_request_that_was_closed_while_it_waited_is_resumed_once_it_is_reopened() -> None:
    ledger = [
        OPENED,
        event(EventType.PAUSED, 10, cause=CAUSE),
        event(EventType.CHANGED, 15, state=State.CLOSED),
        event(EventType.CHANGED, 60, state=State.OPEN),
    ]
    assert owed(ledger, [Spell(at(10), at(20))], at(60)) == [Turn(EventType.RESUMED, at(20))]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (window(10, 30), 10),
        (window(10, 30, passes=1), 11),
        (window(10, 10.5, passes=1), 10.5),
        (window(10, 30, passes=2), 30),
        (window(10, 30, passes=3), 31),
        (window(10, 30, passes=4), None),
        (window(10, 30, called_off=5), None),
        (window(10, 30, called_off=10), None),
        (window(10, 30, called_off=10, passes=1), 10),
        (window(10, 30, called_off=20, passes=2), 20),
    ],
)
def test_the_requests_are_gone_through_at_the_beginning_and_at_the_end_and_once_more(
    held: MaintenanceWindow, expected: float | None
) -> None:
    assert domain.next_pass_at(held) == (None if expected is None else at(expected))


@given(start=MINUTES, length=st.integers(1, 60), called_off=st.none() | MINUTES, look=MINUTES)
def test_the_state_says_what_the_instants_say(
    start: int, length: int, called_off: int | None, look: int
) -> None:
    held = window(start, start + length, called_off=called_off)
    state = domain.state_at(held, at(look))
    if called_off is None:
        assert (state is WindowState.RUNNING) == held.holds_at(at(look))
    else:
        assert state is WindowState.CALLED_OFF
