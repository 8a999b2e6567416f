"""An objection that all want to end at once, with real commits: one end, told once, with its promise."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from service import ids
from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.domain import ClockState, ElapsedTarget, Outcome, usual_terms
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.ids import CommitmentId, EventId, MemberId, ObjectionId, RequestId
from service.outbox.models import EventRow
from service.people.domain import Role
from service.rationalization.objections import service as objections
from service.rationalization.objections.domain import Cause, State, SubjectKind
from service.rationalization.objections.errors import ObjectionExists, ObjectionSettled
from service.rationalization.objections.models import Objection, Plea, Subject
from service.requests import objecting, store
from service.requests.domain import EventType, RequestEvent
from service.requests.domain import State as RequestState
from service.requests.intake import Caller
from service.requests.kinds import KINDS
from service.requests.objecting import Judgement
from service.requests.service import append
from service.rules.library import Library
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.tenants.domain import Tenant
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

HOUR = timedelta(hours=1)
TRIES = 50
RULEBOOK = Rulebook(ReferenceEngine(), KINDS, Library())
ADA = Caller(client_id=None, may_backdate=False, actor=Actor(name="member:ada"))


def _plea(commitment_id: CommitmentId) -> Plea:
    subject = Subject(kind=SubjectKind.COMMITMENT, id=commitment_id)
    return Plea(subject=subject, cause=Cause.PROMISE_TOO_LATE, words="It is needed today.")


async def _promised(sessions: Sessions) -> tuple[Tenant, RequestId, Plea]:
    tenant = await factories.tenant(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        request_id = await factories.request(session)
        terms = usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
        [promise] = await commitments.promise(session, [factories.offer(request_id, terms)], now=NOON)
    return tenant, request_id, _plea(promise.id)


async def _raised(sessions: Sessions) -> tuple[Tenant, Objection]:
    tenant, _, plea = await _promised(sessions)
    async with tenant_transaction(sessions, tenant.id) as session:
        return tenant, await objecting.raise_objection(session, RULEBOOK, ADA, plea, now=NOON)


async def _refused(tries: Sequence[Awaitable[object]]) -> list[type[ServiceError]]:
    """What was refused of these; anything else that is raised is a fault."""
    found = await asyncio.gather(*tries, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, ServiceError):
            raise each
    return [type(each) for each in found if isinstance(each, ServiceError)]


async def _told(session: TenantSession, objection_id: ObjectionId) -> list[str]:
    query = (
        select(EventRow.type)
        .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == objection_id)
        .order_by(EventRow.sequence)
    )
    return list(await session.db.scalars(query))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_many_who_decide_or_withdraw_it_at_once_one_does(own_sessions: Sessions, seed: int) -> None:
    tenant, raised = await _raised(own_sessions)
    members = [await factories.member(own_sessions, tenant, Role.MANAGER) for _ in range(2)]

    async def decide(member_id: MemberId, *, upholds: bool) -> None:
        judgement = Judgement(by=member_id, upholds=upholds, reason="It is so.")
        actor = Actor(name=f"member:{member_id}")
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await objecting.decide(session, RULEBOOK, actor, raised.id, judgement, now=NOON + HOUR)

    async def withdraw() -> None:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await objecting.withdraw(session, RULEBOOK, ADA, raised.id, now=NOON + HOUR)

    order = Random(seed)  # noqa: S311 - an order to try, not a secret
    kinds = [lambda: decide(members[0], upholds=True), lambda: decide(members[1], upholds=False), withdraw]
    refused = await _refused([order.choice(kinds)() for _ in range(TRIES)])

    async with tenant_transaction(own_sessions, tenant.id) as session:
        found = await objections.get(session, raised.id, client_id=None)
        entries, told = await objections.entries(session, raised.id), await _told(session, raised.id)
        promise = (
            await commitments.get(session, raised.commitment_id, client_id=None, now=NOON + HOUR)
        ).commitment
    assert refused == [ObjectionSettled] * (TRIES - 1)
    ended = "withdrawn" if found.standing.state is State.WITHDRAWN else "decided"
    assert found.standing.state is not State.OPEN
    assert told == ["objection.raised", f"objection.{ended}"]
    assert [(entry.number, entry.kind) for entry in entries] == [(1, "raised"), (2, ended)]
    assert promise.clock is ClockState.STOPPED
    assert promise.outcome is (Outcome.PENDING if ended == "withdrawn" else Outcome.KEPT)


async def test_of_many_objections_of_one_objector_at_once_one_is_open(own_sessions: Sessions) -> None:
    tenant, request_id, plea = await _promised(own_sessions)

    async def object_to_it() -> None:
        async with tenant_transaction(own_sessions, tenant.id) as session:
            await objecting.raise_objection(session, RULEBOOK, ADA, plea, now=NOON)

    refused = await _refused([object_to_it() for _ in range(TRIES)])

    async with tenant_transaction(own_sessions, tenant.id) as session:
        promised = await commitments.accounts(session, request_id, client_id=None, now=NOON)
    assert refused == [ObjectionExists] * (TRIES - 1)
    assert [each.commitment.metric for each in promised] == ["resolve", "objection"]


async def test_what_is_objected_to_at_the_instant_at_which_its_request_ended_is_still_to_be_decided(
    own_sessions: Sessions,
) -> None:
    tenant, request_id, plea = await _promised(own_sessions)
    over = RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.CHANGED,
        occurred_at=NOON,
        source_sequence=0,
        received_at=NOON,
        state=RequestState.CANCELLED,
    )
    async with tenant_transaction(own_sessions, tenant.id) as session:
        request = (await store.get(session, request_id, client_id=None, lock=True)).to_domain()
        await append(session, RULEBOOK, request, over, Actor(), now=NOON)
        raised = await objecting.raise_objection(session, RULEBOOK, ADA, plea, now=NOON)
        promise = await commitments.get(session, raised.commitment_id, client_id=None, now=NOON)

    assert promise.commitment.clock is ClockState.RUNNING
