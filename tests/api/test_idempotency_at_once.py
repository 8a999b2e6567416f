"""One intention acts once, however often and at once it is sent: for every operation that takes a key.

The operations are those of the API document that have an `Idempotency-Key`; each row of the tenant counts.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, cast

import httpx2
import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar

from service import ids
from service.app import create_app
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.people.domain import Role
from service.settings import Settings
from tests import factories
from tests.conftest import ISSUER
from tests.factories import NOON, VAULT
from tests.probes import document, parties, world
from tests.probes.document import Operation
from tests.probes.parties import ARRANGED, MAKES, Party
from tests.probes.world import ROWS, UNMETERED

pytestmark = pytest.mark.concurrent

AT_ONCE = 50
IN_FLIGHT = "/problems/idempotency-key-in-flight"
SETTLING = frozenset(
    {
        "acknowledgeEscalation",
        "cancelBacktest",
        "handOverEscalation",
        "raiseEscalation",
        "snoozeEscalation",
    }
)
"""What changes more of an object the first time, so that one call does not tell what the next one adds."""

QUEUED = frozenset({"repinCalendar", "repinPolicy"})
"""What is made here and worked on later, which 202 says."""

ENDING = frozenset(
    {
        "answerRenegotiation",
        "callOffMaintenance",
        "cancelCommitment",
        "cancelRepinning",
        "correctCommitment",
        "declareMajorIncident",
        "endMajorIncident",
        "fulfilCommitment",
        "resolveEscalation",
        "resumeRepinning",
        "retireLadder",
        "settleRenegotiation",
        "startEscalation",
        "swapRotaShifts",
        "withdrawRenegotiation",
    }
)
"""What may end an object, or can be done to it once: the effect of a second call cannot be compared."""

AFRESH = {
    "answerArrangement": ("arrangement",),
    "concludeReview": ("finished request", "review"),
    "checkSpecialMethod": ("special method",),
    "endSpecialMethod": ("special method",),
    "raiseObjection": ("request", "commitment"),
    "recordForGate": ("approval", "gate"),
    "retireMessageTemplate": ("message template",),
    "retireRequestType": ("request type",),
    "startReview": ("finished request", "review"),
    "useSpecialMethod": ("special method",),
    "withdrawObjection": ("request", "commitment", "objection"),
}
"""What can be done to an object once, or differs the second time, and the kinds that it gets a new one of."""

STEPS = {
    "raiseObjection": ("submitRequest",),
    "retireMessageTemplate": ("createMessageTemplate",),
    "retireRequestType": ("createRequestType", "publishRequestType"),
    "withdrawObjection": ("submitRequest", "raiseObjection"),
}
"""How a new one is made, where there are operations for it."""

MOVES_THE_CLOCK = "askApprovalAnew"
"""What needs time to have passed, and so comes last: of every approval that nobody answered before."""

Counts = Counter[str]
"""How many rows a tenant has in each table."""

PLENTY = UNMETERED | dict.fromkeys(
    (
        "applications",
        "calendars",
        "clients",
        "groups",
        "members",
        "policies",
        "services",
        "webhook_endpoints",
    ),
    100_000,
)


class Losing(httpx2.AsyncBaseTransport):
    """Hands requests on, and loses some of the answers after the API has given them."""

    def __init__(self, app: Litestar, chance: random.Random) -> None:
        self._inner = ASGITransport(cast("Any", app))
        self._chance = chance
        self.share = 0.0
        self.lost = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if self._chance.random() < self.share:
            self.lost += 1
            raise httpx2.ReadError("the answer was lost on its way")
        return answer


class Office:
    """One tenant with something of each kind, on a database of its own."""

    def __init__(self, sessions: Sessions, party: Party, transport: Losing) -> None:
        self.sessions, self.party, self.transport = sessions, party, transport
        self.operations: Mapping[str, Operation] = {}

    @property
    def keyed(self) -> list[Operation]:
        """The operations that take a key."""
        return [
            operation
            for operation in self.operations.values()
            if any(place.name == "Idempotency-Key" for place in operation.at("header"))
            and operation.id not in parties.MEMBERS_ONLY | ENDING
        ]

    @property
    def makers(self) -> list[Operation]:
        """Those that make something, but for what a tenant has few of: endpoints, backtests under way."""
        makers = MAKES.keys() - {"createBacktest", "createWebhookEndpoint"}
        return [operation for operation in self.keyed if operation.id in makers]

    @property
    def in_turn(self) -> list[Operation]:
        """Those that take a key; a repinning is of the version in effect, and so before what replaces it."""
        return sorted(
            self.keyed, key=lambda each: (each.id == MOVES_THE_CLOCK, "/repinnings" not in each.path)
        )

    async def prepare(self, operation: Operation) -> Party:
        """Do what must be done before an operation can be. Returns who has what it is done to."""
        party = await self._with_new(operation)
        for before in parties.first(party, self.operations, operation):
            answer = await party.send(before)
            assert answer.is_success, (operation.id, answer.text)
        return party

    async def _with_new(self, operation: Operation) -> Party:
        if operation.id == MOVES_THE_CLOCK:
            approvals = self.party.held["approval"]
            approvals.append(approvals.pop(0))
        kinds = AFRESH.get(operation.id)
        if kinds is None:
            return self.party
        held = {kind: list(values) for kind, values in self.party.held.items() if kind not in kinds}
        party = replace(self.party, held=held)
        for name in STEPS.get(operation.id, ()):
            await parties.take(party, self.operations[name])
        if "finished request" in kinds:
            await parties.finish(party, self.operations)
        for said, listed in ARRANGED.items():
            if listed.keys() & set(kinds):
                await parties.ask(party, self.operations, said)
        if "special method" in kinds:
            await world.allow(self.sessions, party)
        return party

    async def counts(self) -> Counts:
        async with tenant_transaction(self.sessions, self.party.tenant.id) as session:
            found = await session.db.execute(ROWS, {"tenant_id": self.party.tenant.id})
            return Counter(row.name for row in found)


@pytest.fixture
async def office(own_database: EmbeddedDatabase) -> AsyncGenerator[Office]:
    engine = create_engine(own_database.app_url, pool_size=16)
    sessions = create_sessions(engine)
    settings = Settings.model_validate({"issuer": ISSUER})
    app = create_app(settings, sessions, vault=VAULT, limits=PLENTY)
    tenant = await factories.tenant(sessions, sandbox_at=NOON)
    credentials = await factories.application(sessions, tenant)
    transport = Losing(app, random.Random(5))  # noqa: S311 - chance that can be repeated
    async with AsyncClient(transport=transport, base_url=ISSUER) as caller:
        form = {"grant_type": "client_credentials"}
        answer = await caller.post("/oauth/token", data=form, auth=credentials)
        caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        made = Office(sessions, Party("staff", tenant, None, caller), transport)
        described = (await caller.get("/openapi.json")).json()
        made.operations = {each.id: each for each in document.operations(described) if each.scope}
        made.party.keep("responder", str(await factories.member(sessions, tenant, Role.AGENT)))
        await world.plant(sessions, made.party)
        await parties.furnish(made.party, made.operations)
        await parties.finish(made.party, made.operations)
        await parties.change(made.party, made.operations)
        await parties.arrange(made.party, made.operations)
        await world.allow(sessions, made.party)
        yield made
    await engine.dispose()


async def test_fifty_at_once_of_every_operation_that_takes_a_key_act_once(office: Office) -> None:
    assert len(office.keyed) >= 14

    for operation in office.in_turn:
        once = await _effect_of_one(office, operation)
        party = await office.prepare(operation)
        before = await office.counts()
        call = party.call(operation)

        answers = await asyncio.gather(*[office.party.send(call) for _ in range(AT_ONCE)])

        succeeded = [answer for answer in answers if answer.is_success]
        refused = {(answer.status_code, answer.json()["type"]) for answer in answers if answer.is_error}
        assert refused <= {(409, IN_FLIGHT)}, operation.id
        assert len({answer.content for answer in succeeded}) == 1, operation.id
        first = [answer for answer in succeeded if "idempotency-replayed" not in answer.headers]
        assert len(first) == 1, operation.id
        effect = await office.counts() - before
        assert effect["idempotency_key"] == 1, operation.id
        assert operation.id in SETTLING or effect == once, operation.id
        again = await office.party.send(call)
        assert (again.content, again.headers["idempotency-replayed"]) == (first[0].content, "true")
        assert again.status_code == first[0].status_code


async def _effect_of_one(office: Office, operation: Operation) -> Counts:
    """How many rows one call adds to each table."""
    party = await office.prepare(operation)
    before = await office.counts()
    answer = await party.send(party.call(operation))
    assert answer.is_success, (operation.id, answer.text)
    return await office.counts() - before


async def _retried(office: Office, rounds: int, prepared: Counts) -> Counts:
    """Create so many things, each sent again until it is answered. Returns how many of each operation.

    What had to be there before it is counted in `prepared`.
    """
    makers = office.makers
    made, answered = Counts(), set[str]()
    for number in range(rounds):
        operation = makers[number % len(makers)]
        party = office.party
        if operation.id in AFRESH:
            party = await _prepared_without_loss(office, operation, prepared)
        call = party.call(operation, fresh=f"lost-{number}-{ids.new_id().hex[-8:]}")
        while True:
            try:
                answer = await party.send(call)
            except httpx2.ReadError:
                continue
            break
        assert answer.status_code == (202 if operation.id in QUEUED else 201), (operation.id, answer.text)
        made[operation.id] += 1
        answered.add(answer.json()["id"])
    assert len(answered) == rounds
    return made


async def _prepared_without_loss(office: Office, operation: Operation, prepared: Counts) -> Party:
    before, share = await office.counts(), office.transport.share
    office.transport.share = 0.0
    party = await office.prepare(operation)
    office.transport.share = share
    prepared += await office.counts() - before
    return party


async def _no_duplicate_of(office: Office, lost: int) -> None:
    """Lose at least so many answers, and find everything once."""
    makers = {operation.id for operation in office.makers}
    once = {name: await _effect_of_one(office, office.operations[name]) for name in makers}
    before, made, expected = await office.counts(), Counts(), Counts()
    office.transport.share = 0.7

    while office.transport.lost < lost:
        made += await _retried(office, len(makers) * 2, expected)

    office.transport.share = 0.0
    for name, times in made.items():
        for table, rows in once[name].items():
            expected[table] += rows * times
    assert await office.counts() - before == expected


async def test_a_hundred_lost_answers_are_asked_for_again_without_a_duplicate(office: Office) -> None:
    await _no_duplicate_of(office, 100)


@pytest.mark.prove
async def test_a_thousand_lost_answers_are_asked_for_again_without_a_duplicate(office: Office) -> None:
    await _no_duplicate_of(office, 1_000)
