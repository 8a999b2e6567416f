"""Promises that no policy made, and what happens to one promise alone, in PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from service import ids
from service.commitments import domain, service, store
from service.commitments.domain import (
    DONE,
    Announced,
    Assigned,
    Cancelled,
    ClockState,
    ElapsedTarget,
    EntryId,
    Fulfilled,
    InstantTarget,
    Origin,
    Outcome,
    Paused,
    Terms,
    Threshold,
    Told,
)
from service.commitments.domain.marks import Anchor, Mark
from service.commitments.errors import CommitmentNotFound
from service.commitments.models import Commitment, Made
from service.db import TenantSession
from service.ids import CommitmentId, RequestId, TenantId
from service.outbox.models import EventRow
from tests import factories
from tests.factories import NOON

HOUR = timedelta(hours=1)
RESOLVE = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
CALL = Terms(
    metric="call",
    target=InstantTarget(NOON + 3 * HOUR),
    calendar=None,
    pausable_by=frozenset({"waiting_requester"}),
    fulfilled_by=frozenset({DONE}),
)
BY_ANN = Made(origin=Origin.PERSON, what="I will call", by="member:ann")


def _when(at: datetime) -> dict[str, Any]:
    return {"at": at, "received_at": at, "id": EntryId(str(ids.new_id()))}


@pytest.fixture
async def request_id(session: TenantSession) -> RequestId:
    return await factories.request(session)


@pytest.fixture
async def resolve(session: TenantSession, request_id: RequestId) -> Commitment:
    """What the policy promised."""
    [made] = await service.promise(session, [factories.offer(request_id, RESOLVE)], now=NOON)
    return made


async def _called(
    session: TenantSession, request_id: RequestId, terms: Terms = CALL, *, now: datetime = NOON
) -> Commitment:
    offer = replace(factories.offer(request_id, terms), at=now, received_at=now, made=BY_ANN)
    [made] = await service.make(session, offer, now=now)
    return made


async def _told(session: TenantSession, commitment: Commitment) -> list[tuple[str, dict[str, Any]]]:
    query = (
        select(EventRow)
        .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == commitment.id)
        .order_by(EventRow.sequence)
    )
    return [(row.type, row.payload) for row in await session.db.scalars(query)]


async def test_a_promise_of_a_person_says_who_made_it_and_what(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    made = await _called(session, request_id)

    stored = (await store.get(session, made.id, client_id=None)).to_domain()
    assert (stored.made, stored.metric, stored.due_at) == (BY_ANN, "call", NOON + 3 * HOUR)
    assert resolve.made.origin is Origin.POLICY


async def test_a_new_promise_knows_what_the_request_waits_for_and_whose_turn_it_is(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    waits = Paused(**_when(NOON + HOUR), cause="waiting_requester", party="requester")
    turn = Assigned(**_when(NOON + HOUR), group="Network", person=None)
    await service.record(session, request_id, [waits, turn], now=NOON + HOUR)

    made = await _called(session, request_id, now=NOON + 2 * HOUR)

    account = await service.get(session, made.id, client_id=None, now=NOON + 2 * HOUR)
    assert made.clock is ClockState.PAUSED
    assert [each.group for each in account.standing.turns] == ["Network"]
    assert resolve.clock is ClockState.RUNNING


async def test_new_terms_touch_what_policies_promised_and_nothing_else(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    made = await _called(session, request_id, replace(CALL, metric="resolve"))
    sooner = replace(RESOLVE, target=ElapsedTarget(3600))

    after = await service.record(session, request_id, [], offer=factories.offer(request_id, sooner), now=NOON)

    dues = {each.id: each.due_at for each in after}
    assert dues == {resolve.id: NOON + HOUR, made.id: NOON + 3 * HOUR}


async def test_a_persons_promise_does_not_stand_for_one_that_a_policy_makes_later(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    await _called(session, request_id)
    by_policy = domain.usual_terms("call", ElapsedTarget(3600), calendar=None)

    after = await service.record(
        session, request_id, [], offer=factories.offer(request_id, RESOLVE, by_policy), now=NOON
    )

    assert sorted((each.metric, each.made.origin.value) for each in after) == [
        ("call", "person"),
        ("call", "policy"),
        ("resolve", "policy"),
    ]
    assert resolve.id in {each.id for each in after}


async def test_what_happens_to_one_promise_alone_touches_no_other_and_no_later_one(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    first, second = [await _called(session, request_id) for _ in range(2)]
    await service.append(session, first.id, [Fulfilled(**_when(NOON + HOUR), by=DONE)], now=NOON + HOUR)
    cancelled = await service.append(
        session, second.id, [Cancelled(**_when(NOON + HOUR), because="She called herself.")], now=NOON + HOUR
    )
    third = await _called(session, request_id, now=NOON + 2 * HOUR)

    assert (cancelled.clock, cancelled.outcome) == (ClockState.STOPPED, Outcome.PENDING)
    assert (third.clock, third.outcome) == (ClockState.RUNNING, Outcome.PENDING)
    stored = {row.id: row.to_domain() for row in await store.of_request(session, request_id)}
    assert stored[first.id].outcome is Outcome.KEPT
    assert stored[resolve.id].clock is ClockState.RUNNING


async def test_what_was_announced_in_time_makes_a_breach_that_is_not_silent(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    silent = await service.advance(session, (await _called(session, request_id)).id, now=NOON + 9 * HOUR)
    announced = Announced(**_when(NOON + HOUR), cycle=1, renegotiation=str(uuid4()))
    await service.append(session, resolve.id, [announced], now=NOON + HOUR)

    broken = await service.advance(session, resolve.id, now=NOON + 9 * HOUR)

    assert (broken.silent, broken.announced_at) == (False, NOON + HOUR)
    assert (silent.silent, silent.announced_at) == (True, None)
    told = {payload["silent"] for kind, payload in await _told(session, resolve) if kind.endswith("broken")}
    assert told == {False}


async def test_a_correction_by_a_person_is_told_once_with_its_reason(
    session: TenantSession, resolve: Commitment
) -> None:
    late = NOON + 9 * HOUR
    await service.advance(session, resolve.id, now=late)
    told = Told(
        **_when(late), cycle=1, threshold=Threshold.CORRECTED, because="It was a drill.", by="member:ann"
    )

    corrected = await service.append(session, resolve.id, [told], now=late)
    again = await service.advance(session, resolve.id, now=late + HOUR)

    assert (corrected.corrected_at, corrected.silent, again.silent) == (late, False, False)
    events = await _told(session, resolve)
    assert [kind for kind, _ in events] == ["commitment.made", "commitment.broken", "commitment.corrected"]
    assert events[-1][1]["reason"] == "It was a drill."


async def test_instants_are_told_of_each_promise_that_is_asked_for(
    session: TenantSession, request_id: RequestId, resolve: Commitment
) -> None:
    call = await _called(session, request_id)
    marks = [Mark(anchor=Anchor.USED, share=0.5), Mark(anchor=Anchor.DUE, after=-HOUR)]

    found = await service.instants(session, [resolve.id, call.id], marks, now=NOON)

    assert found == {
        resolve.id: [NOON + 2 * HOUR, NOON + 3 * HOUR],
        call.id: [NOON + 1.5 * HOUR, NOON + 2 * HOUR],
    }


async def test_nothing_is_appended_to_another_tenants_promise(
    session: TenantSession, resolve: Commitment
) -> None:
    stranger = TenantSession(session.db, TenantId(uuid4()))

    with pytest.raises(CommitmentNotFound):
        await service.append(stranger, resolve.id, [], now=NOON)
    with pytest.raises(CommitmentNotFound):
        await service.append(session, CommitmentId(uuid4()), [], now=NOON)
