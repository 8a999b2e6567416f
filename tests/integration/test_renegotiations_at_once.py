"""A renegotiation that all want to end at once, with real commits: one end, one promise beside it."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from service import ids
from service.audit.domain import Actor
from service.commitments import domain, service
from service.commitments.domain import ElapsedTarget, EntryId, Fulfilled, Silence
from service.commitments.errors import CommitmentEnded
from service.commitments.models import Commitment, CommitmentRow
from service.commitments.renegotiation import service as renegotiations
from service.commitments.renegotiation.domain import Answered, Reply, State, Withdrawn
from service.commitments.renegotiation.errors import RenegotiationEnded
from service.commitments.renegotiation.models import Renegotiation
from service.commitments.renegotiation.revising import Proposal
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.ids import TenantId
from service.outbox.models import EventRow
from service.requests import renegotiating, store
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

HOUR = timedelta(hours=1)
TRIES = 50
BY = Actor(name="member:ada")
PROPOSAL = Proposal(reason="The spare part comes tomorrow.", due=NOON + 30 * HOUR)


def _terms(silence: Silence) -> domain.Terms:
    usual = domain.usual_terms("resolve", ElapsedTarget(4 * 3600), calendar=None)
    return domain.Terms(
        metric=usual.metric,
        target=usual.target,
        calendar=None,
        fulfilled_by=usual.fulfilled_by,
        answer_within=HOUR,
        silence=silence,
    )


async def _proposed(sessions: Sessions, silence: Silence) -> tuple[TenantId, Commitment, Renegotiation]:
    tenant_id = (await factories.tenant(sessions)).id
    async with tenant_transaction(sessions, tenant_id) as session:
        offer = factories.offer(await factories.request(session), _terms(silence))
        [promise] = await service.promise(session, [offer], now=NOON)
    async with tenant_transaction(sessions, tenant_id) as session:
        made = await renegotiating.propose(session, BY, promise.id, PROPOSAL, now=NOON)
    return tenant_id, promise, made


async def _refused(tries: Sequence[Awaitable[object]]) -> list[type[ServiceError]]:
    """What was refused of these; anything else that is raised is a fault."""
    found = await asyncio.gather(*tries, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, ServiceError):
            raise each
    return [type(each) for each in found if isinstance(each, ServiceError)]


async def _beside(session: TenantSession, promise: Commitment) -> list[CommitmentRow]:
    query = select(CommitmentRow).where(
        CommitmentRow.tenant_id == session.tenant_id, CommitmentRow.revises == promise.id
    )
    return list(await session.db.scalars(query))


async def _told(session: TenantSession, subject: Any) -> list[tuple[int, str]]:
    query = (
        select(EventRow.sequence, EventRow.type)
        .where(EventRow.tenant_id == session.tenant_id, EventRow.subject_id == subject)
        .order_by(EventRow.sequence)
    )
    return [(sequence, kind) for sequence, kind in await session.db.execute(query)]


@pytest.mark.parametrize("silence", list(Silence))
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_of_many_who_end_it_at_once_one_does(
    own_sessions: Sessions, silence: Silence, seed: int
) -> None:
    tenant_id, promise, made = await _proposed(own_sessions, silence)
    at, later = NOON + HOUR, NOON + HOUR + timedelta.resolution

    async def say(reply: Reply) -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await renegotiating.answer(session, BY, made.id, Answered(at=at, reply=reply), client_id=None)

    async def withdraw() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await renegotiating.withdraw(session, BY, made.id, Withdrawn(at=at, because="It will be kept."))

    async def wait() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await renegotiating.advance(session, made.id, now=later)

    kinds = [lambda: say(Reply.UNDERSTOOD), lambda: say(Reply.DECLINED), withdraw, wait]
    order = Random(seed)  # noqa: S311 - an order to try, not a secret
    refused = await _refused([order.choice(kinds)() for _ in range(TRIES)])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        found = await renegotiations.get(session, made.id, client_id=None)
        beside, told = await _beside(session, promise), await _told(session, made.id)
    assert found.standing.state in {State.UNDERSTOOD, State.DECLINED, State.WITHDRAWN}
    assert len(beside) == (1 if found.standing.state is State.UNDERSTOOD else 0)
    assert [row.id for row in beside] == ([] if found.revised_id is None else [found.revised_id])
    assert [sequence for sequence, _ in told] == [1, 2]
    assert set(refused) <= {RenegotiationEnded}


async def test_of_many_proposals_at_once_one_is_open(own_sessions: Sessions) -> None:
    tenant_id, promise, _ = await _proposed(own_sessions, Silence.DECLINED)

    async def propose() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await renegotiating.propose(session, BY, promise.id, PROPOSAL, now=NOON)

    assert await _refused([propose() for _ in range(12)]) == []

    async with tenant_transaction(own_sessions, tenant_id) as session:
        sought = renegotiations.Sought(commitment_id=promise.id)
        found = await renegotiations.list_renegotiations(session, sought, after=None, limit=50)
    states = [each.standing.state for each in found]
    assert (states.count(State.WAITING), states.count(State.WITHDRAWN)) == (1, 12)


async def test_whoever_answers_while_the_request_is_resolved_leaves_nothing_running(
    own_sessions: Sessions,
) -> None:
    tenant_id, promise, made = await _proposed(own_sessions, Silence.DECLINED)

    async def say() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            said = Answered(at=NOON, reply=Reply.UNDERSTOOD)
            await renegotiating.answer(session, BY, made.id, said, client_id=None)

    async def resolve() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await store.get(session, promise.request_id, client_id=None, lock=True)
            done = Fulfilled(at=NOON, received_at=NOON, id=EntryId(str(ids.new_id())), by="resolved")
            standing = await service.record(session, promise.request_id, [done], now=NOON)
            await renegotiating.follow(session, standing, now=NOON)

    refused = await _refused([say(), resolve(), *(say() for _ in range(10))])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        found = await renegotiations.get(session, made.id, client_id=None)
        beside = await _beside(session, promise)
    assert set(refused) <= {RenegotiationEnded, CommitmentEnded}
    assert found.standing.state in {State.UNDERSTOOD, State.WITHDRAWN}
    assert [row.outcome for row in beside] == (["kept"] if found.standing.state is State.UNDERSTOOD else [])
