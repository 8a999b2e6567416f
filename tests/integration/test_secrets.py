"""Secrets in the database: what an older version left is sealed, and the master key is changed under load."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from alembic import command
from httpx2 import ASGITransport, AsyncClient
from joserfc import jwk
from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from service import ids, schema, worker
from service.api.oauth import store as signing_keys
from service.api.oauth import tokens
from service.app import create_app
from service.clock import SystemClock
from service.db import (
    API_TIMEOUTS,
    Sessions,
    TenantSession,
    create_engine,
    create_sessions,
    run,
    tenant_transaction,
)
from service.embedded import EmbeddedDatabase
from service.ids import EndpointId, PersonId, TenantId
from service.outbox import service as outbox
from service.outbox import store as outbox_store
from service.outbox.domain import deliveries
from service.outbox.models import EndpointDraft
from service.people.showing import place_of_seed
from service.platform import platform_transaction
from service.sealing import service, store
from service.sealing.domain import CLEAR, SEALED, WEBHOOK_SECRET, ClearColumn
from service.sealing.service import Progress
from service.sealing.store import AnySession, Held
from service.settings import Settings
from service.vault import GivenKeys, KeyFile, MasterKeyUnknown, Place, SealBroken, Vault, new_key_line
from tests import factories
from tests.conftest import ISSUER
from tests.factories import NOON, VAULT, MovableClock
from tests.integration.test_webhook_delivery import Receiver, draft, receiving, signed
from tests.unit.test_vault import NEW, OLD, key_file

pytestmark = pytest.mark.concurrent

BEFORE = "20261122_1300"
SEALED_COLUMNS = text("""
select c.relname as table, a.attname as column, t.typname as type,
  exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'tenant_id') as of_tenant
from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = 'public' and a.attname like 'sealed%' and not a.attisdropped
""")


def quiet(_progress: Progress) -> None:
    """Takes a report, and keeps it to itself."""


@asynccontextmanager
async def as_superuser(database: EmbeddedDatabase) -> AsyncGenerator[AsyncConnection]:
    name = make_url(database.app_url).database
    engine = create_async_engine(make_url(database.superuser_url).set(database=name))
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


async def content(connection: AsyncConnection, table: str) -> str:
    """All rows of a table as text."""
    rows = await connection.scalars(text(f"select t::text from {table} t"))  # noqa: S608 - a name of ours
    return "\n".join(rows)


async def migrated(database: EmbeddedDatabase, direction: Callable[..., None], revision: str) -> None:
    engine = create_async_engine(database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: direction(schema.configuration(sync), revision))
        await connection.commit()
    await engine.dispose()


async def test_every_sealed_column_of_the_database_is_known_to_the_rotation(
    own_database: EmbeddedDatabase,
) -> None:
    async with as_superuser(own_database) as connection:
        found = {
            (row.table, row.column, row.type, row.of_tenant)
            for row in await connection.execute(SEALED_COLUMNS)
        }

    assert found == {(column.table, column.column, "bytea", column.of_tenant) for column in SEALED}


NO_SECRETS = {
    "body": "answers that show no secret; a test of dumps searches them",
    "bucket": "who is counted, hashed",
    "digest": "SHA-256",
    "fingerprint": "SHA-256",
    "jti_sha256": "SHA-256",
    "link_sha256": "SHA-256",
    "previous_secret_sha256": "SHA-256",
    "secret_sha256": "SHA-256",
    "sha256": "SHA-256",
    "zone_rules": "public",
}
"""Columns of bytes that are not sealed, and why they need not be."""

BYTES = text("""
select distinct column_name from information_schema.columns
where table_schema = 'public' and data_type = 'bytea' and column_name not like 'sealed%'
  and table_name not like 'pgqueuer%'
