"""Fifty do things to one request at the same time, with real commits: one consistent end, and no deadlock.

Whatever came first decides; what comes of it is asked of the ledgers afterwards, by a second opinion.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from service import composition, ids
from service.audit.domain import Actor
from service.commitments.models import CommitmentRow
from service.db import Sessions, TenantSession, run, tenant_transaction
from service.errors import ServiceError
from service.ids import GateId, MemberId, RequestId
from service.outbox.models import EventRow
from service.people.domain import Role
from service.rationalization.approvals import domain as approving
from service.rationalization.approvals import service as approvals
from service.rationalization.approvals import store as approvals_store
from service.rationalization.approvals.answering import Answerer, Said
from service.rationalization.approvals.models import ApprovalRow
from service.rationalization.arrangements import domain as arranging
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.gates.documents import PlanStep, RollbackPlan
from service.rationalization.gates.models import GateRow
from service.rationalization.specials import domain as excepting_domain
from service.rationalization.specials import service as specials
from service.rationalization.specials import store as specials_store
from service.rationalization.specials.models import SpecialMethod
from service.rationalization.specials.using import Usage
from service.requests import approving as consents
from service.requests import evidencing, excepting, rationalizing, service
from service.requests import store as requests
from service.requests.domain import EventType, Request, State
from service.requests.excepting import Ender
from service.requests.intake import Caller, Report, Submission
from service.rules import policies, publishing
from service.rules.examining import Means
from service.rules.policies import PolicyDraft
from service.rules.publishing import Publication
from service.rules.reference import ReferenceEngine
from service.tenants import service as tenants
from service.tenants.domain import Tenant
from service.wakeups import service as wakeups
from service.wakeups.models import WakeUpRow
from service.wakeups.service import Advances
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

RULEBOOK = composition.rulebook(ReferenceEngine())
ADVANCES = Advances(composition.ADVANCES)
SCRIPT = Actor(name=f"application:{ids.new_id()}")
CALLER = Caller(client_id=None, may_backdate=True, actor=SCRIPT)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRIES = 50

BOARD = {
    "gate": "approval",
    "name": "board",
    "roles": ["manager"],
    "needed": 2,
    "within": {"unit": "elapsed_time", "seconds": 3_600},
    "ladder": "board",
}
SPECIAL = {
    "verdict": "special_method",
    "justification": "The usual way takes too long.",
    "way_back": "The rule is taken out of the firewall.",
    "expires_in_days": 3,
    "requires": [BOARD, {"gate": "rollback_plan"}],
}
GATED = {"verdict": "accept", "requires": [BOARD]}
ADJUST = {"verdict": "adjust", "proposal": {"priority": "P3"}, "requires": [BOARD]}
DECLINED = {"verdict": "decline", "objections": {"name": "Desk", "url": "mailto:desk@harbour.example"}}
KINDS: dict[str, dict[str, Any]] = {
    "special": SPECIAL,
    "gated": GATED,
    "adjusted": ADJUST,
    "declined": DECLINED,
    "plain": {"verdict": "accept"},
}
POLICY = {
    "facts": {"request.custom.kind": "string", "request.custom.note": "int"},
    "rules": [
        {"id": kind, "when": f"request.custom.kind == '{kind}'", "then": then, "because": f"It is {kind}."}
        for kind, then in KINDS.items()
    ],
}
PLAN = RollbackPlan(
    steps=[PlanStep(what="Take the rule out.", who="Ada", seconds=60)],
    trigger="The engineer is gone.",
    point_of_no_return=None,
    duration_seconds=60,
)

Deed = Callable[[TenantSession], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A request that a special method is proposed for.

    Attributes:
        managers: members who may approve.
    """

    sessions: Sessions
    tenant: Tenant
    managers: list[MemberId]
    request_id: RequestId

    async def doing(self, do: Deed) -> str:
        """Do it in a transaction of its own; the code of its refusal, if it is refused.

        Fifty may take longer than anything is waited for; whoever waits in a circle is found all the same.
        """
        try:
            async with tenant_transaction(self.sessions, self.tenant.id) as session:
                for timeout in ("lock_timeout", "statement_timeout"):
                    await run(session.db, f"set local {timeout} = 0")
                await do(session)
        except ServiceError as refused:
            return refused.code
        return "done"

    async def pass_time(self, span: timedelta) -> None:
        """Move the sandbox's clock, with all that wakes on the way."""
        async with tenant_transaction(self.sessions, self.tenant.id) as session:
            to = (await wakeups.clock(session)).now + span
            moved = await wakeups.move_clock(session, SCRIPT, to=to, advances=ADVANCES, wake_ups_max=1_000)
        assert moved.now == to


