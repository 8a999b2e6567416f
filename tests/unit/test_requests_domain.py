import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from service.commitments.domain.ledger import (
    Assigned,
    Cancelled,
    Fulfilled,
    Paused,
    Reopened,
    Resumed,
    Turn,
)
from service.ids import DecisionId, EventId, PolicyVersionId, RequestId
from service.requests import domain
from service.requests.domain import (
    AHEAD_MAX,
    BACKDATED_AFTER,
    Decision,
    EventType,
    Fate,
    Request,
    RequestEvent,
    State,
)
from service.rules.records import AnswerRecord, Followed
from service.rules.vocabulary import RequestType
from tests.factories import NOON

OTHER = RequestId(UUID(int=77))
NAMES = st.sampled_from(["priority", "impact", "category"])
VALUES: SearchStrategy[str | None] = st.one_of(st.none(), st.sampled_from(["P1", "P2", "P3"]))
NUMBERS: SearchStrategy[int | None] = st.one_of(st.none(), st.integers(0, 3))
CUSTOM = st.dictionaries(st.sampled_from(["site", "rack"]), NUMBERS)


def _facts(own: dict[str, str | None], custom: dict[str, int | None] | None) -> dict[str, Any]:
    return own if custom is None else {**own, "custom": custom}


FACTS = st.builds(_facts, st.dictionaries(NAMES, VALUES), st.one_of(st.none(), CUSTOM))


def _event(position: int, kind: EventType = EventType.CHANGED, **overrides: Any) -> RequestEvent:
    event = RequestEvent(
        id=EventId(UUID(int=position)),
        type=kind,
        occurred_at=NOON + timedelta(minutes=position),
        source_sequence=position,
        received_at=NOON + timedelta(minutes=position),
    )
    return replace(event, **overrides)


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        (_event(1, state=State.RESOLVED), Fulfilled),
        (_event(1, state=State.CLOSED), Fulfilled),
        (_event(1, state=State.OPEN), Reopened),
        (_event(1, state=State.CANCELLED), Cancelled),
        (_event(1, EventType.OPENED, state=State.CLOSED), Fulfilled),
        (_event(1, EventType.PAUSED, cause="waiting_requester", party="requester"), Paused),
        (_event(1, EventType.RESUMED), Resumed),
        (_event(1, EventType.REPLIED, by="agent"), Fulfilled),
        (_event(1, EventType.REPLIED, by="requester"), None),
        (_event(1, facts={"priority": "P1"}), None),
        (_event(1, facts={"assignment_group": "Network"}), Assigned),
        (_event(1, facts={"assignee": None}), Assigned),
        (_event(1, EventType.DONE, deed="delivered"), Fulfilled),
        (_event(1, EventType.MERGED, state=State.CANCELLED, other=OTHER), Cancelled),
        (_event(1, EventType.NOTED), None),
    ],
)
def test_what_an_event_means_to_promises(event: RequestEvent, entry: type | None) -> None:
    found = domain.ledger_entries(event)

    assert [type(each) for each in found] == ([] if entry is None else [entry])
    assert all((each.at, each.received_at) == (event.occurred_at, event.received_at) for each in found)


def test_an_event_may_say_whose_turn_it_is_and_that_it_is_resolved() -> None:
    event = _event(1, state=State.RESOLVED, facts={"assignment_group": "Network", "assignee": "Ann"})

    assigned, fulfilled = domain.ledger_entries(event)

    assert isinstance(assigned, Assigned)
    assert (assigned.group, assigned.person, assigned.keeps) == ("Network", "Ann", frozenset())
    assert isinstance(fulfilled, Fulfilled)


def test_what_a_report_does_not_say_of_whose_turn_it_is_stays_as_it_was() -> None:
    (assigned,) = domain.ledger_entries(_event(1, facts={"assignee": "Ann"}))

    assert isinstance(assigned, Assigned)
    assert (assigned.person, assigned.keeps) == ("Ann", frozenset({Turn.GROUP}))


