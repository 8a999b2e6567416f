"""Fixtures shared by all tests that touch PostgreSQL or HTTP.

`sessions` are undone after each test and share one connection: such a test does one thing at a time.
`own_database` has real commits and connections of its own: for tests marked `concurrent`.
"""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
from argon2 import PasswordHasher
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, SessionTransaction

from service import embedded, ids, schema
from service.api.oauth import store as oauth_store
from service.app import create_app
from service.clock import SystemClock
from service.db import Sessions, TenantSession, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import ClientId, MemberId, TenantId
from service.people.domain import Role
from service.platform import platform_transaction
from service.settings import Settings
from service.tenants.domain import Tenant
from service.vault import Vault
from tests import factories
from tests.factories import MovableClock

SignIn = Callable[..., Awaitable[AsyncClient]]

AT_ONCE_MAX = 50
ISSUER = "http://rooted.test"

hypothesis.settings.register_profile("rooted", deadline=None)  # machines are noisy
hypothesis.settings.load_profile("rooted")
READ_WALLS = text(
    "select current_setting('rooted.tenant_id', true) as tenant,"
    " current_setting('rooted.client_id', true) as client"
)
SET_WALLS_FREELY = text(
    "select set_config('rooted.tenant_id', :tenant, true), set_config('rooted.client_id', :client, true)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-generated", action="store_true", help="write the generated files anew")