""")


async def test_a_column_of_bytes_is_sealed_or_it_is_said_why_not(own_database: EmbeddedDatabase) -> None:
    async with as_superuser(own_database) as connection:
        found = set(await connection.scalars(BYTES))

    assert found == NO_SECRETS.keys()


async def registered(
    session: TenantSession, url: str, vault: Vault = VAULT, *types: str
) -> tuple[EndpointId, str]:
    endpoint, secret = await outbox.register(
        session,
        EndpointDraft(url, types, None),
        vault,
        key=uuid4().bytes * 2,
        now=NOON,
        loopback_allowed=True,
    )
    return endpoint.id, secret


async def sealed_secret(session: TenantSession, endpoint_id: EndpointId) -> bytes:
    query = text("select sealed_secret from webhook_endpoint where tenant_id = :tenant and id = :id")
    found = await session.db.execute(query, {"tenant": session.tenant_id, "id": endpoint_id})
    return found.scalar_one()


async def test_a_secret_that_is_copied_to_another_row_or_tenant_does_not_open(own_sessions: Sessions) -> None:
    mine, other = await factories.tenant(own_sessions), await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, mine.id) as session:
        first, secret = await registered(session, "http://127.0.0.1/a")
        second, _ = await registered(session, "http://127.0.0.1/b")
        content = await sealed_secret(session, first)
        await store.replace(session, WEBHOOK_SECRET, [store.Held(str(second), content)])
    async with tenant_transaction(own_sessions, other.id) as session:
        foreign, _ = await registered(session, "http://127.0.0.1/c")
        await store.replace(session, WEBHOOK_SECRET, [store.Held(str(foreign), content)])

    assert VAULT.open(content, Place(mine.id, "webhook_endpoint", "sealed_secret", first)).decode() == secret
    for tenant, endpoint_id in ((mine, second), (other, foreign)):
        async with tenant_transaction(own_sessions, tenant.id) as session:
            row = await outbox_store.endpoint(session, endpoint_id, client_id=None)
            with pytest.raises(SealBroken):
                row.opened_secret(VAULT)


OLD_KEY = "insert into signing_key values (:kid, :jwk, now() - interval '1 day', null)"
OLD_TENANT = "insert into tenant values (:t, :slug, 'Old', 'live', now())"
OLD_ENDPOINT = """
insert into webhook_endpoint (tenant_id, id, url, types, secret, enabled, version, created_at)
values (:t, :id, 'https://example.com', '[]', :secret, true, 1, now())
"""
OLD_ANSWER = "insert into idempotency_key values (:t, :id, :id, 'k', '', 201, '{}', :body, now())"


async def left_in_clear(connection: AsyncConnection, tenant_id: UUID) -> dict[str, Any]:
    """What a version before sealing wrote: a signing key, an endpoint, the answer that showed its secret."""
    key = jwk.ECKey.generate_key("P-256").as_dict(private=True)
    secret, endpoint_id = deliveries.secret_of(uuid4().bytes * 2), ids.new_id()
    answer = json.dumps({"id": str(endpoint_id), "secret": secret}, separators=(",", ":")).encode()
    of_row = {"t": tenant_id, "id": endpoint_id}
    for statement, values in (
        (OLD_KEY, {"kid": f"kid-{tenant_id}", "jwk": json.dumps(key)}),
        (OLD_TENANT, {"t": tenant_id, "slug": f"old-{tenant_id.hex[-12:]}"}),
        (OLD_ENDPOINT, {**of_row, "secret": secret}),
        (OLD_ANSWER, {**of_row, "body": answer}),
    ):
        await connection.execute(text(statement), values)
    return {"key": key, "secret": secret, "endpoint_id": endpoint_id, "answer": answer}


async def test_an_upgrade_seals_what_was_in_the_clear_and_everything_goes_on_working(
    own_database: EmbeddedDatabase,
) -> None:
    tenant_ids = [TenantId(uuid4()) for _ in range(3)]
    await migrated(own_database, command.downgrade, BEFORE)
    async with as_superuser(own_database) as connection:
        left = {tenant_id: await left_in_clear(connection, tenant_id) for tenant_id in tenant_ids}
    await migrated(own_database, command.upgrade, "head")
    engine = create_engine(own_database.app_url, pool_size=2)
    sessions = create_sessions(engine)

    for _ in range(2):  # the second time there is nothing to do
        await service.prepare(sessions, VAULT)

    for tenant_id, old in left.items():
        async with tenant_transaction(sessions, tenant_id) as session:
            row = await outbox_store.endpoint(session, old["endpoint_id"], client_id=None)
            assert (row.opened_secret(VAULT), row.secret) == (old["secret"], None)
            query = text("select body, sealed_body from idempotency_key where tenant_id = :t")
            answer = (await session.db.execute(query, {"t": tenant_id})).one()
        place = Place(tenant_id, "idempotency_key", "sealed_body", old["endpoint_id"])
        assert (answer.body, VAULT.open(answer.sealed_body, place)) == (b"", old["answer"])
    async with platform_transaction(sessions) as platform:
        keys = {key.kid: dict(key.jwk) for key in await signing_keys.signing_keys(platform, VAULT)}
    assert keys == {f"kid-{tenant_id}": old["key"] for tenant_id, old in left.items()}
    assert (await service.standing(sessions, VAULT)).in_clear == 0
    await engine.dispose()
    async with as_superuser(own_database) as connection:
        left_over = await connection.scalar(text("select count(*) from tenant_in_clear"))
        dump = "".join([await content(connection, column.sealed.table) for column in CLEAR])
    assert left_over == 0
    for old in left.values():
        for secret in (old["secret"], old["secret"].encode().hex(), old["key"]["d"]):
            assert secret not in dump


async def test_what_is_in_the_clear_is_looked_for_as_long_as_that_takes(
    own_database: EmbeddedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`serve` seals on connections of the API, on which no statement may take longer than a caller waits."""
    engine = create_engine(own_database.app_url, pool_size=1, timeouts=API_TIMEOUTS)
    sessions, found, looked = create_sessions(engine), store.clear, list[str]()

    async def noting(session: AnySession, column: ClearColumn, *, limit: int) -> list[Held]:
        looked.append((await run(session.db, "show statement_timeout")).scalar_one())
        return await found(session, column, limit=limit)

    monkeypatch.setattr(store, "clear", noting)

    await service.prepare(sessions, VAULT)
    async with platform_transaction(sessions) as platform:
        afterwards = (await run(platform.db, "show statement_timeout")).scalar_one()

    await engine.dispose()
    assert set(looked) == {"0"}
    assert afterwards == "2s"


