"""Chains of audit records: what was written is in them, once, in one order; what is done to them shows."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from service import ids, schema, worker
from service.audit import drive, service, store, verification
from service.audit.chain import Flaw
from service.audit.domain import PLATFORM, Actor, Deed, Link
from service.audit.drive import Sealer
from service.audit.verification import Verdict
from service.clock import SystemClock
from service.db import Sessions, TenantSession, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import AuditRecordId, TenantId
from service.settings import Settings
from service.telemetry import Metrics
from tests import factories
from tests.factories import NOON, VAULT, MovableClock
from tests.integration import sent

ROOT = Path(__file__).parents[2]
LATER = timedelta(hours=1)
ACTOR = Actor(name="application:desk", address="192.0.2.7", http_request_id="0123456789")


async def write(session: TenantSession, *names: str) -> None:
    for name in names:
        deed = Deed("client.created", f"client:{name}", after={"name": name, "tier": None})
        await service.record(session, ACTOR, deed, now=NOON)


async def written(sessions: Sessions, tenant_id: TenantId, count: int) -> None:
    async with tenant_transaction(sessions, tenant_id) as session:
        await write(session, *(f"name {number}" for number in range(count)))


def sealer_of(sessions: Sessions, metrics: Metrics | None = None) -> Sealer:
    return Sealer(sessions, SystemClock(), drive.gauge(metrics or Metrics()), asyncio.Event())


async def sealed(sessions: Sessions) -> None:
    sealer = sealer_of(sessions)
    while await sealer.round():
        pass


async def verdict(
    sessions: Sessions, tenant_id: TenantId, *, sought: bytes | None = None, later: timedelta = timedelta(0)
) -> Verdict:
    return await verification.verify(
        sessions, tenant_id, sought=sought, now=SystemClock().now() + later, told=lambda _: None
    )


async def links(sessions: Sessions, tenant_id: TenantId) -> list[tuple[int, AuditRecordId]]:
    async with tenant_transaction(sessions, tenant_id) as session:
        return [
            (each.link.sequence, each.record_id) for each in await store.chain(session, after=0, limit=10_000)
        ]


async def test_what_was_written_is_linked_in_the_order_in_which_it_was_made(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    await written(sessions, tenant_id, 7)

    await sealed(sessions)

    found = await links(sessions, tenant_id)
    assert [sequence for sequence, _ in found] == list(range(1, 9))  # the tenant's creation is the first
    assert [record_id for _, record_id in found] == sorted(record_id for _, record_id in found)
    outcome = await verdict(sessions, tenant_id)
    assert (outcome.records, outcome.head.sequence, outcome.sound) == (8, 8, True)


async def test_sealing_again_changes_nothing(sessions: Sessions, tenant_id: TenantId) -> None:
    await written(sessions, tenant_id, 3)
    await sealed(sessions)
    before = await verdict(sessions, tenant_id)

    await sealed(sessions)

    assert await verdict(sessions, tenant_id) == before


async def test_a_round_takes_a_batch_of_each_tenant_in_turn(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "BATCH_SIZE", 10)
    busy, quiet = [(await factories.tenant(own_sessions)).id for _ in range(2)]
    await written(own_sessions, busy, 24)
    await written(own_sessions, quiet, 3)
    sealer = sealer_of(own_sessions)

    more = await sealer.round()

    assert more
    assert [len(await links(own_sessions, each)) for each in (busy, quiet)] == [10, 4]
    assert await sealer.round()
    assert not await sealer.round()
    assert [len(await links(own_sessions, each)) for each in (busy, quiet)] == [25, 4]


async def test_no_tenant_is_passed_by_when_there_are_more_than_a_round_takes(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "TENANTS_PER_ROUND_MAX", 2)
    everybody = [PLATFORM, *[(await factories.tenant(own_sessions)).id for _ in range(5)]]
    for each in everybody:
        await written(own_sessions, each, 1)
    sealer = sealer_of(own_sessions)

    rounds = 1
    while await sealer.round():
        rounds += 1

    assert rounds == 5
    for each in everybody:
        assert (await verdict(own_sessions, each, later=LATER)).sound


async def test_what_is_wrong_with_one_tenants_records_holds_up_no_other(
    own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = sorted([(await factories.tenant(own_sessions)).id for _ in range(2)])
    seal = service.seal

    async def seal_good(session: TenantSession, *, limit: int) -> Link | None:
        if session.tenant_id == bad:
            raise ValueError("a record that cannot be written down")
        return await seal(session, limit=limit)

    monkeypatch.setattr(service, "seal", seal_good)
    more = await sealer_of(own_sessions).round()

    assert not more
    assert [len(await links(own_sessions, each)) for each in (bad, good)] == [0, 1]


async def test_two_workers_at_once_link_each_record_once(own_sessions: Sessions) -> None:
    everybody = [(await factories.tenant(own_sessions)).id for _ in range(4)]
    stop = asyncio.Event()

    async def write_on(tenant_id: TenantId) -> None:
        for number in range(40):
            await written(own_sessions, tenant_id, 1 + number % 3)

    async def seal_on() -> None:
        sealer = sealer_of(own_sessions)
        while not stop.is_set():
            await sealer.round()

    sealing = [asyncio.create_task(seal_on()) for _ in range(3)]
    await asyncio.gather(*(write_on(each) for each in everybody))
    stop.set()
    await asyncio.gather(*sealing)
    await sealed(own_sessions)

    for each in everybody:
        outcome = await verdict(own_sessions, each, later=LATER)
        assert (outcome.sound, outcome.records, outcome.head.sequence) == (True, 80, 80)


async def test_a_record_whose_transaction_commits_late_is_linked_after_younger_ones(
    own_sessions: Sessions,
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with tenant_transaction(own_sessions, tenant_id) as late:
        await write(late, "late")
        await written(own_sessions, tenant_id, 2)
        await sealed(own_sessions)
    await sealed(own_sessions)

    found = await links(own_sessions, tenant_id)
    assert [sequence for sequence, _ in found] == [1, 2, 3, 4]
    assert found[-1][1] < found[-2][1]  # made before, by its id
    assert (await verdict(own_sessions, tenant_id, later=LATER)).sound


async def test_writers_of_one_tenant_do_not_wait_for_each_other_or_for_the_sealer(
    own_sessions: Sessions,
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    async with (
        tenant_transaction(own_sessions, tenant_id) as sealing,
        tenant_transaction(own_sessions, tenant_id) as writing,
    ):
        assert await service.seal(sealing, limit=10)
        await write(writing, "first")
        async with asyncio.timeout(3):
            await written(own_sessions, tenant_id, 1)
            async with tenant_transaction(own_sessions, tenant_id) as another:
                assert await service.seal(another, limit=10) is None  # the chain is taken, and not waited for
    await sealed(own_sessions)

    assert (await verdict(own_sessions, tenant_id, later=LATER)).head.sequence == 3


async def test_a_worker_that_is_killed_while_it_links_leaves_a_chain_that_another_goes_on_with(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    everybody = [(await factories.tenant(own_sessions)).id for _ in range(3)]
    for each in everybody:
        await written(own_sessions, each, 5)

    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.dying_sealer", own_database.app_url, "2"), cwd=ROOT
    )
    assert await killed.wait() == -signal.SIGKILL
    before = [len(await links(own_sessions, each)) for each in everybody]
    await sealed(own_sessions)

    assert sorted(before) == [0, 0, 6]
    for each in everybody:
        outcome = await verdict(own_sessions, each, later=LATER)
        assert (outcome.sound, outcome.records, outcome.head.sequence) == (True, 6, 6)


async def test_a_worker_links_by_itself(
    own_database: EmbeddedDatabase, own_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    stop, engine, seal = asyncio.Event(), create_engine(own_database.app_url, pool_size=8), service.seal

    async def seal_and_stop(session: TenantSession, *, limit: int) -> Link | None:
        try:
            return await seal(session, limit=limit)
        finally:
            stop.set()

    monkeypatch.setattr(service, "seal", seal_and_stop)
    async with asyncio.timeout(20):
        await worker.run(
            Settings.model_validate({}), create_sessions(engine), vault=VAULT, advances={}, stop=stop
        )
    await engine.dispose()

    assert len(await links(own_sessions, tenant_id)) == 1


async def test_finding_nothing_new_is_one_statement_that_reads_no_record(own_sessions: Sessions) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    await written(own_sessions, tenant_id, 3)
    await sealed(own_sessions)

    with sent.statements() as statements:
        assert not await sealer_of(own_sessions).round()

    assert [each for each in statements if each != "select"] == [store.WAITING_TENANTS]
    assert "audit_record" not in store.WAITING_TENANTS


async def test_how_long_records_have_waited_is_measured(own_sessions: Sessions) -> None:
    await factories.tenant(own_sessions)
    metrics = Metrics()
    sealer = Sealer(
        own_sessions, MovableClock(SystemClock().now() + LATER), drive.gauge(metrics), asyncio.Event()
    )

    await sealer.round()
    waited = metrics.registry.get_sample_value("rooted_audit_unlinked_seconds")
    await sealer.round()

    assert waited == pytest.approx(LATER.total_seconds(), abs=5)
    assert metrics.registry.get_sample_value("rooted_audit_unlinked_seconds") == 0


@pytest.mark.parametrize("table", ["audit_record", "audit_link"])
@pytest.mark.parametrize("deed", ["update {} set id = id", "delete from {}", "truncate {}"])
async def test_the_login_role_cannot_change_or_remove(session: TenantSession, table: str, deed: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with session.db.begin_nested():
            await session.db.execute(text(deed.format(table)))


class Force(Protocol):
    async def __call__(self, statement: str, **values: object) -> None: ...


def superuser(database: EmbeddedDatabase) -> AsyncEngine:
    """Its address names the server's own database."""
    url = make_url(database.superuser_url).set(database=make_url(database.app_url).database)
    return create_engine(url.render_as_string(hide_password=False), pool_size=1)