@pytest.fixture
async def scene(own_sessions: Sessions) -> Scene:
    tenant = await factories.tenant(own_sessions, sandbox_at=NOON)
    managers = [await factories.member(own_sessions, tenant, Role.MANAGER) for _ in range(4)]
    async with tenant_transaction(own_sessions, tenant.id) as session:
        draft = PolicyDraft(name="reasonable", kind="rationalization", document=POLICY)
        policy, _ = await policies.create(session, RULEBOOK, SCRIPT, draft, now=NOON)
        await publishing.publish(
            session, Means(RULEBOOK, _nothing, _nothing), SCRIPT, policy.id, Publication(), now=NOON
        )
    async with tenant_transaction(own_sessions, tenant.id) as session:
        asked = Submission(
            source="desk",
            external_id="CHG-1",
            type="change",
            title="Let the engineer in",
            occurred_at=NOON,
            sequence=0,
            state=State.OPEN,
            facts={"custom": {"kind": "special"}},
            client=None,
            service=None,
            requester=None,
        )
        accepted = await service.submit(session, RULEBOOK, asked, caller=CALLER, now=NOON)
    return Scene(own_sessions, tenant, managers, accepted.request.id)


async def _nothing(_: object) -> dict[str, Any]:
    return {}


class Deeds:
    """What fifty people, and the workers, do to the request of a scene; in which order, `dice` says."""

    def __init__(self, scene: Scene, dice: Random) -> None:
        self._scene = scene
        self._dice = dice

    def some(self, count: int) -> list[Deed]:
        """So many deeds, among which each kind is likely."""
        usual = [self.approve, self.approve, self.approve, self.record, self.edit, self.look, self.use]
        rare = [self.refuse, self.cancel, self.reopen, self.turn, self.pass_time, self.end, self.accept]
        rare += [self.reopen, self.reopen, self.turn]
        return [self._dice.choice(usual if self._dice.random() < 0.85 else rare)() for _ in range(count)]

    def approve(self) -> Deed:
        return self._answer(Said(approves=True, because=""))

    def refuse(self) -> Deed:
        return self._answer(Said(approves=False, because="Too risky."))

    def _answer(self, said: Said) -> Deed:
        member_id = self._dice.choice(self._scene.managers)
        who = Answerer(Actor(name=f"member:{member_id}"), member_id)

        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            for gate_id in (await self._approvals(session, now))[-1:]:
                await consents.answer(session, RULEBOOK, who, gate_id, said, now=now)

        return do

    def record(self) -> Deed:
        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            row = GateRow
            query = select(row.id).where(row.tenant_id == session.tenant_id, row.kind == "rollback_plan")
            for gate_id in list(await session.db.scalars(query.order_by(row.id)))[-1:]:
                await evidencing.record(session, RULEBOOK, SCRIPT, GateId(gate_id), PLAN, now=now)

        return do

    def edit(self) -> Deed:
        return self._report(facts={"custom": {"note": self._dice.randrange(3)}})

    def turn(self) -> Deed:
        """Say something else of it, so that the verdict is another one."""
        return self._report(
            facts={"custom": {"kind": self._dice.choice([*KINDS, *("special" for _ in KINDS)])}}
        )

    def cancel(self) -> Deed:
        return self._report(state=State.CANCELLED)

    def reopen(self) -> Deed:
        return self._report(state=State.OPEN)

    def _report(self, **said: Any) -> Deed:
        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            report = Report(type=EventType.CHANGED, occurred_at=now, sequence=0, **said)
            await service.record(session, RULEBOOK, self._scene.request_id, report, caller=CALLER, now=now)

        return do

    def accept(self) -> Deed:
        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            for arrangement in (await _arrangements(session, self._scene.request_id))[-1:]:
                await rationalizing.accept(session, RULEBOOK, SCRIPT, arrangement.id, client_id=None, now=now)

        return do

    def use(self) -> Deed:
        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            for special in (await _specials(session, self._scene.request_id))[-1:]:
                usage = Usage(who="Ada", what_for="To let them in.", at=now)
                await excepting.use(session, CALLER, special.id, usage, now=now)

        return do

    def end(self) -> Deed:
        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            for special in (await _specials(session, self._scene.request_id))[-1:]:
                await excepting.end(session, Ender(SCRIPT, None, leads=True), special.id, "Enough.", now=now)

        return do

    def pass_time(self) -> Deed:
        """Move the clock on, so that something expires."""
        span = self._dice.choice([timedelta(minutes=10), HOUR + timedelta.resolution])

        async def do(session: TenantSession) -> None:
            clock = await wakeups.clock(session)
            await wakeups.move_clock(
                session, SCRIPT, to=clock.target + span, advances=ADVANCES, wake_ups_max=1_000
            )

        return do

    def look(self) -> Deed:
        """What workers do when something wakes, whether it is due or not."""
        kind = self._dice.choice(["approval", "arrangement", "special_method"])

        async def do(session: TenantSession) -> None:
            now = await tenants.now(session)
            request_id = self._scene.request_id
            found: Sequence[UUID] = {
                "approval": await self._approvals(session, now),
                "arrangement": [each.id for each in await _arrangements(session, request_id)],
                "special_method": [each.id for each in await _specials(session, request_id)],
            }[kind]
            for subject_id in found[-1:]:
                await composition.ADVANCES[kind](session, subject_id, now=now)

        return do

    async def _approvals(self, session: TenantSession, now: datetime) -> list[GateId]:
        sought = approvals.Sought(request_id=self._scene.request_id, now=now)
        return [each.id for each in await approvals.list_approvals(session, sought, after=None, limit=99)]


