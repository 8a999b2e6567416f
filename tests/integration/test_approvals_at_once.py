"""An approval that all want to end at once, with real commits: one end, told once, by who was wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select

from service import ids
from service.audit.domain import Actor
from service.commitments.models import Commitment, CommitmentRow
from service.commitments.targets import ElapsedTime
from service.composition import rulebook
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.ids import GateId, RequestId, TenantId
from service.outbox.models import EventRow
from service.people.domain import Role
from service.rationalization.approvals import domain, store
from service.rationalization.approvals import service as approvals
from service.rationalization.approvals.answering import Answerer, Said
from service.rationalization.approvals.domain import Entry, Standing, State
from service.rationalization.approvals.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotExpired,
    ApprovalWithdrawn,
)
from service.rationalization.approvals.models import Approval
from service.rationalization.matters import Matter
from service.rationalization.verdicts import ApprovalGate
from service.requests import affairs, approving, renegotiating
from service.requests import store as requests
from service.rules.reference import ReferenceEngine
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

DUE = NOON + timedelta(hours=1)
LATE = DUE + timedelta.resolution
RULEBOOK = rulebook(ReferenceEngine())
REFUSED = {ApprovalDecided, ApprovalExpired, ApprovalWithdrawn, ApprovalNotExpired}
TRIES = 50


@dataclass(frozen=True, slots=True)
class Scene:
    """An approval that is due an hour after noon, managers who may answer it, and what can happen to it."""

    sessions: Sessions
    tenant_id: TenantId
    approval: Approval
    managers: list[Answerer]

    @property
    def gates(self) -> list[GateId]:
        return [self.approval.id]

    async def answer(self, who: Answerer, *, approves: bool = True, at: datetime = NOON) -> None:
        said = Said(approves=approves, because="It is the busy season.")
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            await approving.answer(session, RULEBOOK, who, self.approval.id, said, now=at)

    async def wait(self) -> None:
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            await approving.advance(session, self.approval.id, rulebook=RULEBOOK, now=LATE)

    async def ask_again(self) -> None:
        actor = self.managers[0].actor
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            await approving.ask_anew(session, RULEBOOK, actor, self.approval.id, now=LATE)

    async def withdraw(self) -> None:
        await self._do(lambda session, _: approvals.withdraw(session, self.gates, now=DUE))

    async def edit(self) -> None:
        await self._do(lambda session, matter: approvals.ask_anew(session, matter, self.gates, now=DUE))

    async def need_two(self) -> None:
        await self._do(lambda session, _: approvals.need_two(session, self.gates, now=DUE))

    async def found(self) -> "Found":
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            ledgers = await store.ledgers(session, self.gates)
            told = await session.db.execute(
                select(EventRow.sequence, EventRow.type)
                .where(EventRow.tenant_id == self.tenant_id, EventRow.subject_id == self.approval.id)
                .order_by(EventRow.sequence)
            )
            clocks = await session.db.scalars(
                select(CommitmentRow.clock).where(
                    CommitmentRow.tenant_id == self.tenant_id,
                    CommitmentRow.request_id == self.approval.request_id,
                )
            )
            return Found(
                await approvals.get(session, self.approval.id),
                ledgers[self.approval.id],
                [(sequence, kind) for sequence, kind in told],
                list(clocks),
            )

    async def _do(self, do: Callable[[TenantSession, Matter], Awaitable[list[Commitment]]]) -> None:
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            await _above(session, self.approval.request_id, do)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it: as it was written, its ledger, what was told, and the clocks of its promises."""

    approval: Approval
    entries: list[Entry]
    events: list[tuple[int, str]]
    clocks: list[str]

    @property
    def told(self) -> list[str]:
        return [kind for _, kind in self.events]

    def standing(self, at: datetime) -> Standing:
        return domain.standing(self.entries, at)


async def _above(
    session: TenantSession,
    request_id: RequestId,
    do: Callable[[TenantSession, Matter], Awaitable[list[Commitment]]],
) -> None:
    """What is done above approvals: lock the request, do it, and have ladders follow."""
    request = (await requests.get(session, request_id, client_id=None, lock=True)).to_domain()
    made = await do(session, affairs.matter(request))
    await renegotiating.follow(session, made, now=NOON)


