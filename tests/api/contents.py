"""What a tenant's tables hold, as a digest of each: two that are equal hold the same, to the last digit."""

from sqlalchemy import text

from service.db import TenantSession

TABLES = text("""
select c.relname as name,
  exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'client_id') as of_clients
from pg_class c
where c.relkind = 'r' and c.relrowsecurity and c.relnamespace = 'public'::regnamespace
order by c.relname
""")
DIGEST = """
select md5(coalesce(string_agg(held::text, '\n' order by held::text), '')) as digest
from {name} as held where tenant_id = :tenant_id {condition}
"""


async def digests(session: TenantSession, *, client_id: str | None = None) -> dict[str, str]:
    """By table; with a client's id only the tables that have rows of clients, and of them only its rows."""
    found: dict[str, str] = {}
    for table in await session.db.execute(TABLES):
        if client_id is not None and not table.of_clients:
            continue
        condition = "" if client_id is None else "and client_id = :client_id"
        query = text(DIGEST.format(name=table.name, condition=condition))
        named = {"tenant_id": session.tenant_id} | ({} if client_id is None else {"client_id": client_id})
        found[table.name] = (await session.db.execute(query, named)).scalar_one()
    return found
