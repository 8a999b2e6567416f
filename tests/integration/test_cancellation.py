"""Callers go away at any moment. Nothing of theirs stays behind, and nobody gets what is another's.

Requests of several tenants and client organizations go through the API on a pool of two connections. Three in
ten are cancelled: half of these at one of their own awaits, half after some turns of the event loop.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from service.app import create_app
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import ClientId
from service.limits.domain.table import DEFAULTS
from service.settings import Settings
from service.tenants.domain import Tenant
from tests import factories
from tests.conftest import ISSUER
from tests.factories import VAULT

pytestmark = pytest.mark.concurrent

POOL_SIZE = 2
AT_ONCE = 12
TENANTS = 3
CANCELLED = 0.4
"""So many are to be cancelled; a quarter of these has ended by then."""
OWN_AWAITS_MAX = 18
TURNS_MAX = 250
"""Beyond what most requests take of either, so that every moment of them can be hit."""

UNLIMITED = dict.fromkeys(DEFAULTS, 100_000)

LEFT_OPEN = text("""
select pid, state, left(query, 60) as query from pg_stat_activity
where datname = current_database() and application_name = 'rooted' and state <> 'idle'
""")
STORED = text("select id, external_id from request where tenant_id = :t")
CONNECTIONS = text(
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'rooted'"
)
SETTINGS_LEFT = text("""
select coalesce(current_setting('rooted.tenant_id', true), '')
  || coalesce(current_setting('rooted.client_id', true), '')
""")
HALVES = text("""
select (select count(*) from request where tenant_id = :t) as requests,
  (select count(*) from idempotency_key where tenant_id = :t) as answers,
  (select count(*) from decision where tenant_id = :t) as decisions,
  (select count(distinct subject_id) from event where tenant_id = :t and type = 'request.accepted') as told
""")


@dataclass
class Party:
    """An application. Everything that it names begins with its mark.

    Attributes:
        hidden: what is never shown to it: the marks and ids of others.
        sent: by the Idempotency-Key of what it sent, the body.
        acknowledged: by the same key, the id that was answered.
    """

    mark: str
    tenant: Tenant
    client_id: ClientId | None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hidden: list[str] = field(default_factory=list[str])
    sent: dict[str, bytes] = field(default_factory=dict[str, bytes])
    acknowledged: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Seen:
    """What became of all requests."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    cancelled: int = 0
    answered_and_cancelled: int = 0
    foreign: list[str] = field(default_factory=list[str])


@dataclass
class Reply:
    """An answer as it goes out: what was sent counts, whatever happens to the caller afterwards."""

    status: int = 0
    body: bytes = b""
    complete: bool = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)


class Interrupted:
    """Awaits some work, and has the task cancelled at the work's n-th suspension, like any cancellation."""

    def __init__(self, work: Awaitable[None], at: int) -> None:
        self._work, self._at = work, at

    def __await__(self) -> Generator[Any, Any, None]:
        work = self._work.__await__()
        suspended, resume = 0, lambda: next(work)
        while True:
            try:
                waited_for = resume()
            except StopIteration:
                return
            suspended += 1
            if suspended == self._at:
                cast("asyncio.Task[None]", asyncio.current_task()).cancel()
            resume = yield from _awaited(work, waited_for)


def _awaited(work: Any, waited_for: Any) -> Generator[Any, Any, Callable[[], Any]]:
    """Pass on what is waited for. Returns how the work goes on: with a value, or with an error."""
    try:
        value = yield waited_for
    except BaseException as error:  # noqa: BLE001 - thrown into the work, which decides
        thrown = error
        return lambda: work.throw(thrown)
    return lambda: work.send(value)


async def call(app: Litestar, reply: Reply, method: str, path: str, party: Party, *, key: str = "") -> None:
    """Send one request to the API, without a client in between."""
    body = party.sent.get(key, b"")
    headers = {**party.headers, "content-type": "application/json", "content-length": str(len(body))}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"limit=200" if method == "GET" else b"",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in ({**headers, "idempotency-key": key} if key else headers).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("rooted.test", 80),
    }
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    await app(cast("Any", scope), cast("Any", receive), cast("Any", reply.send))