async def _scene(sessions: Sessions, *, needed: int = 1, members: int = 2) -> Scene:
    tenant = await factories.tenant(sessions, sandbox_at=NOON)
    managers = [await factories.member(sessions, tenant, Role.MANAGER) for _ in range(members)]
    gate = ApprovalGate(name="board", roles=[Role.MANAGER], needed=needed, within=ElapsedTime(3_600))
    gate_id = GateId(ids.new_id())
    async with tenant_transaction(sessions, tenant.id) as session:
        request_id = await factories.request(session)
        await _above(session, request_id, lambda own, of: approvals.ask(own, of, gate_id, gate, now=NOON))
        approval = await approvals.get(session, gate_id)
    answerers = [Answerer(Actor(name=f"member:{each}"), each) for each in managers]
    return Scene(sessions, tenant.id, approval, answerers)


async def _refused(tries: Sequence[Awaitable[object]]) -> list[type[ServiceError]]:
    """What was refused of these; anything else that is raised is a fault."""
    found = await asyncio.gather(*tries, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException) and not isinstance(each, ServiceError):
            raise each
    return [type(each) for each in found if isinstance(each, ServiceError)]


@pytest.mark.parametrize("needed", [1, 3, 20])
async def test_of_twenty_members_who_answer_at_once_exactly_those_who_are_needed_count(
    own_sessions: Sessions, needed: int
) -> None:
    scene = await _scene(own_sessions, needed=needed, members=20)

    refused = await _refused([scene.answer(who) for who in scene.managers])

    found = await scene.found()
    standing = found.standing(NOON)
    assert (standing.state, len(standing.approved_by)) == (State.GRANTED, needed)
    assert refused == [ApprovalDecided] * (20 - needed)
    assert found.told == ["approval.asked", *["approval.answered"] * needed, "approval.settled"]
    assert found.clocks == ["stopped"]


async def test_the_same_answer_of_one_member_many_times_at_once_counts_once(own_sessions: Sessions) -> None:
    scene = await _scene(own_sessions, needed=2)

    refused = await _refused([scene.answer(scene.managers[0]) for _ in range(12)])

    found = await scene.found()
    assert (refused, found.approval.state) == ([], State.PENDING)
    assert found.told == ["approval.asked", "approval.answered"]


async def test_of_two_who_race_for_the_last_seat_one_takes_it(own_sessions: Sessions) -> None:
    for _ in range(5):
        scene = await _scene(own_sessions, needed=2, members=3)
        first, second, third = scene.managers
        await scene.answer(first)

        refused = await _refused([scene.answer(second), scene.answer(third, approves=False)])

        found = await scene.found()
        standing = found.standing(NOON)
        assert refused == [ApprovalDecided]
        assert len(standing.answers) == 2
        assert (standing.state is State.REFUSED) == (standing.refused_by is not None)
        assert found.told.count("approval.settled") == 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_of_many_who_answer_withdraw_edit_and_wait_at_once_all_see_one_story(
    own_sessions: Sessions, seed: int
) -> None:
    scene = await _scene(own_sessions, needed=2, members=4)
    order = Random(seed)  # noqa: S311 - an order to try, not a secret

    def answer() -> Awaitable[None]:
        return scene.answer(order.choice(scene.managers), approves=order.random() < 0.7, at=DUE)

    others = [scene.withdraw, scene.edit, scene.need_two, scene.wait, scene.ask_again]
    refused = await _refused([order.choice([*[answer] * 6, *others])() for _ in range(TRIES)])

    found = await scene.found()
    standing = found.standing(LATE)
    written = found.approval
    assert set(refused) <= REFUSED
    assert written.position == len(found.entries)
    if written.state is not State.PENDING or standing.state is not State.EXPIRED:
        assert (written.state, written.since) == (standing.state, standing.since)
    assert [sequence for sequence, _ in found.events] == list(range(1, written.sequence + 1))
    is_waiting = written.state in {State.PENDING, State.EXPIRED}
    assert found.clocks.count("running") == (1 if is_waiting else 0)


async def test_of_an_answer_and_the_deadline_one_comes_first(own_sessions: Sessions) -> None:
    """The answer names the last instant that counts; whether it is heard, its place in the ledger says."""
    for _ in range(8):
        scene = await _scene(own_sessions)

        refused = await _refused([scene.answer(scene.managers[0], at=DUE), scene.wait(), scene.wait()])

        found = await scene.found()
        assert found.approval.state in {State.GRANTED, State.EXPIRED}
        assert refused == ([ApprovalExpired] if found.approval.state is State.EXPIRED else [])
        assert found.told.count("approval.settled") == 1
        assert found.standing(LATE).state is found.approval.state
