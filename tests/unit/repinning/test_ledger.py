"""What a request's ledger says of the versions that it was put on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from service import ids
from service.ids import CalendarVersionId, EventId, PolicyId, PolicyVersionId, RepinningId, RequestId
from service.requests import domain
from service.requests.domain import EventType, Recount, Repinned, Request, RequestEvent, State
from service.rules.domain import VersionRef
from service.rules.pointers import Pointed, in_effect
from service.rules.vocabulary import RequestType
from tests.factories import NOON

MINUTE = timedelta(minutes=1)
POLICY, OTHER = (PolicyId(ids.new_id()) for _ in range(2))
REQUEST = Request(
    id=RequestId(ids.new_id()),
    client_id=None,
    service_id=None,
    source_client_id=None,
    contact_id=None,
    source="desk",
    external_id="1",
    type=RequestType.INCIDENT,
    title=None,
    state=State.OPEN,
    facts={},
    opened_at=NOON,
    received_at=NOON,
    sequence=1,
)


def _event(minutes: int, repinned: Repinned | None = None) -> RequestEvent:
    at = NOON + minutes * MINUTE
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.NOTED if repinned is None else EventType.REPINNED,
        occurred_at=at,
        source_sequence=0,
        received_at=at,
        repinned=repinned,
    )


def _onto(policy_id: PolicyId | None = None, recount: Recount | None = None) -> Repinned:
    return Repinned(
        repinning_id=RepinningId(ids.new_id()), by="operator", policy_id=policy_id, recount=recount
    )


def _recount(calendar: str) -> Recount:
    return Recount(calendar, CalendarVersionId(ids.new_id()))


def _pointed(version: int, minutes: int) -> Pointed:
    ref = VersionRef(policy_id=POLICY, version_id=PolicyVersionId(ids.new_id()), version=version)
    return Pointed(ref=ref, order=0, effective_at=NOON + minutes * MINUTE, new_requests_only=version > 1)


@pytest.mark.parametrize(
    ("events", "version"),
    [
        ([], 1),
        ([_event(15)], 1),
        ([_event(15, _onto(OTHER))], 1),
        ([_event(15, _onto(recount=_recount("office")))], 1),
        ([_event(5, _onto(POLICY))], 1),
        ([_event(15, _onto(POLICY))], 2),
        ([_event(15, _onto(POLICY)), _event(25, _onto(POLICY))], 3),
    ],
    ids=["never", "noted", "another policy", "a calendar", "too early", "once", "twice"],
)
def test_a_version_for_new_requests_holds_for_what_was_put_on_its_policy_since(
    events: list[RequestEvent], version: int
) -> None:
    pointed = [_pointed(1, -5), _pointed(2, 10), _pointed(3, 20)]

    (ref,) = in_effect(pointed, domain.received(REQUEST, events), now=NOON + 30 * MINUTE)

    assert ref.version == version


def test_a_calendar_counts_in_the_version_of_its_last_recount_since_an_event() -> None:
    office, other, again = _recount("office"), _recount("other"), _recount("office")
    opened, *counted = [
        _event(0),
        *(_event(at, _onto(recount=each)) for at, each in ((1, office), (2, other))),
    ]
    last = _event(3, _onto(recount=again))
    ledger = [opened, *counted, last]

    assert domain.recounts(ledger[:2], since=opened.id) == {"office": office.version_id}
    assert domain.recounts(ledger, since=opened.id) == {"office": again.version_id, "other": other.version_id}
    assert domain.recounts(ledger, since=last.id) == {}
    assert domain.recounts(ledger, since=EventId(ids.new_id())) == {}


def test_facts_and_repinnings_are_decided_on_and_nothing_else() -> None:
    changed = replace(_event(1), type=EventType.CHANGED, facts={"priority": "P1"})

    assert changed.is_decided_on
    assert _event(1, _onto(POLICY)).is_decided_on
    assert not _event(1).is_decided_on
    assert domain.ledger_entries(_event(1, _onto(POLICY))) == []