async def _arrangements(session: TenantSession, request_id: RequestId) -> list[Arrangement]:
    sought = arrangements.Sought(request_id=request_id)
    return await arrangements.list_arrangements(session, sought, after=None, limit=999)


async def _specials(session: TenantSession, request_id: RequestId) -> list[SpecialMethod]:
    sought = specials.Sought(request_id=request_id)
    return await specials.list_special_methods(session, sought, after=None, limit=999)


class SecondOpinion:
    """What the ledgers of a request say, asked one after another, against what its rows say."""

    def __init__(self, session: TenantSession, request: Request, now: datetime) -> None:
        self._session = session
        self._request = request
        self._now = now

    async def check(self) -> None:
        arranged = await _arrangements(self._session, self._request.id)
        allowed = await _specials(self._session, self._request.id)
        for arrangement in arranged:
            await self._check_arrangement(
                arrangement, [each for each in allowed if _is_of(each, arrangement)]
            )
        for special in allowed:
            await self._check_special(special)
        for row in await self._rows(ApprovalRow):
            await self._check_approval(row)
        await self._check_events()
        self._check_request([each for each in arranged if each.state not in arranging.OVER])

    def _check_request(self, counting: list[Arrangement]) -> None:
        """One verdict counts at most, and the request stands as that says."""
        assert [each.id for each in counting] in ([], [self._request.arrangement_id])
        for each in counting:
            if each.state in arranging.ENDED_BY_VERDICT:
                assert self._request.state is State.CANCELLED
            elif each.state in arranging.GATED | arranging.AWAITING:
                assert self._request.state is State.OPEN

    async def _check_arrangement(self, arrangement: Arrangement, allowed: list[SpecialMethod]) -> None:
        ledger = (await arrangements.account(self._session, arrangement.id, client_id=None)).ledger
        stands = [arranging.standing(ledger[:length], ledger[length - 1].at) for length in _lengths(ledger)]
        assert arrangement.standing == stands[-1]
        assert arrangement.version == len(ledger)
        told = Counter(row.type for row in await self._told(arrangement.id))
        became = [after.state for before, after in pairwise(stands) if before.state is not after.state]
        ends = sum(state in arranging.OVER | {arranging.State.OVERTURNED} for state in became)
        assert told["arrangement.ready"] == became.count(arranging.State.READY)
        assert told["arrangement.refused"] == became.count(arranging.State.REFUSED) <= 1
        assert told["arrangement.ended"] == ends <= 1
        gates = [row for row in await self._rows(GateRow) if row.arrangement_id == arrangement.id]
        for row in gates:
            assert (row.closed_at is None) == (arrangement.state in arranging.GATED)
            if arrangement.state is arranging.State.READY:
                assert row.state == "satisfied"
        self._check_allowed(arrangement, allowed)
        expected = arranging.next_wake_up(arrangement.standing)
        assert await self._wakes_at(arrangement.id) in {None, expected}

    def _check_allowed(self, arrangement: Arrangement, allowed: list[SpecialMethod]) -> None:
        """A special method is allowed while its verdict counts, and all that it requires is there."""
        still_open = [each.state for each in allowed if each.state in excepting_domain.OPEN]
        if arrangement.state is arranging.State.HELD_UP and arrangement.standing.verdict == "special_method":
            assert still_open == [excepting_domain.State.PROPOSED]
        if arrangement.state is not arranging.State.READY:
            assert excepting_domain.State.ALLOWED not in still_open
        if arrangement.state not in arranging.GATED:
            assert still_open == []

    async def _check_special(self, special: SpecialMethod) -> None:
        ledger = await specials_store.entries(self._session, special.id)
        assert special.standing == excepting_domain.standing(ledger, ledger[-1].at)
        assert special.version == len(ledger)
        assert await self._wakes_at(special.id) == excepting_domain.next_wake_up(ledger, self._now)
        told = Counter(row.type for row in await self._told(special.id))
        was_allowed, is_over = special.standing.approved_at is not None, special.commitment_id is not None
        assert told["special_method.allowed"] == was_allowed
        assert told["special_method.ended"] == is_over
        assert is_over == (special.state in excepting_domain.TO_BE_UNDONE)
        if special.commitment_id is not None:
            assert (await self._promise(special.commitment_id)).clock == "running"

    async def _check_approval(self, row: ApprovalRow) -> None:
        ledger = (await approvals_store.ledgers(self._session, [GateId(row.id)]))[GateId(row.id)]
        found = approving.standing(ledger, ledger[-1].at)
        later = approving.standing(ledger, self._now)
        assert row.state in {found.state, later.state}
        assert [entry.at for entry in ledger] == sorted(entry.at for entry in ledger)
        waits = row.state == approving.State.PENDING
        assert (await self._wakes_at(row.id) is not None) == waits
        promises = [each for each in await self._rows(CommitmentRow) if each.metric != "undo"]
        running = {each.id for each in promises if each.origin == "gate" and each.clock != "stopped"}
        if row.state in {approving.State.GRANTED, approving.State.REFUSED, approving.State.WITHDRAWN}:
            assert row.commitment_id not in running
        elif waits:
            assert row.commitment_id in running
        owners = {each.commitment_id for each in await self._rows(ApprovalRow)}
        assert running <= owners

    async def _check_events(self) -> None:
        """Each subject's events are numbered without gaps, and none is told twice."""
        row = EventRow
        query = select(row.subject_id, row.sequence).where(row.tenant_id == self._session.tenant_id)
        numbers = defaultdict[UUID, list[int]](list)
        for subject_id, sequence in await self._session.db.execute(query):
            numbers[subject_id].append(sequence)
        for found in numbers.values():
            assert sorted(found) == list(range(1, len(found) + 1))

    async def _told(self, subject_id: UUID) -> list[EventRow]:
        row = EventRow
        query = select(row).where(row.tenant_id == self._session.tenant_id, row.subject_id == subject_id)
        return list(await self._session.db.scalars(query))

    async def _promise(self, commitment_id: UUID) -> CommitmentRow:
        [found] = [row for row in await self._rows(CommitmentRow) if row.id == commitment_id]
        return found

    async def _wakes_at(self, subject_id: UUID) -> datetime | None:
        row = WakeUpRow
        query = select(row.fire_at).where(
            row.tenant_id == self._session.tenant_id, row.subject_id == subject_id
        )
        return await self._session.db.scalar(query)

    async def _rows(self, kind: type[Any]) -> list[Any]:
        """Those of the request."""
        query = select(kind).where(
            kind.tenant_id == self._session.tenant_id, kind.request_id == self._request.id
        )
        return list(await self._session.db.scalars(query.execution_options(populate_existing=True)))


