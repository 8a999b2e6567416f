"""Many act on one run at the same time, with real commits: one consistent end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service import composition
from service.audit.domain import Actor
from service.commitments import service as commitments
from service.commitments.domain import ElapsedTarget, usual_terms
from service.db import Sessions, TenantSession, tenant_transaction
from service.errors import ServiceError
from service.escalations.climbs import Climb
from service.escalations.ladders import service as ladders
from service.escalations.runs import acting, service
from service.escalations.runs.domain import State
from service.escalations.runs.errors import EscalationOver, EscalationTaken
from service.escalations.runs.models import Affair, EscalationEntryRow, NoticeRow, Responder
from service.ids import CommitmentId, EscalationId, MemberId, RequestId
from service.people.domain import Role
from service.requests import escalating
from service.rules.reference import ReferenceEngine
from service.tenants.domain import Tenant
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

RULEBOOK = composition.rulebook(ReferenceEngine())
STEPS = [
    {"name": "first", "at": {"anchor": "start"}, "tell": [{"role": "agent"}]},
    {"name": "second", "at": {"anchor": "start", "after_seconds": 60}, "tell": [{"role": "agent"}]},
]


@dataclass(frozen=True, slots=True)
class Scene:
    """A run that nobody has looked at yet.

    Attributes:
        people: members who are told, each of whom may act.
    """

    sessions: Sessions
    tenant: Tenant
    people: list[MemberId]
    request_id: RequestId
    commitment_id: CommitmentId
    run_id: EscalationId

    async def doing(self, do: Callable[[TenantSession], Awaitable[object]]) -> str:
        """Do it in a transaction of its own; the code of its refusal, if it is refused."""
        try:
            async with tenant_transaction(self.sessions, self.tenant.id) as session:
                await do(session)
        except ServiceError as refused:
            return refused.code
        return "done"

    async def ledger(self) -> Counter[str]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            row = EscalationEntryRow
            kinds = select(row.kind).where(row.tenant_id == self.tenant.id, row.escalation_id == self.run_id)
            return Counter(await session.db.scalars(kinds))

    async def notices(self) -> list[tuple[int | None, int | None, str]]:
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            row = NoticeRow
            found = select(row.step, row.repeat, row.recipient).where(row.tenant_id == self.tenant.id)
            return [(each.step, each.repeat, each.recipient) for each in await session.db.execute(found)]


@pytest.fixture
async def scene(own_sessions: Sessions) -> Scene:
    tenant = await factories.tenant(own_sessions, sandbox_at=NOON)
    people = [await factories.member(own_sessions, tenant, Role.AGENT) for _ in range(5)]
    terms = usual_terms("resolve", ElapsedTarget(3600), calendar=None)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        await ladders.create(session, Actor(), name="usual", raw={"steps": STEPS}, now=NOON)
        request_id = await factories.request(session)
        promised = await commitments.promise(session, [factories.offer(request_id, terms)], now=NOON)
        affair = Affair(
            request_id=request_id,
            client_id=None,
            service_id=None,
            source="desk",
            external_id="INC-1",
            title=None,
            type="incident",
            climbs=(Climb("usual"),),
        )
        await service.follow(session, promised, affair=affair, now=NOON)
        (run,) = await service.list_runs(session, service.Sought(), before=None, limit=2)
    return Scene(own_sessions, tenant, people, request_id, promised[0].id, run.id)


async def test_fifty_at_once_acknowledge_raise_and_end_it_and_there_is_one_end(scene: Scene) -> None:
    def deed(number: int) -> Callable[[TenantSession], Awaitable[object]]:
        responder = Responder(scene.people[number % 5], Actor())
        match number % 4:
            case 0:
                return lambda session: acting.acknowledge(session, responder, scene.run_id, now=NOON)
            case 1:
                return lambda session: escalating.raise_to(
                    session, RULEBOOK, responder, scene.run_id, "second", now=NOON
                )
            case 2:
                return lambda session: escalating.advance(
                    session, scene.run_id, rulebook=RULEBOOK, now=NOON + timedelta(minutes=2)
                )
            case _:
                if number != 47:
                    return lambda session: acting.acknowledge(session, responder, scene.run_id, now=NOON)
                return lambda session: acting.resolve(
                    session, responder, scene.run_id, reason="Enough.", now=NOON
                )

    said = Counter(await asyncio.gather(*(scene.doing(deed(number)) for number in range(50))))

    assert said.keys() <= {"done", EscalationOver.code, EscalationTaken.code}
    ledger, notices = await scene.ledger(), await scene.notices()
    assert (ledger["begun"], ledger["ended"]) == (1, 1)
    assert len(set(notices)) == len(notices)
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        account = await service.get(session, scene.run_id, now=NOON + timedelta(hours=1))
    assert (account.run.state, account.run.next_at, account.coming) == (State.ENDED, None, ())


async def test_of_many_who_acknowledge_at_once_one_has_it(scene: Scene) -> None:
    def take(number: int) -> Callable[[TenantSession], Awaitable[object]]:
        responder = Responder(scene.people[number % 5], Actor())
        return lambda session: acting.acknowledge(session, responder, scene.run_id, now=NOON)

    said = Counter(await asyncio.gather(*(scene.doing(take(number)) for number in range(20))))

    assert said == {"done": 4, EscalationTaken.code: 16}  # whoever has it says so four times
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        (run,) = await service.list_runs(session, service.Sought(), before=None, limit=2)
    assert run.held_by in scene.people


SOONER, LATER = NOON + timedelta(seconds=0.9), NOON + timedelta(seconds=1)
"""Of who waits for a run, and of who has it: transactions that begin later may lock it first."""


async def test_an_acknowledgement_that_waited_for_somebody_who_went_up_a_step_counts(scene: Scene) -> None:
    ada, ben = (Responder(each, Actor()) for each in scene.people[:2])

    async def go_up(session: TenantSession) -> None:
        await escalating.raise_to(session, RULEBOOK, ben, scene.run_id, "second", now=LATER)

    async def take(session: TenantSession) -> None:
        await acting.acknowledge(session, ada, scene.run_id, now=SOONER)

    assert [await scene.doing(deed) for deed in (go_up, take)] == ["done", "done"]

    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        (run,) = await service.list_runs(session, service.Sought(), before=None, limit=2)
    assert (run.state, run.held_by) == (State.ACKNOWLEDGED, ada.member_id)


async def test_a_worker_that_waited_for_who_raised_it_tells_that_step_once(scene: Scene) -> None:
    async def look(session: TenantSession) -> None:
        await escalating.advance(session, scene.run_id, rulebook=RULEBOOK, now=SOONER)

    async def decline(session: TenantSession) -> None:
        account = await commitments.get(session, scene.commitment_id, client_id=None, now=LATER)
        await service.declined(session, account.commitment, now=LATER)

    for deed in (look, decline, look, look):
        assert await scene.doing(deed) == "done"

    assert (await scene.ledger())["sent"] == 2
    assert len(await scene.notices()) == 2 * len(scene.people)


async def test_several_workers_that_look_at_one_run_tell_each_step_once(scene: Scene) -> None:
    async def look(session: TenantSession) -> None:
        await escalating.advance(session, scene.run_id, rulebook=RULEBOOK, now=NOON)

    await asyncio.gather(*(scene.doing(look) for _ in range(12)))

    told = sorted(await scene.notices(), key=str)
    assert told == sorted(((0, 0, f"member:{each}") for each in scene.people), key=str)


async def test_a_promise_that_changes_while_its_run_is_looked_at_leaves_no_step_behind(
    scene: Scene,
) -> None:
    """Reports hold the request first, wake-ups the promise: neither waits for the other for ever."""

    async def promise(session: TenantSession) -> None:
        await escalating.look_at_promise(session, scene.commitment_id, now=NOON + timedelta(hours=2))

    async def run(session: TenantSession) -> None:
        await escalating.advance(session, scene.run_id, rulebook=RULEBOOK, now=NOON + timedelta(hours=2))

    async def request(session: TenantSession) -> None:
        await escalating.look_at_request(session, scene.request_id, now=NOON + timedelta(hours=2))

    deeds: list[Any] = [promise, run, request] * 8
    said = await asyncio.gather(*(scene.doing(deed) for deed in deeds))

    assert set(said) == {"done"}
    assert sorted(await scene.notices(), key=str) == sorted(
        ((1, 0, f"member:{each}") for each in scene.people), key=str
    )
