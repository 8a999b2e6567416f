"""What may be said of an accident, and which of its measures are behind."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ids import CommitmentId, RequestId, ServiceId
from service.rationalization.accidents import domain
from service.rationalization.accidents.domain import (
    Action,
    Affects,
    Cause,
    CauseClass,
    Effect,
    Measure,
    Report,
    State,
)
from tests.factories import NOON

HOUR = timedelta(hours=1)
DOWN = Effect(affects=Affects.CONTINUITY, amount=12, measure=Measure.MINUTES)
CAUSE = Cause(kind=CauseClass.SLIP, words="Two labels look alike.")
SAID = Report(
    title="The wrong volume",
    what_happened="It was taken offline.",
    service_id=ServiceId(UUID(int=1)),
    severity=None,
    began_at=NOON - HOUR,
    found_at=NOON - HOUR,
    ended_at=None,
    effects=(DOWN,),
    cause=None,
    change_id=None,
    requests=(),
    promises=(),
    actions=(),
)
DONE = Action(what="Name volumes.", done_at=NOON)
CLOSED: dict[str, Any] = {"state": State.CLOSED, "because": "Done.", "ended_at": NOON, "cause": CAUSE}
ONE, OTHER = RequestId(UUID(int=2)), RequestId(UUID(int=3))
DUES = st.one_of(st.none(), st.integers(-48, 48).map(lambda hours: NOON + hours * HOUR))


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({}, []),
        ({"effects": ()}, ["/effects"]),
        ({"effects": (DOWN, replace(DOWN, measure=Measure.USERS))}, []),
        ({"effects": (DOWN, replace(DOWN, amount=3))}, ["/effects/1"]),
        ({"began_at": NOON, "found_at": NOON}, []),
        ({"began_at": NOON + HOUR, "found_at": NOON + HOUR}, ["/began_at", "/found_at"]),
        ({"found_at": NOON - 2 * HOUR}, ["/found_at"]),
        ({"ended_at": NOON - HOUR}, []),
        ({"ended_at": NOON - 2 * HOUR}, ["/ended_at"]),
        ({"began_at": NOON.replace(year=1)}, ["/began_at"]),
        ({"actions": (DONE, replace(DONE, done_at=NOON + HOUR))}, ["/measures/1/done_at"]),
        ({"actions": (Action(what="x", due_at=NOON.replace(year=9999)),)}, ["/measures/0/due_at"]),
        ({"requests": (ONE, OTHER, ONE)}, ["/requests/2"]),
        ({"promises": (CommitmentId(ONE),) * 2}, ["/promises/1"]),
        ({"because": "So."}, ["/state_reason"]),
        ({"state": State.WITHDRAWN}, ["/state_reason"]),
        ({"state": State.WITHDRAWN, "because": "It was none."}, []),
        (CLOSED | {"actions": (DONE,)}, []),
        (CLOSED | {"ended_at": None, "cause": None}, ["/ended_at", "/cause"]),
        (CLOSED | {"actions": (DONE, Action(what="x"))}, ["/measures/1/done_at"]),
    ],
)
def test_what_cannot_be_so_is_refused_with_its_place(said: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in domain.faults_of(replace(SAID, **said), NOON)] == pointers


@pytest.mark.parametrize(
    ("action", "overdue"),
    [
        (Action(what="x"), False),
        (Action(what="x", due_at=NOON), False),
        (Action(what="x", due_at=NOON - timedelta(microseconds=1)), True),
        (Action(what="x", due_at=NOON - HOUR, done_at=NOON), False),
    ],
)
def test_a_measure_is_overdue_from_the_instant_after_its_due(action: Action, *, overdue: bool) -> None:
    assert action.is_overdue(NOON) is overdue


@given(st.lists(st.builds(Action, what=st.just("x"), due_at=DUES, done_at=DUES), max_size=5), DUES)
def test_the_first_due_of_what_is_open_tells_whether_anything_is_overdue(
    actions: list[Action], now: datetime | None
) -> None:
    report, at = replace(SAID, actions=tuple(actions)), now or NOON

    first = report.next_due_at

    assert (first is not None and first < at) == any(action.is_overdue(at) for action in actions)


@given(st.lists(st.sampled_from([ONE, OTHER]), max_size=4))
def test_what_is_named_twice_is_refused_once_for_each_time(named: list[RequestId]) -> None:
    faults = list(domain.faults_of(replace(SAID, requests=tuple(named)), NOON))

    assert len(faults) == len(named) - len(set(named))
