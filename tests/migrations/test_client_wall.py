"""A database that was used before the wall between clients goes on to work behind it."""

from uuid import UUID, uuid4, uuid5

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from service import schema
from service.db import Sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import ApplicationId, ClientId, TenantId
from service.tenants import applications
from service.tenants.domain import AuthMethod, GrantType, secret_digest
from tests.factories import NOON

pytestmark = pytest.mark.concurrent

BEFORE = "20261122_1400"
CLIENT, APPLICATION, ENDPOINT = uuid4(), uuid4(), uuid4()

ROWS = """
insert into tenant values (:tenant, :slug, 'Harbour', 'live', now());
set local rooted.tenant_id = '{tenant}';
insert into client (tenant_id, id, name, tier, version, created_at)
  values (:tenant, :client, 'Quay', 'gold', 1, now());
insert into application (tenant_id, id, client_id, name, secret_sha256, scopes, created_at)
  values (:tenant, :application, :client, 'Desk', :digest, '["requests:read"]', now());
insert into webhook_endpoint
  (tenant_id, id, client_id, url, types, secret, enabled, version, created_at)
  values (:tenant, :endpoint, :client, 'https://example.com', '[]', 'whsec_', true, 1, now());
insert into event
  (tenant_id, id, type, subject_kind, subject_id, sequence, client_id, audience, occurred_at, payload)
  values (:tenant, :event, 'request.accepted', 'request', :event, 1, :client, 'client', now(), '{{}}');
insert into webhook_delivery (tenant_id, id, endpoint_id, event_id, attempts, state)
  values (:tenant, :delivery, :endpoint, :event, 0, 'pending');
insert into idempotency_key
  (tenant_id, id, application_id, key, fingerprint, status, headers, body, recorded_at)
  values (:tenant, :key, :application, 'k', '', 201, '{{}}', '', now());
set local rooted.tenant_id = ''
"""


async def _plant(database: EmbeddedDatabase, tenant_id: UUID) -> None:
    """Go back to the schema before, use it, and come to the present one again."""
    values = {
        "tenant": tenant_id,
        "slug": f"t-{tenant_id.hex[:12]}",
        "client": CLIENT,
        "application": APPLICATION,
        "endpoint": ENDPOINT,
        "digest": secret_digest("secret"),
        "event": uuid4(),
        "delivery": uuid4(),
        "key": uuid4(),
    }
    engine = create_async_engine(database.owner_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.downgrade(schema.configuration(sync), BEFORE))
        for row in ROWS.split(";"):
            said = text(row.format(tenant=tenant_id))
            await connection.execute(said, {name: values[name] for name in said.compile().params})
        await connection.run_sync(lambda sync: command.upgrade(schema.configuration(sync), "head"))
        await connection.commit()
    await engine.dispose()


async def test_what_was_there_is_found_behind_the_wall(
    own_database: EmbeddedDatabase, own_sessions: Sessions
) -> None:
    tenants = [TenantId(uuid4()), TenantId(uuid4())]
    for tenant_id in tenants:
        await _plant(own_database, tenant_id)

    for tenant_id in tenants:
        async with tenant_transaction(own_sessions, tenant_id) as session:
            desk = await applications.get(session, ApplicationId(APPLICATION))
            console = await applications.get(session, ApplicationId(uuid5(tenant_id, "console")))
            assert len(await applications.list_applications(session, after=None, limit=10)) == 2
        async with tenant_transaction(own_sessions, tenant_id, client_id=ClientId(CLIENT)) as session:
            for table in ("webhook_delivery", "idempotency_key", "webhook_endpoint", "event"):
                count = text(f"select count(*) from {table}")  # noqa: S608 - names of ours
                assert (await session.db.execute(count)).scalar_one() == 1, table

        assert desk.knows("secret", NOON)
        assert (desk.auth_method, desk.client_id) == (AuthMethod.CLIENT_SECRET, CLIENT)
        assert desk.grant_types == {GrantType.CLIENT_CREDENTIALS}
        assert console.is_console
        assert console.auth_method is AuthMethod.NONE
