"""The walls between tenants, and between clients, as PostgreSQL reports them: no review can forget them."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from migrations.tenancy import APP_ROLE, SHARED, Clients
from service.db import Sessions, TenantSession, tenant_transaction
from service.platform import PLATFORM_TABLES
from service.tenants.domain import Tenant
from tests import factories

TABLES = """
select c.oid::regclass::text as name, c.relrowsecurity as secured, c.relforcerowsecurity as forced,
  exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as of_tenant
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
"""
POLICIES = """
select polrelid::regclass::text as name, polcmd::text as command, polpermissive as permissive,
  polroles = '{0}' as of_all, pg_get_expr(polqual, polrelid) as using,
  pg_get_expr(polwithcheck, polrelid) as checked
from pg_policy
"""
LEADERS = """
select i.indrelid::regclass::text as name, i.indexrelid::regclass::text as index, a.attname as leader
from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indisunique
"""
FOREIGN_KEYS = """
select k.conrelid::regclass::text as name, k.conname as key, a.attname as leader, b.attname as target
from pg_constraint k
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
where k.contype = 'f'
"""
POWERS = """
select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication,
  exists (select from pg_auth_members m where m.member = r.oid) as in_a_group
from pg_roles r where rolname = current_user
"""
OWNED = """
select refobjid::regrole::text, classid::regclass::text, objid from pg_shdepend
where deptype = 'o' and refclassid = 'pg_authid'::regclass and refobjid = current_user::regrole
"""
GRANTS = """
select c.oid::regclass::text as name, p.privilege_type as privilege
from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) p
where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'p', 'v', 'm')
  and p.grantee in (0, (select oid from pg_roles where rolname = current_user))