def _is_of(special: SpecialMethod, arrangement: Arrangement) -> bool:
    return special.arrangement_id == arrangement.id


def _lengths(ledger: Sequence[object]) -> range:
    return range(1, len(ledger) + 1)


async def _check(scene: Scene) -> None:
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        request = (await requests.get(session, scene.request_id, client_id=None)).to_domain()
        await SecondOpinion(session, request, await tenants.now(session)).check()


async def _check_at_rest(scene: Scene) -> None:
    """Nothing was put off, or is left that should have been looked at."""
    async with tenant_transaction(scene.sessions, scene.tenant.id) as session:
        now, row = await tenants.now(session), WakeUpRow
        late = select(row).where(row.tenant_id == scene.tenant.id, (row.fire_at <= now) | (row.attempts > 0))
        assert list(await session.db.scalars(late)) == []


TOO_LATE = {
    *("approval-decided", "approval-expired", "approval-withdrawn", "approval-answered"),
    *("gate-closed", "special-method-not-in-force", "special-method-over", "arrangement-not-open"),
    "special-method-not-approved",
    "clock-moves-forward",
}
"""What is said to those who come too late."""


async def _race(scene: Scene, seed: int) -> None:
    deeds = Deeds(scene, Random(seed))  # noqa: S311 - an order to try, not a secret

    for _ in range(2):
        said = Counter(await asyncio.gather(*(scene.doing(do) for do in deeds.some(TRIES))))

        assert said.keys() <= {"done", *TOO_LATE}
        assert said["done"] > 0
        await _check(scene)
    await scene.pass_time(30 * DAY)
    await _check(scene)
    await _check_at_rest(scene)


@pytest.mark.parametrize("seed", range(3))
async def test_of_fifty_at_once_there_is_one_consistent_end(scene: Scene, seed: int) -> None:
    await _race(scene, seed)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(3, 20))
async def test_of_fifty_at_once_there_is_one_consistent_end_whatever_their_order(
    scene: Scene, seed: int
) -> None:
    await _race(scene, seed)