class Rush:
    """Sends requests of all parties, and cancels some of them."""

    def __init__(self, app: Litestar, parties: Sequence[Party], chance: random.Random) -> None:
        self.app, self.parties, self.chance = app, parties, chance
        self.seen = Seen()

    async def run(self, requests: int) -> None:
        left = iter(range(requests))

        async def work() -> None:
            for _ in left:
                await self._one(self.chance.choice(self.parties))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(work())

    async def _one(self, party: Party) -> None:
        method, path, key = self._request(party)
        reply = Reply()
        work = call(self.app, reply, method, path, party, key=key)
        if self.chance.random() >= CANCELLED:
            await work
        elif self.chance.random() < 1 / 2:
            await self._ended(asyncio.create_task(_run(Interrupted(work, self._few(OWN_AWAITS_MAX)))), reply)
        else:
            task = asyncio.create_task(work)
            for _ in range(self._few(TURNS_MAX)):
                await asyncio.sleep(0)
            task.cancel()
            await self._ended(task, reply)
        self._note(party, method, path, key, reply)

    def _request(self, party: Party) -> tuple[str, str, str]:
        """Method, path and Idempotency-Key of the next request; bodies are kept under their keys."""
        kind = self.chance.random()
        if kind < 0.4:
            return "POST", "/v1/requests", self._written(party)
        if kind < 0.5 and party.sent:
            return "POST", "/v1/requests", self.chance.choice(list(party.sent))
        if kind < 0.7:
            return "GET", "/v1/requests", ""
        if kind < 0.8:
            return "GET", "/v1/events", ""
        theirs = self.chance.choice(self.parties).acknowledged
        return "GET", f"/v1/requests/{self.chance.choice([*theirs.values(), str(uuid4())])}", ""

    def _written(self, party: Party) -> str:
        key = str(uuid4())
        body = {
            "source": "desk",
            "external_id": f"{party.mark}{key}",
            "type": "incident",
            "title": party.mark,
        }
        party.sent[key] = json.dumps(body).encode()
        return key

    def _few(self, most: int) -> int:
        return self.chance.randint(1, most)

    async def _ended(self, task: asyncio.Task[None], reply: Reply) -> None:
        await asyncio.wait({task})
        if task.cancelled():
            self.seen.cancelled += 1
            self.seen.answered_and_cancelled += reply.complete
        else:
            task.result()

    def _note(self, party: Party, method: str, path: str, key: str, reply: Reply) -> None:
        if not reply.complete:
            return
        self.seen.answers[method, reply.status] += 1
        shown = reply.body.decode()
        self.seen.foreign += [f"{party.mark} {path}: {each}" for each in party.hidden if each in shown]
        if key and reply.status == 201:
            answered = json.loads(shown)["id"]
            assert party.acknowledged.setdefault(key, answered) == answered


async def _run(work: Interrupted) -> None:
    await work


@asynccontextmanager
async def served(database: EmbeddedDatabase) -> AsyncGenerator[tuple[Litestar, AsyncEngine]]:
    engine = create_engine(database.app_url, pool_size=POOL_SIZE)
    settings = Settings.model_validate({"issuer": ISSUER, "database_pool_size": POOL_SIZE})
    yield create_app(settings, create_sessions(engine), vault=VAULT, limits=UNLIMITED), engine
    await engine.dispose()


async def enrolled(app: Litestar, sessions: Sessions) -> list[Party]:
    """Tenants, each with an application of its own and one of each of two client organizations."""
    parties: list[Party] = []
    for number in range(TENANTS):
        tenant = await factories.tenant(sessions)
        clients = [await factories.client_of(sessions, tenant, name=name) for name in ("Harbour", "Quay")]
        for client_id in (None, *clients):
            mark = f"t{number}-{'own' if client_id is None else client_id}-"
            party = Party(mark, tenant, client_id)
            party.headers["authorization"] = f"Bearer {await token(app, sessions, party)}"
            parties.append(party)
    for party in parties:
        others = [other for other in parties if other.tenant != party.tenant]
        inside = [other for other in parties if other.tenant == party.tenant and other is not party]
        party.hidden += [other.mark for other in others]
        party.hidden += [other.mark for other in inside if party.client_id is not None]
        party.hidden += [str(other.client_id) for other in others if other.client_id is not None]
    return parties


