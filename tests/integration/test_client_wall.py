"""The wall between the client organizations of a tenant, tried from inside of PostgreSQL, table by table.

The statements name no client: what forgets to is confined all the same.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from migrations.tenancy import Clients
from service import ids
from service.audit.domain import Actor
from service.calendars import service as calendars
from service.calendars.errors import CalendarNotFound
from service.db import Sessions, TenantSession, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import ClientId, TenantId
from service.tenants import contacts
from service.tenants.errors import ContactNotFound
from service.tenants.profiles import ContactEntry
from tests import factories
from tests.factories import NOON
from tests.house.test_catalog import OPEN_TO_CLIENTS

pytestmark = pytest.mark.concurrent

OF_CLIENTS_ONLY = """
select attrelid::regclass::text from pg_attribute
where attname = 'client_id' and attnotnull and attrelid in (select oid from pg_class where relkind = 'r')
"""
COLUMNS = """
select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
  a.attnotnull and not a.atthasdef as needed
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and n.nspname = 'public'
  and exists (select from pg_policy p where p.polrelid = c.oid)
order by c.relname, a.attnum
"""
GRANTED = "select has_table_privilege(current_user, :table, :privilege)"
FILLERS = {
    "bigint": "1",
    "boolean": "false",
    "bytea": "gen_random_uuid()::text::bytea",
    "double precision": "1",
    "integer": "1",
    "jsonb": "'{}'",
    "text": "gen_random_uuid()::text",
    "timestamp with time zone": "now()",
    "uuid": "gen_random_uuid()",
}
"""Something for every column that must have something."""
REFUSED = "42501"
"""Insufficient privilege: row security's WITH CHECK, or no right to write the table at all."""


@dataclass(frozen=True, slots=True)
class World:
    """A tenant with two client organizations, and in each table a row of each, and one of neither."""

    sessions: Sessions
    tenant_id: TenantId
    ours: ClientId
    theirs: ClientId
    tables: Mapping[str, Mapping[str, str]]
    """By the name of each table its columns that must be given, with their types, and `client_id`."""
    of_clients_only: frozenset[str]
    """The tables in which each row is some client organization's."""

    def wall(self, table: str) -> Clients:
        return next((each for each, names in OPEN_TO_CLIENTS.items() if table in names), Clients.NOTHING)

    def owners(self, table: str) -> list[UUID | None]:
        """Whose rows there are in a table."""
        if table == "client" or table in self.of_clients_only:
            return [self.ours, self.theirs]
        return [self.ours, self.theirs, None] if "client_id" in self.tables[table] else [None]

    def visible(self, table: str) -> list[UUID | None]:
        """Whose rows our client organization is to see."""
        open_to_us: dict[Clients, set[UUID | None]] = {
            Clients.OWN: {self.ours},
            Clients.READ_OWN: {self.ours, None},
            Clients.READ_ITSELF: {self.ours},
            Clients.READ_ALL: {self.ours, self.theirs, None},
        }
        return [each for each in self.owners(table) if each in open_to_us.get(self.wall(table), set())]

    def insertion(self, table: str, owner: UUID | None) -> str:
        fixed = {"tenant_id": f"'{self.tenant_id}'", "id": f"'{ids.new_id()}'"}
        fixed["client_id"] = "null" if owner is None else f"'{owner}'"
        columns = self.tables[table]
        values = ", ".join(fixed.get(name, FILLERS[kind]) for name, kind in columns.items())
        return f"insert into {table} ({', '.join(columns)}) values ({values})"  # noqa: S608 - names of ours

    async def tried(self, statement: str) -> int | str:
        """How many rows a statement touches in our client's transaction, or the state of its refusal."""
        try:
            async with tenant_transaction(self.sessions, self.tenant_id, client_id=self.ours) as session:
                result: Any = await session.db.execute(text(statement))
                await session.db.rollback()
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", error))
        return result.rowcount

    async def may(self, table: str, privilege: str) -> bool:
        async with self.sessions.begin() as db:
            parameters = {"table": table, "privilege": privilege}
            return (await db.execute(text(GRANTED), parameters)).scalar_one()