async def test_without_the_key_that_signing_keys_need_nothing_starts(own_sessions: Sessions) -> None:
    async with platform_transaction(own_sessions) as platform:
        await signing_keys.ensure_key(platform, VAULT, now=NOON)

    with pytest.raises(MasterKeyUnknown, match="'test'"):
        await service.prepare(own_sessions, Vault(GivenKeys(NEW)))


@pytest.mark.parametrize("at_once", [2, 50])
async def test_places_that_do_not_open_are_told_and_do_not_stop_the_rotation(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(service, "ROWS_AT_ONCE", at_once)
    tenant = await factories.tenant(own_sessions)
    async with tenant_transaction(own_sessions, tenant.id) as session:
        endpoints = [await registered(session, "http://127.0.0.1/a") for _ in range(6)]
        broken = sorted(str(endpoint_id) for endpoint_id, _ in endpoints)[:2]
        await store.replace(session, WEBHOOK_SECRET, [store.Held(each, b"\x01") for each in broken])
    after = Vault(GivenKeys(f"{NEW}\n{new_key_line(bytes(range(32)), key_id='test')}"))

    rotated = await service.rotate(own_sessions, after, report=quiet)

    assert rotated.sealed == 4
    assert [each in place for each, place in zip(broken, rotated.broken, strict=True)] == [True, True]
    async with tenant_transaction(own_sessions, tenant.id) as session:
        for endpoint_id, secret in endpoints:
            if str(endpoint_id) not in broken:
                row = await outbox_store.endpoint(session, endpoint_id, client_id=None)
                assert row.opened_secret(Vault(GivenKeys(NEW))) == secret


Told = tuple[dict[str, str], bytes]
WORKS = ("issue_and_use_a_token", "repeat_a_creation", "sign_a_delivery", "show_a_second_factor")


class Load:
    """What goes on while keys are changed. Every failure is kept, whatever it is."""

    def __init__(self) -> None:
        self.done = Counter[str]()
        self.failures: list[str] = []
        self.over = False
        self._moved_on = asyncio.Condition()

    async def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` again and again until it is over."""
        while not self.over:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - each counts, and none ends the load
                self.failures.append(f"{name}: {error!r}")
            async with self._moved_on:
                self.done[name] += 1
                self._moved_on.notify_all()

    async def more(self, times: int, *names: str) -> None:
        """Wait until each of these works has been done so many times more."""
        wanted = {name: self.done[name] + times for name in names}
        async with asyncio.timeout(60), self._moved_on:
            await self._moved_on.wait_for(lambda: all(self.done[name] >= wanted[name] for name in wanted))


class Desk:
    """One tenant's side of the load."""

    def __init__(self, sessions: Sessions, caller: AsyncClient, vault: Vault, receiver: Receiver) -> None:
        self.sessions, self.caller, self.vault, self.receiver = sessions, caller, vault, receiver
        self.credentials = ("", "")
        self.tenant_id = TenantId(uuid4())
        self.secret = ""
        self.person, self.seed = uuid4(), random_base32()
        self.events = 0

    async def open(self) -> None:
        tenant = await factories.tenant(self.sessions)
        self.tenant_id, self.credentials = tenant.id, await factories.application(self.sessions, tenant)
        async with tenant_transaction(self.sessions, tenant.id) as session:
            _, self.secret = await registered(session, self.receiver.address, self.vault)
            for _ in range(8):
                await registered(session, "http://127.0.0.1:9/unused", self.vault, "commitment.broken")
        sealed = self.vault.seal(self.seed.encode(), self._place())
        async with platform_transaction(self.sessions) as platform:
            await platform.db.execute(
                text(
                    "insert into person (id, email, name, password_hash, sealed_totp_seed, tokens_valid_from,"
                    " created_at) values (:id, :email, 'Ada', 'none', :sealed, now(), now())"
                ),
                {"id": self.person, "email": f"{self.person}@example.com", "sealed": sealed},
            )

    async def issue_and_use_a_token(self) -> None:
        await self._authorized()

    async def repeat_a_creation(self) -> None:
        headers = {**await self._authorized(), **factories.key()}
        body = {"url": f"http://127.0.0.1:9/{uuid4()}", "types": ["commitment.broken"]}
        first = await self.caller.post("/v1/webhook-endpoints", json=body, headers=headers)
        assert first.status_code == 201, first.text
        again = await self.caller.post("/v1/webhook-endpoints", json=body, headers=headers)
        assert again.content == first.content
        removal = {**headers, "If-Match": first.headers["etag"]}
        gone = await self.caller.delete(first.headers["location"], headers=removal)
        assert gone.status_code == 204, gone.text

    async def sign_a_delivery(self) -> None:
        self.events += 1
        async with tenant_transaction(self.sessions, self.tenant_id) as session:
            await outbox.append(session, [draft(1, subject_id=uuid4())])

    async def show_a_second_factor(self) -> None:
        query = text("select sealed_totp_seed from person where id = :id")
        async with platform_transaction(self.sessions) as platform:
            sealed = (await platform.db.execute(query, {"id": self.person})).scalar_one()
        seed = self.vault.open(sealed, self._place()).decode()
        assert TOTP(seed).verify(TOTP(self.seed).now(), valid_window=1)

    async def _authorized(self) -> dict[str, str]:
        form = {"grant_type": "client_credentials"}
        answer = await self.caller.post("/oauth/token", data=form, auth=self.credentials)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        seen = await self.caller.get("/v1/tenant", headers=headers)
        assert seen.status_code == 200, seen.text
        return headers

    def _place(self) -> Place:
        return place_of_seed(PersonId(self.person))


@asynccontextmanager
async def busy(
    database: EmbeddedDatabase, vault: Vault, load: Load, received: list[Told]
) -> AsyncGenerator[list[Desk]]:
    """The API and a worker in full work for two tenants, until the block ends and all events are told."""
    settings = Settings.model_validate({"issuer": ISSUER, "webhooks_allow_loopback": True})
    engine = create_engine(database.app_url, pool_size=12)
    sessions, stop = create_sessions(engine), asyncio.Event()
    app = create_app(settings, sessions, vault=vault)
    async with (
        receiving() as receiver,
        AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER) as caller,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(worker.run(settings, sessions, vault=vault, advances={}, stop=stop))
        desks = [Desk(sessions, caller, vault, receiver) for _ in range(2)]
        for desk in desks:
            await desk.open()
        works = [
            asyncio.create_task(load.keep(name, getattr(desk, name))) for desk in desks for name in WORKS
        ]
        yield desks
        load.over = True
        await asyncio.gather(*works)
        received += await told(receiver, sum(desk.events for desk in desks))
        stop.set()
    await engine.dispose()


async def told(receiver: Receiver, events: int) -> list[Told]:
    """What the receiver was told, once that is so many deliveries; each may have come several times."""
    found: list[Told] = []
    async with asyncio.timeout(60):
        while len({headers["webhook-id"] for headers, _ in found}) < events:
            found.append(await receiver.requests.get())
    return found


async def test_the_master_key_is_changed_under_load_without_one_failure(
    own_database: EmbeddedDatabase, tmp_path: Path
) -> None:
    path, load = key_file(tmp_path, OLD), Load()
    engine = create_engine(own_database.app_url, pool_size=2)
    sessions = create_sessions(engine)
    received: list[Told] = []
    async with busy(own_database, Vault(KeyFile(path)), load, received) as desks:
        await load.more(3, *WORKS)
        before = await service.standing(sessions, Vault(KeyFile(path)))

        key_file(tmp_path, NEW, OLD)
        first, second = await asyncio.gather(
            *(service.rotate(sessions, Vault(KeyFile(path)), report=quiet) for _ in range(2))
        )
        await load.more(3, *WORKS)
        after = await service.standing(sessions, Vault(KeyFile(path)))

        key_file(tmp_path, NEW)
        await load.more(10, *WORKS)
    await engine.dispose()

    assert (before.current, set(before.rows)) == ("old", {"old"})
    assert (after.current, set(after.rows), after.in_clear) == ("new", {"new"}, 0)
    assert (first.broken, second.broken) == ([], [])
    assert first.sealed + second.sealed >= before.rows["old"]
    assert load.failures == []
    for headers, body in received:
        assert headers["webhook-signature"] in {signed(desk.secret, headers, body) for desk in desks}


async def test_signing_keys_are_changed_under_load_without_one_token_refused(
    own_database: EmbeddedDatabase,
) -> None:
    """The clock of the service runs fast, so that each new key is announced, takes over and retires."""
    clock, load = MovableClock(SystemClock().now()), Load()
    settings = Settings.model_validate({"issuer": ISSUER})
    engine = create_engine(own_database.app_url, pool_size=6)
    sessions = create_sessions(engine)
    apps = [create_app(settings, sessions, vault=VAULT, clock=clock) for _ in range(2)]
    tenant = await factories.tenant(sessions)
    credentials = await factories.application(sessions, tenant)
    kids = set[str]()

    async with AsyncExitStack() as stack:
        issuing, checking = [
            await stack.enter_async_context(
                AsyncClient(transport=ASGITransport(cast("Any", app)), base_url=ISSUER)
            )
            for app in apps
        ]

        async def token_of_one_process_is_taken_by_the_other() -> None:
            answer = await issuing.post(
                "/oauth/token", data={"grant_type": "client_credentials"}, auth=credentials
            )
            assert answer.status_code == 200, answer.text
            token = answer.json()["access_token"]
            seen = await checking.get("/v1/tenant", headers={"Authorization": f"Bearer {token}"})
            assert seen.status_code == 200, seen.text
            kids.add(tokens.kid_of(token))

        works = [
            asyncio.create_task(load.keep("tokens", token_of_one_process_is_taken_by_the_other))
            for _ in range(4)
        ]
        for _ in range(4):
            async with platform_transaction(sessions) as platform:
                await signing_keys.rotate(platform, VAULT, now=clock.now())
            for _ in range(13):  # minutes; a key signs ten after it was made
                clock.move(timedelta(minutes=1))
                await load.more(8, "tokens")
        load.over = True
        await asyncio.gather(*works)
    await engine.dispose()

    assert load.failures == []
    assert len(kids) >= 4