@pytest.fixture(scope="session")
def place(worker_id: str) -> Generator[Path]:
    """A folder that any account can enter, which pytest's own cannot be."""
    path = Path(tempfile.mkdtemp(prefix=f"rooted-tests-{worker_id}-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
async def template(place: Path) -> AsyncGenerator[EmbeddedDatabase]:
    """This worker's server, with a database that has every migration, and nobody connected to it.

    A server each: one worker's open transactions would hold back what the other's event feed may show.
    """
    async with embedded.running(place / "data", fast=True) as database:
        await schema.upgrade(database.owner_url)
        yield database


@pytest.fixture(scope="session")
async def database(template: EmbeddedDatabase) -> EmbeddedDatabase:
    """A copy that has a signing key, which lives as long as the app that remembers it."""
    cloned = await embedded.clone(template, name="tests")
    engine = create_engine(cloned.app_url, pool_size=1)
    async with platform_transaction(create_sessions(engine)) as session:
        await oauth_store.ensure_key(session, factories.VAULT, now=SystemClock().now())
    await engine.dispose()
    return cloned


@pytest.fixture(scope="session")
async def engine(database: EmbeddedDatabase) -> AsyncGenerator[AsyncEngine]:
    """Connects as the login role, which owns nothing: what tests see is what the service sees."""
    engine = create_engine(database.app_url, pool_size=4)
    yield engine
    await engine.dispose()


class _Undone(Session):
    """A session of a test. All share one connection; each has its own tenant there as long as it lasts."""


@event.listens_for(_Undone, "after_begin")
def _put_tenant_aside(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if not transaction.nested:
        before = connection.execute(READ_WALLS).one()
        session.info["before"] = connection, {"tenant": before.tenant or "", "client": before.client or ""}
        connection.execute(SET_WALLS_FREELY, {"tenant": "", "client": ""})


@event.listens_for(_Undone, "after_commit")
def _put_tenant_back(session: Session) -> None:
    if "before" in session.info:
        connection, before = session.info.pop("before")
        connection.execute(SET_WALLS_FREELY, before)


@pytest.fixture(scope="session")
def undone() -> Sessions:
    """Sessions on whatever connection the running test has."""
    return async_sessionmaker(
        class_=AsyncSession,
        sync_session_class=_Undone,
        expire_on_commit=False,
        join_transaction_mode="create_savepoint",
    )


@pytest.fixture
async def sessions(engine: AsyncEngine, undone: Sessions) -> AsyncGenerator[Sessions]:
    """Sessions whose commits are real to the code under test, and undone after the test."""
    async with engine.connect() as connection:
        outer = await connection.begin()
        undone.configure(bind=connection)
        yield undone
        await outer.rollback()


@pytest.fixture
async def own_database(template: EmbeddedDatabase) -> AsyncGenerator[EmbeddedDatabase]:
    """A database of the test's own, with real commits. Dropped afterwards; close what connects to it."""
    name = f"own_{ids.new_id().hex}"
    yield await embedded.clone(template, name=name)
    engine = create_engine(template.superuser_url, pool_size=1)
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text(f'drop database "{name}" with (force)'))
    await engine.dispose()


@pytest.fixture
async def own_sessions(own_database: EmbeddedDatabase) -> AsyncGenerator[Sessions]:
    """Sessions on `own_database`, each with a connection of its own, so that fifty at once meet at a row."""
    engine = create_engine(own_database.app_url, pool_size=AT_ONCE_MAX)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.model_validate({"issuer": ISSUER})


@pytest.fixture(scope="session")
def vault() -> Vault:
    """What the app, and everything else that a test uses, seals with."""
    return factories.VAULT


@pytest.fixture(scope="session")
def wall_clock() -> MovableClock:
    return MovableClock(SystemClock().now())


@pytest.fixture
def clock(wall_clock: MovableClock) -> MovableClock:
    """The wall clock that the app sees: it stands at the real now until the test moves it."""
    wall_clock.at = SystemClock().now()
    return wall_clock


@pytest.fixture
async def tenant(sessions: Sessions) -> Tenant:
    """A live tenant."""
    return await factories.tenant(sessions)


@pytest.fixture
def tenant_id(tenant: Tenant) -> TenantId:
    return tenant.id


@pytest.fixture
async def session(sessions: Sessions, tenant: Tenant) -> AsyncGenerator[TenantSession]:
    """A transaction of `tenant`, open during the test."""
    async with tenant_transaction(sessions, tenant.id) as opened:
        yield opened


@pytest.fixture(scope="session")
def served(settings: Settings, undone: Sessions, wall_clock: MovableClock) -> Litestar:
    """The API, made once: making it takes as long as a hundred requests."""
    return create_app(settings, undone, vault=factories.VAULT, clock=wall_clock)


@pytest.fixture
def app(
    served: Litestar, undone: Sessions, settings: Settings, sessions: Sessions, clock: MovableClock
) -> Litestar:
    """The API on this test's sessions, at the real now."""
    return (
        served if sessions is undone else create_app(settings, sessions, vault=factories.VAULT, clock=clock)
    )


@pytest.fixture
async def client(app: Litestar) -> AsyncGenerator[AsyncClient]:
    """A caller without a token, in this event loop: Litestar's AsyncTestClient runs the app in another."""
    async with _calling(app) as opened:
        yield opened


@pytest.fixture
async def sign_in(app: Litestar, sessions: Sessions, tenant: Tenant) -> AsyncGenerator[SignIn]:
    """Makes callers with a token of these scopes, such as "calendars:read"; of all when none is named."""
    opened: list[AsyncClient] = []

    async def sign_in(*scopes: str, of: Tenant = tenant, client_id: ClientId | None = None) -> AsyncClient:
        credentials = await factories.application(sessions, of, scopes=scopes, client_id=client_id)
        caller = _calling(app)
        opened.append(caller)
        form = {"grant_type": "client_credentials"}
        answer = await caller.post("/oauth/token", data=form, auth=credentials)
        assert answer.status_code == 200, answer.text
        caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return caller

    yield sign_in
    for caller in opened:
        await caller.aclose()


@pytest.fixture
async def sign_in_as(
    app: Litestar, sessions: Sessions, tenant: Tenant, clock: MovableClock
) -> AsyncGenerator[SignIn]:
    """Makes callers that act for a member in these roles, through the console.

    The scopes are those of the roles; fewer when `scopes` names some. With `member_id` it is that member.
    """
    opened: list[AsyncClient] = []

    async def sign_in_as(
        *roles: Role, scopes: Sequence[str] = (), of: Tenant = tenant, member_id: MemberId | None = None
    ) -> AsyncClient:
        acting = member_id or await factories.member(sessions, of, *roles)
        code, proof = await factories.code(sessions, of, acting, scopes=scopes, now=clock.now())
        caller = _calling(app)
        opened.append(caller)
        answer = await caller.post("/oauth/token", data={**proof, "code": code})
        assert answer.status_code == 200, answer.text
        caller.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return caller

    yield sign_in_as
    for caller in opened:
        await caller.aclose()


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computes passwords a hundred times faster, for tests of all but how they are computed."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("service.people.hashing._hasher", cheap)
    monkeypatch.setattr("service.people.hashing.NOBODYS", cheap.hash("nobody's"))


@pytest.fixture
async def caller(sign_in: SignIn) -> AsyncClient:
    """An application of `tenant` with all scopes."""
    return await sign_in()


def _calling(app: Litestar) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER)