@pytest.fixture
async def world(own_database: EmbeddedDatabase, own_sessions: Sessions) -> AsyncGenerator[World]:
    tenant = await factories.tenant(own_sessions)
    ours, theirs = [await factories.client_of(own_sessions, tenant, name=name) for name in ("Ours", "Theirs")]
    url = make_url(own_database.superuser_url).set(database=make_url(own_database.app_url).database)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        of_clients_only = frozenset((await connection.execute(text(OF_CLIENTS_ONLY))).scalars())
        tables = await _tables(connection)
        built = World(own_sessions, tenant.id, ours, theirs, tables, of_clients_only)
        await connection.execute(text("set local session_replication_role = replica"))  # no foreign keys
        for table in built.tables:
            await connection.execute(text(f"delete from {table}") if table != "client" else text("select"))  # noqa: S608
            for owner in built.owners(table) if table != "client" else ():
                await connection.execute(text(built.insertion(table, owner)))
    yield built
    await engine.dispose()


async def _tables(connection: AsyncConnection) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {}
    for row in await connection.execute(text(COLUMNS)):
        columns = tables.setdefault(row.table, {})
        if row.needed or row.name == "client_id":
            columns[row.name] = row.type
    return tables


async def _owners_seen(session: TenantSession, world: World, table: str) -> list[UUID | None]:
    owner = "id" if table == "client" else "client_id" if "client_id" in world.tables[table] else "null"
    found = await session.db.execute(text(f"select {owner} from {table}"))  # noqa: S608 - names of ours
    return list(found.scalars())


async def test_a_client_reads_what_the_wall_leaves_open_and_the_tenant_reads_all(world: World) -> None:
    assert len(world.tables) >= 25
    async with tenant_transaction(world.sessions, world.tenant_id, client_id=world.ours) as session:
        for table in world.tables:
            seen = await _owners_seen(session, world, table)
            assert sorted(map(str, seen)) == sorted(map(str, world.visible(table))), table
    async with tenant_transaction(world.sessions, world.tenant_id) as session:
        for table in world.tables:
            seen = await _owners_seen(session, world, table)
            assert sorted(map(str, seen)) == sorted(map(str, world.owners(table))), table


async def test_a_client_inserts_rows_of_its_own_and_no_others(world: World) -> None:
    for table in world.tables:
        for owner in {*world.owners(table), world.theirs, None} - {world.ours}:
            assert await world.tried(world.insertion(table, owner)) == REFUSED, (table, owner)
        own = await world.tried(world.insertion(table, world.ours))
        assert (own == REFUSED) is (world.wall(table) is not Clients.OWN), (table, own)


async def test_a_client_updates_rows_of_its_own_and_no_others(world: World) -> None:
    for table in world.tables:
        touched = await world.tried(f"update {table} set id = id")  # noqa: S608 - names of ours
        if not await world.may(table, "update"):
            assert touched == REFUSED, table
        elif world.wall(table) in {Clients.OWN, Clients.NOTHING}:
            assert touched == len(world.visible(table)), table
        else:
            assert touched == REFUSED, table


async def test_a_client_gives_no_row_of_its_own_away_and_takes_none(world: World) -> None:
    for table, columns in world.tables.items():
        if "client_id" in columns and world.wall(table) is Clients.OWN:
            for owner in (f"'{world.theirs}'", "null"):
                given = await world.tried(f"update {table} set client_id = {owner}")  # noqa: S608
                assert given == REFUSED, (table, owner)
            taken = f"update {table} set client_id = '{world.ours}' where client_id = '{world.theirs}'"  # noqa: S608
            assert await world.tried(taken) in {0, REFUSED}, table


