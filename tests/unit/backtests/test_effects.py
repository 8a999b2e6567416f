"""What verdicts do to past requests by themselves: they end, wait, and go on once another verdict says so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtests import course as courses
from service.backtests import effects, tellings, windows
from service.backtests.cases import Case, CaseEvent, Submitted
from service.backtests.course import Decided
from service.backtests.effects import Effect
from service.calendars import countries
from service.calendars.domain import compile_calendar, parse_definition
from service.commitments.domain import ClockState, ElapsedTarget, Outcome, usual_terms
from service.ids import EventId
from service.instants import rfc3339
from service.rationalization.gates.domain import State as GateState
from service.rationalization.verdicts import FreezeWindow, MaintenanceWindow
from service.requests import domain
from service.requests.domain import EventType, RequestEvent, State
from service.rules.vocabulary import RequestType
from tests.factories import NOON

HOUR = timedelta(hours=1)
TERMS = (usual_terms("resolve", ElapsedTarget(8 * 3_600), calendar=None),)
NONE, ENDS, WAITS = Effect.NONE, Effect.ENDS, Effect.WAITS


def changed(after: float, **said: Any) -> CaseEvent:
    return CaseEvent(type=EventType.CHANGED, occurred_at=NOON + after * HOUR, **said)


def course(decided: Sequence[Effect], *events: CaseEvent) -> tuple[Outcome, ClockState]:
    """What becomes of a promise of eight hours by noon of the next day."""
    submission = Submitted(
        source="desk", external_id="1", type=RequestType.CHANGE, occurred_at=NOON, facts={"a": 1}
    )
    told = tellings.told(
        Case(id=UUID(int=7), submission=submission, events=list(events)), client=None, service=None
    )
    found = courses.course(told, [Decided(TERMS, (), each) for each in decided], {}, until=NOON + 24 * HOUR)
    (promise,) = found.commitments
    return promise.outcome, promise.clock


def test_a_delivery_keeps_its_promise() -> None:
    """What a promise is fulfilled by is told by what was done."""
    delivered = CaseEvent(type=EventType.DONE, occurred_at=NOON + HOUR, deed="delivered")
    submission = Submitted(source="desk", external_id="1", type=RequestType.CHANGE, occurred_at=NOON)
    case = Case(id=UUID(int=7), submission=submission, events=[delivered])
    terms = (usual_terms("deliver", ElapsedTarget(8 * 3_600), calendar=None),)

    told = tellings.told(case, client=None, service=None)
    (promise,) = courses.course(told, [Decided(terms)], {}, until=NOON + 24 * HOUR).commitments

    assert promise.outcome is Outcome.KEPT


@pytest.mark.parametrize(
    ("decided", "events", "outcome", "clock"),
    [
        ([NONE], [], Outcome.BROKEN, ClockState.RUNNING),
        ([ENDS], [], Outcome.PENDING, ClockState.STOPPED),
        ([WAITS], [], Outcome.PENDING, ClockState.PAUSED),
        ([ENDS, NONE], [changed(1, facts={"a": 2})], Outcome.BROKEN, ClockState.RUNNING),
        ([WAITS, NONE], [changed(1, facts={"a": 2})], Outcome.BROKEN, ClockState.RUNNING),
        ([NONE, ENDS], [changed(1, facts={"a": 2})], Outcome.PENDING, ClockState.STOPPED),
        ([NONE, ENDS], [changed(9, facts={"a": 2})], Outcome.BROKEN, ClockState.STOPPED),
        ([ENDS], [changed(1, state=State.OPEN)], Outcome.PENDING, ClockState.STOPPED),
        ([NONE], [changed(1, state=State.RESOLVED)], Outcome.KEPT, ClockState.STOPPED),
        ([NONE, ENDS], [changed(1, state=State.RESOLVED, facts={"a": 2})], Outcome.KEPT, ClockState.STOPPED),
    ],
)
def test_what_becomes_of_a_promise_under_verdicts(
    decided: list[Effect], events: list[CaseEvent], outcome: Outcome, clock: ClockState
) -> None:
    assert course(decided, *events) == (outcome, clock)


def _told(minute: int, state: State | None) -> RequestEvent:
    at = NOON + timedelta(minutes=minute)
    return RequestEvent(
        id=EventId(UUID(int=minute + 1)),
        type=EventType.CHANGED,
        occurred_at=at,
        source_sequence=0,
        received_at=at,
        state=state,
    )


STATES = st.sampled_from([None, State.OPEN, State.RESOLVED, State.CANCELLED])
LEDGERS = st.lists(STATES, min_size=1, max_size=6).map(
    lambda states: [_told(minute, state) for minute, state in enumerate(states)]
)


@given(LEDGERS, st.lists(st.sampled_from(Effect), min_size=1, max_size=5))
def test_a_verdict_takes_its_effect_once_and_an_open_request_is_over_only_by_one_that_ends_it(
    told: list[RequestEvent], wanted: list[Effect]
) -> None:
    ledger, stands, now = list(told), NONE, told[-1].received_at
    for each in wanted:
        owed = effects.owed(ledger, stands, each, now)
        ledger, stands = domain.in_order([*ledger, *owed.events]), owed.stands

        assert effects.owed(ledger, stands, each, now).events == (), "twice is once"
        by_source = domain.state_after(told)
        if by_source is State.OPEN:
            assert domain.state_after(ledger) is (State.CANCELLED if each is ENDS else State.OPEN)


FREEZE = compile_calendar(
    parse_definition(
        {"tz": "UTC", "openings": [["2026-01-10T00:00", "2026-01-20T00:00"]]}, country_dates=countries.dates
    )
)
FROM, TO = datetime.fromisoformat("2026-01-10T00:00Z"), datetime.fromisoformat("2026-01-20T00:00Z")


@given(st.integers(0, 30 * 24), st.integers(0, 200))
def test_work_is_shut_out_by_a_freeze_that_it_touches_and_let_in_by_a_window_that_holds_all_of_it(
    start: int, length: int
) -> None:
    planned = NOON + start * HOUR
    ends = planned + length * HOUR
    facts = {"custom": {"planned_start": rfc3339(planned), "planned_end": rfc3339(ends)}}
    gates = (FreezeWindow(calendar="freeze"), MaintenanceWindow(calendar="freeze"))

    frozen, allowed = windows.standings(gates, facts, lambda _: FREEZE)

    touches = planned < TO and max(ends, planned + timedelta.resolution) > FROM
    inside = planned >= FROM and max(ends, planned + timedelta.resolution) <= TO
    assert frozen.state is (GateState.OPEN if touches else GateState.SATISFIED)
    assert allowed.state is (GateState.SATISFIED if inside else GateState.OPEN)
    assert frozen.missing == (f"no work from {rfc3339(FROM)} until {rfc3339(TO)}" if touches else "")


@pytest.mark.parametrize("facts", [{}, {"custom": {"planned_start": "soon"}}])
def test_work_of_which_nobody_knows_when_it_is_done_is_not_let_begin(facts: dict[str, Any]) -> None:
    (standing,) = windows.standings([FreezeWindow(calendar="freeze")], facts, lambda _: FREEZE)

    assert standing.state is GateState.OPEN
    assert "planned_start" in standing.missing


def test_a_window_of_a_calendar_that_is_not_there_is_shut() -> None:
    (standing,) = windows.standings([FreezeWindow(calendar="freeze")], {}, lambda _: None)

    assert (standing.state, standing.missing) == (GateState.OPEN, "there is no such calendar")