@asynccontextmanager
async def forcing(database: EmbeddedDatabase, tenant_id: TenantId) -> AsyncGenerator[Force]:
    """Statements of a superuser, for whom no wall, grant or key counts."""
    engine = superuser(database)
    async with engine.begin() as connection:
        await connection.execute(text("set local session_replication_role = replica"))

        async def force(statement: str, **values: object) -> None:
            done = await connection.execute(text(statement), {"tenant": tenant_id, **values})
            assert done.rowcount > 0

        yield force
    await engine.dispose()


async def changed(force: Force, ids_of: Sequence[UUID]) -> None:
    await force(
        "update audit_record set actor = 'member:eve' where tenant_id = :tenant and id = :id", id=ids_of[4]
    )


async def changed_deep_inside(force: Force, ids_of: Sequence[UUID]) -> None:
    await force(
        "update audit_record set changes = jsonb_set(changes, '{name,after}', '\"x\"')"
        " where tenant_id = :tenant and id = :id",
        id=ids_of[4],
    )


async def link_changed(force: Force, ids_of: Sequence[UUID]) -> None:
    await force(
        "update audit_link set digest = sha256('x') where tenant_id = :tenant and id = :id", id=ids_of[4]
    )


async def removed(force: Force, ids_of: Sequence[UUID]) -> None:
    await force("delete from audit_record where tenant_id = :tenant and id = :id", id=ids_of[4])