async def test_a_client_deletes_rows_of_its_own_and_no_others(world: World) -> None:
    for table in world.tables:
        deleted = await world.tried(f"delete from {table}")  # noqa: S608 - names of ours
        if not await world.may(table, "delete"):
            assert deleted == REFUSED, table
        elif world.wall(table) is Clients.OWN:
            assert deleted == 1, table
        else:
            assert deleted == 0, table


async def test_a_page_is_read_from_the_index_behind_both_walls(
    world: World, own_database: EmbeddedDatabase
) -> None:
    columns = world.tables["event"]
    fixed = {"tenant_id": f"'{world.tenant_id}'", "client_id": f"'{world.ours}'"}
    values = ", ".join(fixed.get(name, FILLERS[kind]) for name, kind in columns.items())
    url = make_url(own_database.superuser_url).set(database=make_url(own_database.app_url).database)
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        insertion = f"insert into event ({', '.join(columns)}) select {values} from generate_series(1, 5000)"  # noqa: S608
        await connection.execute(text(insertion))
        await connection.execute(text("analyze event"))
    await engine.dispose()

    for client_id in (None, world.ours):
        async with tenant_transaction(world.sessions, world.tenant_id, client_id=client_id) as session:
            page = "explain select * from event where tenant_id = :tenant order by tx, id limit 50"
            lines = (await session.db.execute(text(page), {"tenant": world.tenant_id})).scalars()
            plan = "\n".join(lines)
        assert "ix_event_tenant_id_tx_id" in plan, plan
        assert "Sort" not in plan, plan


@pytest.mark.parametrize(
    "statement",
    [
        "select rooted.set_tenant('{tenant}', '{theirs}')",
        "select rooted.set_tenant('{theirs}', '{ours}')",
    ],
)
async def test_a_transaction_is_one_clients(world: World, statement: str) -> None:
    said = statement.format(tenant=world.tenant_id, ours=world.ours, theirs=world.theirs)

    assert await world.tried(said) == REFUSED


async def test_statements_name_the_client_where_row_security_would_let_them_pass(world: World) -> None:
    zones = {"UTC"}
    async with tenant_transaction(world.sessions, world.tenant_id) as session:
        for owner, name in ((world.ours, "ours"), (world.theirs, "theirs"), (None, "shared")):
            await calendars.create(
                session, Actor(), name=name, raw={"tz": "UTC", "always_open": True}, client_id=owner, now=NOON
            )
            entry = ContactEntry(name=name)
            await contacts.create(session, Actor(), entry, client_id=owner, zones=zones, now=NOON)
        ours = TenantSession(session.db, session.tenant_id, world.ours)
        people = await contacts.list_contacts(session, client_id=None, after=None, limit=100)
        hours = await calendars.list_calendars(session, after=None, limit=100)

        seen = await contacts.list_contacts(ours, client_id=None, after=None, limit=100)
        open_to_us = await calendars.list_calendars(ours, after=None, limit=100)
        refused = 0
        for contact in people:
            if contact.client_id != world.ours:
                with pytest.raises(ContactNotFound):
                    await contacts.get(ours, contact.id)
                refused += 1
        for calendar in hours:
            if calendar.client_id == world.theirs:
                with pytest.raises(CalendarNotFound):
                    await calendars.get(ours, calendar.id)
                with pytest.raises(CalendarNotFound):
                    await calendars.list_versions(ours, calendar.id, after=None, limit=1)
                refused += 1

    assert {contact.client_id for contact in seen} == {world.ours}
    assert {calendar.client_id for calendar in open_to_us} == {world.ours, None}
    assert refused >= len((world.theirs, None)) + len((world.theirs,))


async def test_nothing_of_a_client_stays_on_a_connection(world: World) -> None:
    assert await world.tried("select 1") == 1

    async with world.sessions.begin() as db:
        left = (await db.execute(text("select current_setting('rooted.client_id', true)"))).scalar()

    assert not left
