"""Let a tenant declare facts of its own, and count its history for rules.

A version of a policy keeps the declarations that it was checked against. History is counted over all clients
of the tenant, whoever submits, by one function that answers with numbers only. Each count is bounded and has
an index; row security lets an index be used for plain columns only, so what is counted by is a column.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, in_each_tenant, moment

revision = "20261122_1520"
down_revision = "20261122_1510"

COUNT_HISTORY = """
create function rooted.count_history(
  t uuid, asked text[], subject uuid, the_client uuid, the_service uuid, the_category text,
  the_requester text, until timestamptz
) returns jsonb language plpgsql as $$
declare
  confined_to constant text := coalesce(current_setting('rooted.client_id', true), '');
  states constant text[] := '{open,resolved,closed,cancelled}';
  most constant integer := 10000;
  hour constant interval := interval '1 hour';
  counted bigint;
  share double precision;
  told jsonb := '{}';
begin
  if confined_to <> '' then
    execute 'set local rooted.client_id = ''''';
  end if;

  if 'history.same_service_1h' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.service_id = the_service and r.state = any(states)
        and r.received_at > until - hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('history.same_service_1h', counted);
  end if;
  if 'history.same_service_24h' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.service_id = the_service and r.state = any(states)
        and r.received_at > until - 24 * hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('history.same_service_24h', counted);
  end if;
  if 'history.same_client_24h' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.client_id = the_client and r.state = any(states)
        and r.received_at > until - 24 * hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('history.same_client_24h', counted);
  end if;
  if 'history.same_requester_7d' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.requester = the_requester and r.client_id is not distinct from the_client
        and r.received_at > until - 7 * 24 * hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('history.same_requester_7d', counted);
  end if;
  if 'history.same_category_24h' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.category = the_category
        and r.received_at > until - 24 * hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('history.same_category_24h', counted);
  end if;

  if 'client.open_requests' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.client_id = the_client and r.state = 'open' and r.received_at <= until
        and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('client.open_requests', counted);
  end if;
  if 'client.requests_30d' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.client_id = the_client and r.state = any(states)
        and r.received_at > until - 30 * 24 * hour and r.received_at <= until and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('client.requests_30d', counted);
  end if;
  if 'client.breaches_30d' = any(asked) then
    select count(*) into counted from (
      select from commitment c
      where c.tenant_id = t and c.client_id = the_client and c.corrected_at is null
        and c.broken_at > until - 30 * 24 * hour and c.broken_at <= until and c.request_id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('client.breaches_30d', counted);
  end if;
  if 'client.kept_share_30d' = any(asked) then
    select (count(*) filter (where not settled.is_broken))::double precision / nullif(count(*), 0)
    into share from (
      select of_either.is_broken from (
        (
          select c.fulfilled_at as settled_at, false as is_broken from commitment c
          where c.tenant_id = t and c.client_id = the_client and c.outcome = 'kept'
            and c.fulfilled_at > until - 30 * 24 * hour and c.fulfilled_at <= until
            and c.request_id <> subject
          order by c.fulfilled_at desc limit most
        )
        union all
        (
          select c.broken_at, true from commitment c
          where c.tenant_id = t and c.client_id = the_client and c.corrected_at is null
            and c.broken_at > until - 30 * 24 * hour and c.broken_at <= until
            and c.request_id <> subject
          order by c.broken_at desc limit most
        )
      ) of_either
      order by of_either.settled_at desc, of_either.is_broken desc limit most
    ) settled;
    told := told || jsonb_build_object('client.kept_share_30d', share);
  end if;

  if 'service.open_requests' = any(asked) then
    select count(*) into counted from (
      select from request r
      where r.tenant_id = t and r.service_id = the_service and r.state = 'open' and r.received_at <= until
        and r.id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('service.open_requests', counted);
  end if;
  if 'service.breaches_30d' = any(asked) then
    select count(*) into counted from (
      select from commitment c
      where c.tenant_id = t and c.service_id = the_service and c.corrected_at is null
        and c.broken_at > until - 30 * 24 * hour and c.broken_at <= until and c.request_id <> subject
      limit most
    ) them;
    told := told || jsonb_build_object('service.breaches_30d', counted);
  end if;

  if confined_to <> '' then
    execute format('set local rooted.client_id = %L', confined_to);
  end if;
  return told;
end $$
"""
"""A SET clause of the function would do on plain PostgreSQL; Citus tells its workers only of SET LOCAL."""

DROP_COUNT_HISTORY = (
    "drop function rooted.count_history(uuid, text[], uuid, uuid, uuid, text, text, timestamptz)"
)
INDEXES = {
    "request": (
        ("client_id", "state", "received_at"),
        ("service_id", "state", "received_at"),
        ("category", "received_at"),
        ("requester", "received_at"),
    ),
    "commitment": (
        ("client_id", "fulfilled_at"),
        ("client_id", "broken_at"),
        ("service_id", "broken_at"),
    ),
}
"""What is counted by; each led by the tenant. Few promises are broken, so those indexes hold only these."""


def upgrade() -> None:
    create_tenant_table(
        "fact",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("allowed", JSONB(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
    )
    op.add_column(
        "policy_version", sa.Column("declarations", JSONB(), nullable=False, server_default=sa.text("'{}'"))
    )
    op.alter_column("policy_version", "declarations", server_default=None)
    op.add_column("commitment", sa.Column("service_id", sa.Uuid(), nullable=True))
    in_each_tenant(_name_services_of_promises)
    _add_what_is_counted_by()
    for table, indexes in INDEXES.items():
        for columns in indexes:
            where = sa.text("broken_at is not null") if "broken_at" in columns else None
            op.create_index(_index(table, columns), table, ["tenant_id", *columns], postgresql_where=where)
    op.execute(COUNT_HISTORY)


def downgrade() -> None:
    op.execute(DROP_COUNT_HISTORY)
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.drop_index(_index(table, columns), table)
    for column in ("requester", "category"):
        op.drop_column("request", column)
    op.drop_column("commitment", "service_id")
    op.drop_column("policy_version", "declarations")
    op.drop_table("fact")


def _add_what_is_counted_by() -> None:
    computed = {
        "category": "facts ->> 'category'",
        "requester": "coalesce(contact_id::text, facts ->> 'requester')",
    }
    for name, expression in computed.items():
        op.add_column("request", sa.Column(name, sa.Text(), sa.Computed(expression, persisted=True)))


def _name_services_of_promises(tenant_id: UUID) -> None:
    op.get_bind().execute(
        sa.text(
            "update commitment c set service_id = r.service_id from request r"
            " where c.tenant_id = :tenant and r.tenant_id = :tenant and r.id = c.request_id"
        ),
        {"tenant": tenant_id},
    )


def _index(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_tenant_id_{'_'.join(columns)}"