async def removed_with_its_link(force: Force, ids_of: Sequence[UUID]) -> None:
    await removed(force, ids_of)
    await force("delete from audit_link where tenant_id = :tenant and id = :id", id=ids_of[4])


async def removed_and_closed_up(force: Force, ids_of: Sequence[UUID]) -> None:
    await removed_with_its_link(force, ids_of)
    for place in range(5, len(ids_of)):
        await force(
            "update audit_link set sequence = sequence - 1 where tenant_id = :tenant and id = :id",
            id=ids_of[place],
        )


async def exchanged(force: Force, ids_of: Sequence[UUID]) -> None:
    for place, sequence in ((4, -1), (6, 5), (4, 7)):
        await force(
            "update audit_link set sequence = :sequence where tenant_id = :tenant and id = :id",
            sequence=sequence,
            id=ids_of[place],
        )


async def inserted(force: Force, ids_of: Sequence[UUID]) -> None:
    del ids_of
    await force(
        "insert into audit_record (tenant_id, id, recorded_at, actor, action, subject, changes)"
        " values (:tenant, gen_random_uuid(), now(), 'member:eve', 'client.created', 'client:x', '{}')"
    )


async def inserted_with_a_link_before_the_first(force: Force, ids_of: Sequence[UUID]) -> None:
    await inserted(force, ids_of)
    await force(
        """
        insert into audit_link select tenant_id, id, 0, ''::bytea from audit_record r
        where tenant_id = :tenant
          and not exists (select from audit_link l where l.tenant_id = r.tenant_id and l.id = r.id)
        """
    )


async def cut_off_but_for_the_records(force: Force, ids_of: Sequence[UUID]) -> None:
    await force("delete from audit_link where tenant_id = :tenant and id = any(:ids)", ids=list(ids_of[6:]))


