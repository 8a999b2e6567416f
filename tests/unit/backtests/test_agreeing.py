"""Which agreements are carried over, and what verdicts do to their requests beside them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.backtests import agreeing, tellings
from service.backtests.cases import Agreed, Case, CaseEvent
from service.backtests.effects import Effect
from service.backtests.ruling import Ruling, Side
from service.backtests.tellings import Told
from service.ids import EventId
from service.rationalization.verdicts import FreezeWindow, RollbackPlan
from service.requests.domain import Becoming, EventType
from service.rules.reference import ReferenceEngine
from service.rules.vocabulary import RequestType
from tests.factories import NOON

CASE: dict[str, Any] = {
    "id": "019b0000-0000-7000-8000-000000000001",
    "submission": {
        "source": "desk",
        "external_id": "CHG-1",
        "type": "change",
        "occurred_at": "2026-01-05T12:00:00Z",
        "facts": {"priority": "P1"},
    },
}
PATIENCE = {"priority": "P3"}
FREEZE = {"window": {"calendar": "freeze"}}


def agreement(proposal: dict[str, Any] = PATIENCE) -> CaseEvent:
    """It was agreed to be patient, by whatever proposal."""
    facts = {"priority": "P3"}
    agreed = Agreed(proposal=proposal, terms={"facts": facts})
    return CaseEvent(type=EventType.RATIONALIZED, occurred_at=NOON, facts=facts, agreed=agreed)


def changed(**facts: Any) -> CaseEvent:
    return CaseEvent(type=EventType.CHANGED, occurred_at=NOON, facts=facts)


def told(*events: CaseEvent, **options: Any) -> Told:
    case = msgspec.structs.replace(msgspec.convert(CASE, Case), events=list(events))
    return tellings.told(case, client=None, service=None, **options)


def ruling(verdict: str, proposal: dict[str, Any] | None = None, *, rule: str | None = None) -> Ruling:
    """A verdict by a rule that is called as it is, if nothing else is said."""
    return Ruling(
        verdict=verdict,
        proposal={} if proposal is None else {"proposal": proposal},
        is_plain=verdict == "accept",
        climbs=(),
        rules={"rationalization": (rule or verdict,)},
        terms=(),
        is_usual=True,
        degraded=False,
        asked=(),
        absent=frozenset(),
    )


ADJUST, ACCEPT, DECLINE = ruling("adjust", PATIENCE), ruling("accept"), ruling("decline")
OTHER = ruling("adjust", PATIENCE, rule="another")


def side(**calendars: int) -> Side:
    versions = {name: UUID(int=number) for name, number in calendars.items()}
    return Side(ReferenceEngine(), [], {}, labels={}, calendars=versions)


SAME = (side(freeze=1), side(freeze=1))
MOVED = (side(freeze=1), side(freeze=2))
SECOND = EventId(UUID(int=1))


@pytest.mark.parametrize(
    ("before", "after", "sides", "is_left_out"),
    [
        (ADJUST, ADJUST, SAME, False),
        (ADJUST, OTHER, SAME, False),
        (ADJUST, ADJUST, MOVED, False),
        (ADJUST, ACCEPT, SAME, True),
        (ACCEPT, ADJUST, SAME, True),
        (ACCEPT, ACCEPT, SAME, True),
        (ADJUST, ruling("adjust", {"priority": "P4"}), SAME, True),
        (ADJUST, ruling("special_method", PATIENCE), SAME, True),
    ],
)
def test_an_agreement_holds_where_both_sides_propose_it(
    before: Ruling, after: Ruling, sides: tuple[Side, Side], *, is_left_out: bool
) -> None:
    rulings = ([before, ACCEPT], [after, ACCEPT])

    found = agreeing.left_out(told(agreement()), rulings, sides)

    assert found == (SECOND if is_left_out else None)


@pytest.mark.parametrize(("sides", "is_left_out"), [(SAME, False), (MOVED, True)])
def test_a_window_of_a_calendar_that_is_tried_is_another_proposal(
    sides: tuple[Side, Side], *, is_left_out: bool
) -> None:
    windowed = [ruling("adjust", FREEZE), ACCEPT]

    found = agreeing.left_out(told(agreement(FREEZE)), (windowed, windowed), sides)

    assert found == (SECOND if is_left_out else None)


def test_of_several_the_first_is_left_out_that_cannot_be_carried_over() -> None:
    events = [agreement(), changed(priority="P1", site="here"), agreement({"priority": "P9"})]
    rulings = [ADJUST, ACCEPT, ADJUST, ACCEPT]

    assert agreeing.left_out(told(*events), (rulings, rulings), SAME) == EventId(UUID(int=3))


NONE, WAITS, ENDS = Effect.NONE, Effect.WAITS, Effect.ENDS
BACK = changed(priority="P1")
MORE = changed(site="there")


@pytest.mark.parametrize(
    ("events", "rulings", "effects"),
    [
        ([], [ADJUST], [WAITS]),
        ([agreement()], [ADJUST, ACCEPT], [WAITS, NONE]),
        ([agreement()], [ADJUST, ADJUST], [WAITS, NONE]),
        ([agreement()], [ADJUST, OTHER], [WAITS, WAITS]),
        ([agreement()], [ADJUST, DECLINE], [WAITS, ENDS]),
        ([agreement(), MORE], [ADJUST, ADJUST, ADJUST], [WAITS, NONE, NONE]),
        ([agreement(), MORE], [ADJUST, ACCEPT, ADJUST], [WAITS, NONE, NONE]),
        ([agreement(), changed(priority="P2")], [ADJUST, ADJUST, ADJUST], [WAITS, NONE, WAITS]),
        ([agreement(), MORE, MORE], [ADJUST, ADJUST, OTHER, ADJUST], [WAITS, NONE, WAITS, WAITS]),
        ([agreement(), BACK, MORE], [ADJUST] * 4, [WAITS, NONE, NONE, NONE]),
    ],
    ids=[
        "not agreed",
        "accepted",
        "kept",
        "another rule",
        "ends",
        "later",
        "between",
        "moved",
        "lost",
        "said",
    ],
)
def test_what_was_agreed_stands_as_long_as_the_request_is_as_agreed(
    events: Sequence[CaseEvent], rulings: Sequence[Ruling], effects: list[Effect]
) -> None:
    """What a source only repeats, as the old priority, takes nothing back."""
    assert agreeing.effects(told(*events), rulings) == effects


RULINGS = st.sampled_from([ADJUST, ACCEPT, DECLINE, OTHER])
EVENTS = st.lists(st.sampled_from([agreement(), MORE, BACK, changed(priority="P2")]), max_size=6)


@given(events=EVENTS, rulings=st.lists(RULINGS, min_size=7, max_size=7))
def test_an_agreement_only_ever_lets_a_request_go_on(events: list[CaseEvent], rulings: list[Ruling]) -> None:
    found = told(*events)
    rulings = rulings[: len(found.points)]

    effects = agreeing.effects(found, rulings)

    assert len(effects) == len(found.points)
    for effect, each in zip(effects, rulings, strict=True):
        assert effect in {each.effect, Effect.NONE}
        assert effect is each.effect or each.effect is Effect.WAITS
    without = [event for event in events if event.agreed is None]
    plain = told(*without)
    assert agreeing.effects(plain, rulings[: len(plain.points)]) == [
        each.effect for each in rulings[: len(plain.points)]
    ]


@given(events=EVENTS)
def test_to_leave_an_agreement_out_is_never_to_have_been_told_of_it(events: list[CaseEvent]) -> None:
    places = [EventId(UUID(int=at)) for at, event in enumerate(events, start=1) if event.agreed is not None]

    found = told(*events, without=places)

    plain = told(*(event for event in events if event.agreed is None))
    assert [point.facts for point in found.points] == [point.facts for point in plain.points]
    assert found.agreements == 0


def test_each_decision_keeps_the_history_that_was_counted_for_it() -> None:
    history = [{"client.requests_30d": number} for number in range(3)]
    case = msgspec.convert(CASE, Case)
    case = msgspec.structs.replace(case, events=[agreement(), MORE], history=history)

    whole = tellings.told(case, client=None, service=None)
    cut = tellings.told(case, client=None, service=None, without=[SECOND])

    assert [point.facts["client"]["requests_30d"] for point in whole.points] == [0, 1, 2]
    assert [point.facts["client"]["requests_30d"] for point in cut.points] == [0, 2]
    assert [point.facts["request"]["priority"] for point in cut.points] == ["P1", "P1"]


def test_what_goes_on_as_another_type_is_of_its_own_no_more() -> None:
    typed = {"name": "network", "family": "change", "standard": False}
    case = msgspec.convert({**CASE, "submission": {**CASE["submission"], "typed": typed}}, Case)
    becoming = Becoming(RequestType.CHANGE, RequestType.SERVICE_REQUEST)
    other = msgspec.structs.replace(agreement(), becomes=becoming)
    case = msgspec.structs.replace(case, events=[other])

    first, last = tellings.told(case, client=None, service=None).points

    assert (first.facts["request"]["type_name"], last.facts["request"]["type_name"]) == (
        "network",
        "service_request",
    )
    assert (first.of_type is None, last.of_type is None) == (False, True)


def test_what_a_type_requires_comes_after_the_verdicts_own_and_each_once() -> None:
    plan, freeze = RollbackPlan(), FreezeWindow(calendar="freeze")

    once = ACCEPT.requiring([plan])
    both = once.requiring([plan, freeze])

    assert [gate["gate"] for gate in both.gates] == ["rollback_plan", "freeze_window"]
    assert both.windows == (freeze,)
    assert (ACCEPT.is_plain, once.is_plain) == (True, False)
    assert DECLINE.requiring([plan]) is DECLINE
    assert ACCEPT.requiring([]) is ACCEPT