def test_a_reopened_request_is_merged_no_more() -> None:
    opened = _event(0, EventType.OPENED, state=State.OPEN)
    merged = _event(1, EventType.MERGED, state=State.CANCELLED, other=OTHER)
    reopened = _event(2, state=State.OPEN)

    assert domain.merged_into([opened]) is None
    assert domain.merged_into([opened, merged, _event(3, EventType.NOTED)]) == OTHER
    assert domain.merged_into([opened, merged, reopened]) is None


@given(order=st.permutations(range(6)), patches=st.lists(FACTS, min_size=6, max_size=6))
def test_the_order_of_arrival_does_not_change_the_facts(
    order: list[int], patches: list[dict[str, Any]]
) -> None:
    events = [_event(position, facts=patch) for position, patch in enumerate(patches)]

    told = domain.in_order([events[position] for position in order])

    assert domain.facts_after(told) == domain.facts_after(events)


AGREED = {"priority": "P2", "custom": {"site": 2}}


@pytest.mark.parametrize(
    ("repeated", "after"),
    [
        ({"priority": "P1"}, AGREED),
        ({"priority": "P1", "custom": {"site": 1, "rack": None}}, AGREED),
        ({"impact": None}, AGREED),
        ({"priority": "P2"}, AGREED),
        ({"priority": "P3"}, {"priority": "P3", "custom": {"site": 2}}),
        ({"priority": None}, {"custom": {"site": 2}}),
        ({"custom": {"site": 3}}, {"priority": "P2", "custom": {"site": 3}}),
        ({"custom": {"site": True}}, {"priority": "P2", "custom": {"site": True}}),
        ({"custom": None}, {"priority": "P2"}),
        ({"impact": "high"}, {**AGREED, "impact": "high"}),
    ],
)
def test_what_a_source_repeats_takes_nothing_back_that_was_agreed_since(
    repeated: dict[str, Any], after: dict[str, Any]
) -> None:
    opened = _event(0, EventType.OPENED, facts={"priority": "P1", "custom": {"site": 1}})
    agreed = _event(1, EventType.RATIONALIZED, facts=AGREED)

    assert domain.facts_after([opened, agreed, _event(2, facts=repeated)]) == after


@given(patches=st.lists(FACTS, max_size=6))
def test_where_nothing_was_agreed_the_facts_are_what_the_source_said(patches: list[dict[str, Any]]) -> None:
    said: dict[str, Any] = {}
    for patch in patches:
        said = domain.merged(said, patch)

    events = [_event(position, facts=patch) for position, patch in enumerate(patches)]

    assert repr(domain.facts_after(events)) == repr(said)


@given(facts=FACTS, patch=FACTS)
def test_laying_a_patch_over_facts_twice_is_laying_it_once(
    facts: dict[str, Any], patch: dict[str, Any]
) -> None:
    once = domain.merged(domain.merged({}, facts), patch)

    assert domain.merged(once, patch) == once
    assert None not in once.values()


def test_custom_facts_are_merged_name_by_name() -> None:
    facts = {"priority": "P1", "custom": {"site": "harbour", "rack": 3}}

    assert domain.merged(facts, {"custom": {"rack": None, "row": 1}, "priority": None}) == {
        "custom": {"site": "harbour", "row": 1}
    }


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State.OPEN),
        ([None, State.RESOLVED, None], State.RESOLVED),
        ([State.RESOLVED, State.OPEN], State.OPEN),
    ],
)
def test_the_last_state_that_was_told_holds(states: list[State | None], expected: State) -> None:
    assert domain.state_after([_event(at, state=state) for at, state in enumerate(states)]) is expected


