"""What a verdict does to its request: events of its ledger, and what they mean to it and to its promises."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.commitments.domain import Cancelled, Paused, Reopened, Resumed
from service.ids import EventId, RequestId
from service.requests import domain
from service.requests.domain import Becoming, EventType, Request, RequestEvent, State
from service.requests.domain.waiting import CAUSE, PARTY, Waiting, waiting
from service.rules.vocabulary import RequestType

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER = RequestId(ids.read_id("9" * 32))


def _event(minute: int, kind: EventType, **more: Any) -> RequestEvent:
    at = NOON + timedelta(minutes=minute)
    return RequestEvent(
        id=EventId(ids.new_id()), type=kind, occurred_at=at, source_sequence=0, received_at=at, **more
    )


OPENED = _event(0, EventType.OPENED, state=State.OPEN, facts={"priority": "P1"})
WAITS = _event(1, EventType.RATIONALIZED, cause=CAUSE, party=PARTY)
GOES_ON = _event(2, EventType.RATIONALIZED, cause=CAUSE)
PAUSED = _event(1, EventType.PAUSED, cause=CAUSE, party=PARTY)
RESUMED = _event(3, EventType.RESUMED)
MAINTAINED = _event(1, EventType.PAUSED, cause="maintenance", party="us")
NOT_MAINTAINED = _event(2, EventType.RESUMED, cause="maintenance")


@pytest.mark.parametrize(
    ("ledger", "found"),
    [
        ([OPENED], Waiting(is_on=False, by_source=False)),
        ([OPENED, WAITS], Waiting(is_on=True, by_source=False)),
        ([OPENED, WAITS, GOES_ON], Waiting(is_on=False, by_source=False)),
        ([OPENED, PAUSED], Waiting(is_on=True, by_source=True)),
        ([OPENED, WAITS, RESUMED], Waiting(is_on=False, by_source=False)),
        ([OPENED, WAITS, PAUSED, GOES_ON], Waiting(is_on=False, by_source=True)),
        ([OPENED, MAINTAINED], Waiting(is_on=False, by_source=False)),
        ([OPENED, WAITS, NOT_MAINTAINED], Waiting(is_on=True, by_source=False)),
    ],
    ids=["new", "waits", "goes on", "source", "source ends all", "both", "other cause", "other ends"],
)
def test_whether_a_request_waits_for_its_requester(ledger: Sequence[RequestEvent], found: Waiting) -> None:
    assert waiting(ledger) == found


@pytest.mark.parametrize(
    ("event", "means"),
    [
        (WAITS, [Paused]),
        (GOES_ON, [Resumed]),
        (_event(1, EventType.RATIONALIZED, state=State.CANCELLED, because="No."), [Cancelled]),
        (_event(1, EventType.RATIONALIZED, state=State.OPEN), [Reopened]),
        (_event(1, EventType.RATIONALIZED, facts={"priority": "P3"}), []),
    ],
    ids=["waits", "goes on", "ends", "lives again", "agreed"],
)
def test_what_it_means_to_promises(event: RequestEvent, means: list[type]) -> None:
    assert [type(entry) for entry in domain.ledger_entries(event)] == means


def test_what_goes_on_elsewhere_says_where_until_it_lives_again() -> None:
    carried = _event(1, EventType.RATIONALIZED, state=State.CANCELLED, other=OTHER)
    back = _event(2, EventType.RATIONALIZED, state=State.OPEN)

    assert domain.merged_into([OPENED, carried]) == OTHER
    assert domain.merged_into([OPENED, carried, back]) is None
    assert domain.state_after([OPENED, carried, back]) is State.OPEN


def _request(type_: RequestType) -> Request:
    return Request(
        id=RequestId(ids.read_id("1" * 32)),
        client_id=None,
        service_id=None,
        source_client_id=None,
        contact_id=None,
        source="desk",
        external_id="C-1",
        type=type_,
        title=None,
        state=State.OPEN,
        facts={},
        opened_at=NOON,
        received_at=NOON,
        sequence=1,
    )


@given(types=st.lists(st.sampled_from(RequestType), min_size=1, max_size=5), before=st.integers(0, 4))
def test_the_type_is_the_one_that_it_had_then(types: list[RequestType], before: int) -> None:
    """Each event makes it of the next type; some come with facts only."""
    changes = [
        _event(at, EventType.RATIONALIZED, facts={"impact": str(at)}, becomes=Becoming(was, becomes))
        for at, (was, becomes) in enumerate(pairwise(types), start=1)
    ]
    ledger, now = [OPENED, *changes], _request(types[-1])
    after = min(before, len(changes)) + 1

    found = domain.as_of(now, ledger, after=after)

    assert found.type is types[after - 1]
    assert found.facts == domain.facts_after(ledger[:after])
