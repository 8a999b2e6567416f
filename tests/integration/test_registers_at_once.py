"""Improvements and reviews that many want to write at once, with real commits."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence

import pytest
from sqlalchemy import select, update

from service.audit.domain import Actor
from service.commitments.targets import ElapsedTime
from service.db import Sessions, tenant_transaction
from service.errors import ServiceError
from service.outbox.models import EventRow
from service.rationalization.improvements import service as improvements
from service.rationalization.improvements.domain import Change, Evidence, Finding, Source, State
from service.rationalization.improvements.errors import ImprovementEnded
from service.rationalization.reviews import service as reviews
from service.rationalization.reviews.domain import Findings, Result
from service.rationalization.reviews.errors import ReviewOver, ReviewOwed
from service.rationalization.reviews.models import ReviewResultRow
from service.rationalization.verdicts import Review as Wanted
from service.requests import reviewing
from service.requests.models import RequestRow
from service.requests.reviewing import Reviewer
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

TRIES = 20
BY = Actor(name="member:ada")
WANTED = Wanted(within=ElapsedTime(seconds=3_600))
GOOD = Findings(result=Result.SUCCESSFUL, objectives_met=True)
DONE = Change(title="No backup", state=State.DONE, because="There is one.", owner_id=None, group_id=None)


def _finding(number: int) -> Finding:
    evidence = Evidence(kind="special_method", id=str(number), at=NOON, what="Once more.")
    return Finding(
        key="no backup",
        title="No backup",
        source=Source.SPECIAL_METHOD_PATTERN,
        came_from=None,
        evidence=(evidence,),
    )


async def _refused(tries: Sequence[Awaitable[object]]) -> Counter[type[ServiceError]]:
    """What was refused of these; anything else that is raised is a fault."""
    found = await asyncio.gather(*tries, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, ServiceError):
            raise each
    return Counter(type(each) for each in found if isinstance(each, ServiceError))


async def test_what_many_find_at_once_is_one_item_with_all_evidence(own_sessions: Sessions) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id

    async def find(number: int) -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await improvements.open_for(session, _finding(number), now=NOON)

    assert not await _refused([find(number) for number in range(TRIES)])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        (item,) = await improvements.list_improvements(session, improvements.Sought(), before=None, limit=9)
        about = select(EventRow.sequence).where(EventRow.subject_id == item.id)
        told = sorted(await session.db.scalars(about))
    assert sorted(int(each.id) for each in item.evidence) == list(range(TRIES))
    assert (item.version, told) == (TRIES, list(range(1, TRIES + 1)))


async def test_what_is_found_while_its_item_ends_is_in_one_or_the_other(own_sessions: Sessions) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with tenant_transaction(own_sessions, tenant_id) as session:
        first = await improvements.open_for(session, _finding(0), now=NOON)

    async def find(number: int) -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await improvements.open_for(session, _finding(number), now=NOON)

    async def end() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await improvements.change(session, BY, first.id, DONE, now=NOON)

    tries = [*(find(number) for number in range(1, TRIES)), end(), end()]
    refused = await _refused([*tries[::2], *tries[1::2]])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        found = await improvements.list_improvements(session, improvements.Sought(), before=None, limit=9)
    evidence = [int(each.id) for item in found for each in item.evidence]
    assert sorted(evidence) == list(range(TRIES))
    assert [item.state for item in found if item.id == first.id] == [State.DONE]
    assert len([item for item in found if item.state is State.OPEN]) <= 1
    assert refused == {ImprovementEnded: 1}


async def test_of_many_who_start_or_conclude_a_review_one_does(own_sessions: Sessions) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with tenant_transaction(own_sessions, tenant_id) as session:
        request_id = await factories.request(session)
        mine = (RequestRow.tenant_id == tenant_id, RequestRow.id == request_id)
        await session.db.execute(update(RequestRow).where(*mine).values(state="resolved"))

    async def start() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            await reviewing.start_review(session, BY, request_id, WANTED, now=NOON)

    started = await _refused([start() for _ in range(TRIES)])
    async with tenant_transaction(own_sessions, tenant_id) as session:
        (review,) = await reviews.list_reviews(session, reviews.Sought(), before=None, limit=9)

    async def conclude() -> None:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            reviewer = Reviewer(BY, None)
            await reviewing.conclude_review(session, reviewer, review.id, GOOD, improvement="x", now=NOON)

    concluded = await _refused([conclude() for _ in range(TRIES)])

    async with tenant_transaction(own_sessions, tenant_id) as session:
        results = list(
            await session.db.scalars(select(ReviewResultRow).where(ReviewResultRow.tenant_id == tenant_id))
        )
        items = await improvements.list_improvements(session, improvements.Sought(), before=None, limit=99)
    assert started == {ReviewOwed: TRIES - 1}
    assert concluded == {ReviewOver: TRIES - 1}
    assert [each.review_id for each in results] == [review.id]
    assert [each.id for each in items] == [results[0].improvement_id]