@pytest.mark.parametrize(
    ("occurred_at", "fine"),
    [
        (NOON - timedelta(days=900), True),
        (NOON + AHEAD_MAX, True),
        (NOON + AHEAD_MAX * 1.001, False),
        (datetime(1969, 12, 31, tzinfo=UTC), False),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), False),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))), False),
    ],
)
def test_what_lies_too_far_ahead_or_before_all_calendars_is_refused(
    occurred_at: datetime, *, fine: bool
) -> None:
    assert (domain.faults_of_time(occurred_at, NOON) == []) is fine


@pytest.mark.parametrize(
    ("age", "backdated"), [(timedelta(0), False), (BACKDATED_AFTER, False), (BACKDATED_AFTER * 1.001, True)]
)
def test_what_is_old_is_flagged(age: timedelta, *, backdated: bool) -> None:
    assert domain.is_backdated(NOON - age, NOON) is backdated


SNAPSHOT: dict[str, Any] = {
    "request": {"priority": "P1", "custom": {"site": "harbour"}},
    "client": {"name": "Harbour", "tier": "gold", "custom": {"risk": "high", "sites": 3}},
    "service": {"name": "mail"},
}
REQUEST = {"request": SNAPSHOT["request"]}


@pytest.mark.parametrize(
    ("read", "more"),
    [
        ([], {}),
        ([("request", "priority")], {}),
        ([("client", "tier")], {"client": {"tier": "gold"}}),
        ([("client", "custom", "risk")], {"client": {"custom": {"risk": "high"}}}),
        (
            [("client", "custom", "sites"), ("service", "name")],
            {"client": {"custom": {"sites": 3}}, "service": {"name": "mail"}},
        ),
        ([("client",), ("client", "custom")], {}),
        ([("client", "calendar"), ("client", "tier", "deeper"), ("elsewhere", "x")], {}),
    ],
)
def test_a_client_is_told_its_request_and_what_was_read_of_it(
    read: list[tuple[str, ...]], more: dict[str, Any]
) -> None:
    assert domain.facts_for_client(_decision(SNAPSHOT), read) == REQUEST | more


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        ([], {"priority": "3"}),
        ([("request", "priority")], {"priority": "P1"}),
        ([("request", "custom", "risk")], {"priority": "3", "custom": {"risk": "high"}}),
    ],
)
def test_what_was_made_of_a_request_is_told_where_it_was_the_reason(
    read: list[tuple[str, ...]], shown: dict[str, Any]
) -> None:
    given = {"request": {"priority": "3"}}
    derived = {"request": {"priority": "P1", "custom": {"risk": "high"}}}

    told = domain.facts_for_client(replace(_decision(given), facts=derived), read)

    assert told == {"request": shown}
    assert given == {"request": {"priority": "3"}}


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        (("client", "open_requests"), {"client": {"open_requests": 2}}),
        (("service", "open_requests"), {}),
        (("history", "same_service_1h"), {}),
        (("history",), {}),
    ],
)
def test_a_client_is_never_told_how_many_requests_others_have(
    read: tuple[str, ...], shown: dict[str, Any]
) -> None:
    counted = {
        "client": {"open_requests": 2},
        "service": {"open_requests": 40},
        "history": {"same_service_1h": 9},
    }

    told = domain.facts_for_client(_decision(REQUEST | counted), [read])

    assert told == REQUEST | shown


def test_a_client_is_told_the_verdict_with_its_reason_and_no_versions() -> None:
    winners = [_followed(1, "Ask the board."), _followed(2, "The year ends.")]
    verdict = {"verdict": "adjust", "proposal": {"priority": "P3"}, "requires": [{"gate": "rollback_plan"}]}
    answers = (
        AnswerRecord(kind="classification", winners=(_followed(3, "Gold."),), outcome={"set": {}}),
        AnswerRecord(kind="rationalization", winners=tuple(winners), outcome=verdict),
    )

    told = domain.for_client(replace(_decision(REQUEST), answers=answers))

    assert told.verdict == {"verdict": "adjust", "proposal": {"priority": "P3"}}
    assert told.reason == "Ask the board."
    (answer,) = told.answers
    assert (answer.versions, answer.consulted, answer.winners) == ((), (), (winners[0],))