async def token(app: Litestar, sessions: Sessions, party: Party) -> str:
    client, secret = await factories.application(sessions, party.tenant, client_id=party.client_id)
    transport = ASGITransport(cast("Any", app))
    async with AsyncClient(transport=transport, base_url=ISSUER) as caller:
        form = {"grant_type": "client_credentials"}
        answer = await caller.post("/oauth/token", data=form, auth=(client, secret))
    return answer.json()["access_token"]


async def left_behind(database: EmbeddedDatabase, engine: AsyncEngine) -> list[str]:
    """Whatever the requests left open or set on connections, told in words."""
    pool = cast("QueuePool", engine.pool)
    found = [f"{pool.checkedout()} connections not given back"] if pool.checkedout() else []
    watching = create_async_engine(
        make_url(database.superuser_url).set(database=make_url(database.app_url).database)
    )
    async with watching.connect() as connection:
        found += [str(row) for row in await connection.execute(LEFT_OPEN)]
        connections = (await connection.execute(CONNECTIONS)).scalar_one()
    await watching.dispose()
    if connections > POOL_SIZE:
        found.append(f"{connections} connections for a pool of {POOL_SIZE}")
    async with engine.connect() as first, engine.connect() as second:
        settings = [(await each.execute(SETTINGS_LEFT)).scalar_one() for each in (first, second)]
    return [*found, *(f"set on a connection: {each}" for each in settings if each)]


async def unsound(sessions: Sessions, parties: Sequence[Party]) -> list[str]:
    """What is not as it was answered, told in words: lost, half done or done twice."""
    found: list[str] = []
    for tenant_id in {party.tenant.id for party in parties}:
        async with tenant_transaction(sessions, tenant_id) as session:
            halves = (await session.db.execute(HALVES, {"t": tenant_id})).one()
            rows = (await session.db.execute(STORED, {"t": tenant_id})).all()
        stored = {row.external_id: str(row.id) for row in rows}
        found += [f"halves: {halves}"] if len(set(halves)) > 1 else []
        found += ["twice"] if len(stored) < len(rows) else []
        for party in parties:
            if party.tenant.id == tenant_id:
                found += [
                    f"acknowledged and not there: {answered}"
                    for key, answered in party.acknowledged.items()
                    if stored.get(f"{party.mark}{key}") != answered
                ]
    return found


async def repeated(app: Litestar, parties: Sequence[Party]) -> None:
    """Send everything again under its key: now it is there, and once."""
    for party in parties:
        for key in party.sent:
            reply = Reply()
            await call(app, reply, "POST", "/v1/requests", party, key=key)
            assert reply.status == 201, reply.body
            answered = json.loads(reply.body)["id"]
            assert party.acknowledged.setdefault(key, answered) == answered


async def proven(database: EmbeddedDatabase, *, requests: int, seed: int) -> Seen:
    """Send so many requests, and check all that must hold afterwards."""
    async with served(database) as (app, engine):
        sessions = create_sessions(engine)
        parties = await enrolled(app, sessions)
        rush = Rush(app, parties, random.Random(seed))  # noqa: S311 - chance that can be repeated
        async with asyncio.timeout(60 + requests / 20):
            await rush.run(requests)
        assert await left_behind(database, engine) == []
        assert await unsound(sessions, parties) == []
        await repeated(app, parties)
        assert await unsound(sessions, parties) == []
    assert rush.seen.foreign == []
    assert {status for _, status in rush.seen.answers} <= {200, 201, 404, 409}
    return rush.seen


@pytest.mark.parametrize("seed", [1, 2])
async def test_who_goes_away_leaves_nothing_open_and_nothing_half_done(
    own_database: EmbeddedDatabase, seed: int
) -> None:
    seen = await proven(own_database, requests=300, seed=seed)

    assert seen.cancelled > 50
    assert seen.answers["POST", 201] > 50


@pytest.mark.prove
async def test_of_ten_thousand_who_come_three_thousand_go_away(own_database: EmbeddedDatabase) -> None:
    seen = await proven(own_database, requests=10_000, seed=10_000)

    assert seen.cancelled > 2_500
    print(seen)  # noqa: T201 - `make prove` shows what was proven