"""
FUNCTIONS = """
select p.oid::regprocedure::text as name, p.prosecdef as as_owner, p.proleakproof as leakproof
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
"""
VIEWS = """
select c.oid::regclass::text as name, c.relkind::text as kind,
  coalesce('security_invoker=true' = any(c.reloptions), false) as as_invoker
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
"""
WALL = "(tenant_id = (NULLIF(current_setting('rooted.tenant_id'::text, true), ''::text))::uuid)"

CLIENT = "NULLIF(current_setting('rooted.client_id'::text, true), ''::text)"
SETTING = "COALESCE(current_setting('rooted.client_id'::text, true), ''::text)"
NO_CLIENT = f"(NULLIF(({SETTING} = ''::text), false) IS NOT NULL)"
OWN_ROWS = f"({NO_CLIENT} OR (client_id = ({CLIENT})::uuid))"
OWN_OR_NO_CLIENTS = f"({NO_CLIENT} OR (client_id = ({CLIENT})::uuid) OR (client_id IS NULL))"
ITSELF = f"({NO_CLIENT} OR (id = ({CLIENT})::uuid))"
WRITES_NOTHING = {("a", None, NO_CLIENT), ("w", "true", NO_CLIENT), ("d", NO_CLIENT, None)}
"""Rows may be held FOR SHARE, which needs the right to update: so `true`, and every new row is refused."""

WALLS = {
    Clients.NOTHING: {("*", NO_CLIENT, NO_CLIENT)},
    Clients.OWN: {("*", OWN_ROWS, OWN_ROWS)},
    Clients.READ_OWN: {("r", OWN_OR_NO_CLIENTS, None), *WRITES_NOTHING},
    Clients.READ_ITSELF: {("r", ITSELF, None), *WRITES_NOTHING},
    Clients.READ_ALL: WRITES_NOTHING,
}
"""The restrictive policies of each wall: command, what is seen, what may be written."""

OPEN_TO_CLIENTS = {
    Clients.OWN: {
        "affair",
        "approval",
        "approval_entry",
        "arrangement",
        "arrangement_entry",
        "audit_record",
        "checklist_record",
        "commitment",
        "commitment_entry",
        "contact",
        "decision",
        "event",
        "gate",
        "idempotency_key",
        "involvement",
        "objection",
        "objection_entry",
        "renegotiation",
        "major_incident_client",
        "major_incident_report",
        "major_incident_request",
        "request",
        "request_event",
        "review",
        "special_method",
        "special_method_entry",
        "webhook_delivery",
        "webhook_endpoint",
    },
    Clients.READ_OWN: {"calendar", "calendar_version"},
    Clients.READ_ITSELF: {"client"},
    Clients.READ_ALL: set(SHARED),
}
"""What an application of a client organization can get at. Of every other table it sees nothing."""


async def _rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(text(query)))


@pytest.fixture
async def tenant_tables(engine: AsyncEngine) -> set[str]:
    return {
        row.name for row in await _rows(engine, TABLES) if row.of_tenant and row.name not in PLATFORM_TABLES
    }


async def test_a_table_belongs_to_tenants_or_is_named_as_the_platforms(
    engine: AsyncEngine, tenant_tables: set[str]
) -> None:
    others = {row.name for row in await _rows(engine, TABLES)} - tenant_tables
    assert {name for name in others if not name.startswith("pgqueuer")} == PLATFORM_TABLES
    assert len(tenant_tables) >= 15


async def test_every_table_of_tenants_has_its_row_security_forced(
    engine: AsyncEngine, tenant_tables: set[str]
) -> None:
    open_ones = {
        row.name
        for row in await _rows(engine, TABLES)
        if row.name in tenant_tables and not (row.secured and row.forced)
    }
    assert open_ones == set()


async def test_every_table_of_tenants_has_the_one_policy_for_reading_and_writing(
    engine: AsyncEngine, tenant_tables: set[str]
) -> None:
    permissive = [row for row in await _rows(engine, POLICIES) if row.permissive]
    assert {row.name for row in permissive} == tenant_tables
    assert len(permissive) == len(tenant_tables)
    for row in permissive:
        assert (row.command, row.of_all) == ("*", True), row.name
        assert row.using == row.checked == WALL, row.name


async def test_every_table_of_tenants_says_what_client_organizations_get_of_it(
    engine: AsyncEngine, tenant_tables: set[str]
) -> None:
    restrictive = [row for row in await _rows(engine, POLICIES) if not row.permissive]
    assert all(row.of_all for row in restrictive)
    named = {name: clients for clients, names in OPEN_TO_CLIENTS.items() for name in names}

    for table in sorted(tenant_tables):
        found = {(row.command, row.using, row.checked) for row in restrictive if row.name == table}
        assert found == WALLS[named.get(table, Clients.NOTHING)], table
    assert set(named) <= tenant_tables
    assert all(SHARED.values())


async def test_every_key_of_a_table_of_tenants_is_led_by_the_tenant(
    engine: AsyncEngine, tenant_tables: set[str]
) -> None:
    unique = [row for row in await _rows(engine, LEADERS) if row.name in tenant_tables]
    assert {row.name for row in unique} == tenant_tables
    assert [row.index for row in unique if row.leader != "tenant_id"] == []
    foreign = [row for row in await _rows(engine, FOREIGN_KEYS) if row.name in tenant_tables]
    assert [row.key for row in foreign if (row.leader, row.target) != ("tenant_id", "tenant_id")] == []


async def test_the_login_role_has_no_powers_and_owns_nothing(engine: AsyncEngine) -> None:
    (powers,) = await _rows(engine, POWERS)
    assert not any(powers)
    assert await _rows(engine, OWNED) == []
    (role,) = await _rows(engine, "select current_user as name")
    assert role.name == APP_ROLE


async def test_the_login_role_may_read_and_write_rows_and_nothing_else(engine: AsyncEngine) -> None:
    grants = await _rows(engine, GRANTS)
    assert {row.privilege for row in grants} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    audit = {row.privilege for row in grants if row.name == "audit_record"}
    assert audit == {"SELECT", "INSERT"}


async def test_no_function_or_view_goes_around_the_wall(engine: AsyncEngine) -> None:
    functions = await _rows(engine, FUNCTIONS)
    assert [row.name for row in functions if row.as_owner or row.leakproof] == []
    assert [row.name for row in await _rows(engine, VIEWS) if row.kind == "m" or not row.as_invoker] == []


async def test_without_a_tenant_there_are_no_rows(
    sessions: Sessions, tenant: Tenant, tenant_tables: set[str]
) -> None:
    await factories.application(sessions, tenant)

    async with sessions.begin() as db:
        for name in sorted(tenant_tables):
            assert (await db.execute(text(f"select count(*) from {name}"))).scalar_one() == 0, name  # noqa: S608


async def test_a_tenant_sees_only_its_own(sessions: Sessions, session: TenantSession) -> None:
    other = await factories.tenant(sessions)
    await factories.application(sessions, other)
    seen = (await session.db.execute(text("select distinct tenant_id from audit_record"))).scalars().all()
    assert set(seen) <= {session.tenant_id}


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("select rooted.set_tenant(:other)", "another tenant is set"),
        (
            "insert into sandbox_clock values (:other, :other, now(), now())",
            "row-level security",
        ),
    ],
)
async def test_a_transaction_is_one_tenants(
    sessions: Sessions, tenant: Tenant, statement: str, refusal: str
) -> None:
    with pytest.raises(DBAPIError, match=refusal):
        async with tenant_transaction(sessions, tenant.id) as session:
            await session.db.execute(text(statement), {"other": uuid4()})


@pytest.mark.concurrent
async def test_nothing_of_a_tenant_stays_on_a_connection(own_sessions: Sessions) -> None:
    tenant = await factories.tenant(own_sessions)
    async with own_sessions.begin() as db:
        left = (await db.execute(text("select current_setting('rooted.tenant_id', true)"))).scalar()
    assert not left
    assert tenant