def test_what_no_rule_speaks_of_is_accepted_without_a_reason() -> None:
    decision = _decision(REQUEST)

    assert (decision.verdict, decision.reason) == ({"verdict": "accept"}, None)
    assert [promise["metric"] for promise in decision.promises or []] == ["respond", "resolve"]
    assert (decision.ladders, decision.derived) == ([], {})


def _followed(number: int, because: str) -> Followed:
    return Followed(version_id=PolicyVersionId(UUID(int=number)), rule_id="r", because=because)


def _decision(given: dict[str, Any]) -> Decision:
    return Decision(
        id=DecisionId(UUID(int=1)),
        decided_at=NOON,
        given=given,
        facts=given,
        answers=(),
        calendars={},
        policy_version_id=None,
        rule_id=None,
        degraded=False,
        engine="reference",
    )


WORDS = st.sampled_from(["client", "service", "request", "custom", "name", "tier", "risk", "priority"])


@given(read=st.lists(st.lists(WORDS, min_size=1, max_size=4).map(tuple), max_size=6))
def test_a_client_is_told_nothing_that_was_not_read(read: list[tuple[str, ...]]) -> None:
    before = copy.deepcopy(SNAPSHOT)

    shown = domain.facts_for_client(_decision(SNAPSHOT), read)

    assert before == SNAPSHOT
    assert shown.pop("request") == SNAPSHOT["request"]
    others = {path: value for path, value in _leaves(SNAPSHOT).items() if path[0] != "request"}
    assert _leaves(shown) == {path: value for path, value in others.items() if path in read}


def _leaves(facts: dict[str, Any], before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name, value in facts.items():
        path = (*before, name)
        found |= _leaves(cast("dict[str, Any]", value), path) if isinstance(value, dict) else {path: value}
    return found


def _request(**overrides: Any) -> Request:
    request = Request(
        id=OTHER,
        client_id=None,
        service_id=None,
        source_client_id=None,
        contact_id=None,
        source="desk",
        external_id="CHG-1",
        type=RequestType.CHANGE,
        title=None,
        state=State.OPEN,
        facts={"impact": "low", "custom": {"site": 1}},
        opened_at=NOON,
        received_at=NOON,
        sequence=1,
    )
    return replace(request, **overrides)


@pytest.mark.parametrize(
    ("changed", "is_rewritten"),
    [
        ({}, False),
        ({"facts": {"custom": {"site": 1}, "impact": "low"}}, False),
        (
            {"facts": {"impact": "low", "custom": {"site": 1}, "assignee": "Ann", "assignment_group": "N"}},
            False,
        ),
        ({"state": State.RESOLVED, "sequence": 2, "title": "As told"}, False),
        ({"facts": {"impact": "high", "custom": {"site": 1}}}, True),
        ({"facts": {"impact": "low", "custom": {"site": 2}}}, True),
        ({"facts": {"impact": "low"}}, True),
        ({"facts": {"impact": "low", "custom": {"site": 1}, "assignee": "Ann", "note": "x"}}, True),
        ({"type": RequestType.PLAN_CHANGE}, True),
    ],
    ids=["nothing", "same", "turn", "state", "fact", "own fact", "taken away", "turn and fact", "type"],
)
def test_what_is_asked_for_is_another_than_it_was(changed: dict[str, Any], *, is_rewritten: bool) -> None:
    assert domain.is_rewritten(_request(), _request(**changed)) is is_rewritten


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_what_becomes_of_the_work_where_another_state_is_told(before: State, after: State) -> None:
    if before is not State.OPEN and after is State.OPEN:
        expected = Fate.GOES_ON
    elif (before, after) == (State.OPEN, State.CANCELLED):
        expected = Fate.GIVEN_UP
    else:
        expected = None

    assert domain.fate(before, after) is expected