@pytest.mark.parametrize(
    ("tamper", "flaw", "sequence"),
    [
        (changed, Flaw.DIGEST_DIFFERS, 5),
        (changed_deep_inside, Flaw.DIGEST_DIFFERS, 5),
        (link_changed, Flaw.DIGEST_DIFFERS, 5),
        (removed, Flaw.RECORD_MISSING, 5),
        (removed_with_its_link, Flaw.LINK_MISSING, 5),
        (removed_and_closed_up, Flaw.DIGEST_DIFFERS, 5),
        (exchanged, Flaw.DIGEST_DIFFERS, 5),
        (inserted, Flaw.NEVER_LISTED, None),
        (inserted_with_a_link_before_the_first, Flaw.NEVER_LISTED, None),
        (cut_off_but_for_the_records, Flaw.NEVER_LISTED, None),
    ],
)
async def test_what_a_superuser_does_to_a_trail_shows_and_where(
    own_database: EmbeddedDatabase,
    own_sessions: Sessions,
    tamper: Callable[[Force, Sequence[UUID]], Awaitable[None]],
    flaw: Flaw,
    sequence: int | None,
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    await written(own_sessions, tenant_id, 8)
    await sealed(own_sessions)
    ids_of = [record_id for _, record_id in await links(own_sessions, tenant_id)]
    assert (await verdict(own_sessions, tenant_id)).sound

    async with forcing(own_database, tenant_id) as force:
        await tamper(force, ids_of)
    await sealed(own_sessions)

    broken = (await verdict(own_sessions, tenant_id)).broken
    assert broken is not None
    assert (broken.flaw, broken.sequence) == (flaw, sequence)


async def test_a_chain_that_was_made_anew_or_cut_off_lacks_the_head_that_was_written_down(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    await written(own_sessions, tenant_id, 4)
    await sealed(own_sessions)
    earlier = (await verdict(own_sessions, tenant_id)).head
    await written(own_sessions, tenant_id, 4)
    await sealed(own_sessions)
    assert (await verdict(own_sessions, tenant_id, sought=earlier.digest)).proven

    async with forcing(own_database, tenant_id) as force:
        await force("delete from audit_link where tenant_id = :tenant")
        await force("update audit_record set actor = 'member:eve' where tenant_id = :tenant")
        await force(
            "insert into audit_unlinked select tenant_id, id from audit_record where tenant_id = :tenant"
        )
    await sealed(own_sessions)

    outcome = await verdict(own_sessions, tenant_id, sought=earlier.digest, later=LATER)
    assert outcome.broken is None
    assert (outcome.proven, outcome.sound) == (False, False)


async def test_a_record_that_waits_too_long_is_a_finding_and_a_young_one_is_not(
    sessions: Sessions, tenant_id: TenantId
) -> None:
    await written(sessions, tenant_id, 1)

    assert (await verdict(sessions, tenant_id)).sound
    broken = (await verdict(sessions, tenant_id, later=LATER)).broken

    assert broken is not None
    assert broken.flaw is Flaw.NOT_LINKED


async def test_a_place_on_the_list_without_a_record_or_with_a_link_does_not_stop_the_chain(
    own_sessions: Sessions,
) -> None:
    tenant_id = (await factories.tenant(own_sessions)).id
    await sealed(own_sessions)
    ((_, linked_id),) = await links(own_sessions, tenant_id)
    async with tenant_transaction(own_sessions, tenant_id) as session:
        for record_id in (linked_id, ids.new_id()):
            await session.db.execute(
                text("insert into audit_unlinked values (:tenant, :id)"),
                {"tenant": tenant_id, "id": record_id},
            )
        await write(session, "after")

    await sealed(own_sessions)

    outcome = await verdict(own_sessions, tenant_id, later=LATER)
    assert (outcome.sound, outcome.head.sequence) == (True, 2)
    async with own_sessions() as db:
        assert (await db.execute(text("select count(*) from audit_unlinked"))).scalar_one() == 0


async def test_records_that_were_there_before_the_chain_are_linked_too(
    own_database: EmbeddedDatabase,
) -> None:
    engine = create_async_engine(own_database.owner_url)
    by_force = superuser(own_database)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), "20261122_1410"))
    tenant_id = TenantId(ids.new_id())
    async with by_force.begin() as connection:
        await connection.execute(
            text(
                "insert into audit_record (tenant_id, id, recorded_at, actor, action, subject, changes)"
                " values (:tenant, :id, now(), 'operator', 'client.created', 'client:x', '{}')"
            ),
            {"tenant": tenant_id, "id": ids.new_id()},
        )
    await schema.upgrade(own_database.owner_url)
    login = create_engine(own_database.app_url, pool_size=2)
    sessions = create_sessions(login)

    await sealed(sessions)

    assert (await verdict(sessions, tenant_id, later=LATER)).head.sequence == 1
    for each in (engine, by_force, login):
        await each.dispose()
