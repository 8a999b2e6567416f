"""Raise the wall between the client organizations of a tenant, and say more of them and of applications.

A transaction may be confined to one client organization; row security then hides the rows of all others.
Rows that hang on a request have had a `client_id` from the start; what has been without one gets it here.
"""

from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import (
    THE_CLIENT,
    Clients,
    add_key,
    create_tenant_table,
    in_each_tenant,
    moment,
    tear_down,
    to,
    wall_off,
)

revision = "20261122_1410"
down_revision = "20261122_1400"


SET_CLIENT = """
create function rooted.set_tenant(t uuid, c uuid) returns void language plpgsql as $$
declare current_client text := nullif(current_setting('rooted.client_id', true), '');
begin
  perform rooted.set_tenant(t);
  if current_client <> c::text then
    raise exception 'another client is set in this transaction' using errcode = '42501';
  end if;
  execute format('set local rooted.client_id = %L', c::text);
end $$
"""
ADD_CONSOLE = """
insert into application (
  tenant_id, id, client_id, name, secret_sha256, scopes, created_at, revoked_at,
  auth_method, grant_types, redirect_uris, version
) values (
  :tenant, :console, null, 'Console', null, '[]', now(), null, 'none',
  '["authorization_code", "refresh_token"]', '["http://127.0.0.1/callback", "http://[::1]/callback"]', 1
)
"""
"""Its scopes are all there are, so none is named."""

WALLS = {
    "application": Clients.NOTHING,
    "audit_record": Clients.OWN,
    "calendar": Clients.READ_OWN,
    "calendar_version": Clients.READ_OWN,
    "client": Clients.READ_ITSELF,
    "commitment": Clients.OWN,
    "commitment_entry": Clients.OWN,
    "decision": Clients.OWN,
    "event": Clients.OWN,
    "idempotency_key": Clients.OWN,
    "policy": Clients.READ_ALL,
    "policy_pointer": Clients.READ_ALL,
    "policy_version": Clients.READ_ALL,
    "request": Clients.OWN,
    "request_event": Clients.OWN,
    "sandbox_clock": Clients.READ_ALL,
    "service": Clients.READ_ALL,
    "webhook_delivery": Clients.OWN,
    "webhook_endpoint": Clients.OWN,
}
NAMES = "uq_request_tenant_id_source_external_id"
NAMES_BY_SENDER = "uq_request_tenant_id_source_client_id_source_external_id"


def upgrade() -> None:
    op.execute(SET_CLIENT)
    _extend_applications()
    _extend_clients()
    _extend_requests()
    _name_clients_of_rows()
    in_each_tenant(_work_on_rows)
    for name, clients in WALLS.items():
        wall_off(name, clients)


def downgrade() -> None:
    for name in WALLS:
        tear_down(name)
    in_each_tenant(_drop_what_is_new)
    op.drop_constraint(NAMES_BY_SENDER, "request")
    for column in ("contact_id", "source_client_id"):
        op.drop_column("request", column)
    op.create_unique_constraint(NAMES, "request", ["tenant_id", "source", "external_id"])
    op.drop_table("contact")
    for name in ("calendar", "calendar_version", "idempotency_key", "webhook_delivery"):
        op.drop_column(name, "client_id")
    for column in ("calendar", "profile"):
        op.drop_column("client", column)
    for column in (
        *("version", "previous_secret_until", "previous_secret_sha256"),
        *("jwks", "redirect_uris", "grant_types", "auth_method"),
    ):
        op.drop_column("application", column)
    op.alter_column("application", "secret_sha256", nullable=False)
    op.execute("drop function rooted.set_tenant(uuid, uuid)")


def _extend_applications() -> None:
    _add("application", sa.Column("auth_method", sa.Text(), nullable=False), "'client_secret'")
    _add("application", sa.Column("grant_types", JSONB(), nullable=False), """'["client_credentials"]'""")
    _add("application", sa.Column("redirect_uris", JSONB(), nullable=False), "'[]'")
    op.add_column("application", sa.Column("jwks", JSONB(), nullable=True))
    op.alter_column("application", "secret_sha256", nullable=True)
    op.add_column("application", sa.Column("previous_secret_sha256", sa.LargeBinary(), nullable=True))
    op.add_column("application", moment("previous_secret_until", nullable=True))
    _add("application", sa.Column("version", sa.Integer(), nullable=False), "1")


def _extend_clients() -> None:
    _add("client", sa.Column("profile", JSONB(), nullable=False), "'{}'")
    op.add_column("client", sa.Column("calendar", sa.Text(), nullable=True))
    create_tenant_table(
        "contact",
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        keys=[to("client", "client_id")],
        clients=Clients.OWN,
    )
    op.create_index(
        "ux_contact_tenant_id_client_id_external_id",
        "contact",
        ["tenant_id", "client_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
        postgresql_nulls_not_distinct=True,
    )


def _extend_requests() -> None:
    op.add_column("request", sa.Column("source_client_id", sa.Uuid(), nullable=True))
    op.add_column("request", sa.Column("contact_id", sa.Uuid(), nullable=True))
    add_key("request", to("client", "source_client_id"))
    add_key("request", to("contact", "contact_id"))
    op.drop_constraint(NAMES, "request")
    op.create_unique_constraint(
        NAMES_BY_SENDER,
        "request",
        ["tenant_id", "source_client_id", "source", "external_id"],
        postgresql_nulls_not_distinct=True,
    )


def _name_clients_of_rows() -> None:
    op.add_column("calendar", sa.Column("client_id", sa.Uuid(), nullable=True))
    add_key("calendar", to("client", "client_id"))
    op.add_column("calendar_version", sa.Column("client_id", sa.Uuid(), nullable=True))
    op.add_column("webhook_delivery", sa.Column("client_id", sa.Uuid(), nullable=True))
    op.add_column("idempotency_key", sa.Column("client_id", sa.Uuid(), nullable=True))
    op.alter_column("idempotency_key", "client_id", server_default=sa.text(f"{THE_CLIENT}::uuid"))


def _work_on_rows(tenant_id: UUID) -> None:
    """Say of what is there already whose it is, and give the tenant its console."""
    tenant = {"tenant": tenant_id}
    connection = op.get_bind()
    connection.execute(sa.text(ADD_CONSOLE), {**tenant, "console": uuid5(tenant_id, "console")})
    connection.execute(
        sa.text(
            "update webhook_delivery d set client_id = e.client_id from webhook_endpoint e"
            " where d.tenant_id = :tenant and e.tenant_id = :tenant and e.id = d.endpoint_id"
        ),
        tenant,
    )
    connection.execute(
        sa.text(
            "update idempotency_key k set client_id = a.client_id from application a"
            " where k.tenant_id = :tenant and a.tenant_id = :tenant and a.id = k.application_id"
        ),
        tenant,
    )


def _drop_what_is_new(tenant_id: UUID) -> None:
    """Applications without a secret have no place in the schema before."""
    op.get_bind().execute(
        sa.text("delete from application where tenant_id = :tenant and secret_sha256 is null"),
        {"tenant": tenant_id},
    )


def _add(table: str, column: sa.Column[object], default: str) -> None:
    """Add a column that must not be null: rows that are there get `default`, new ones always name it."""
    column.server_default = sa.DefaultClause(sa.text(default))
    op.add_column(table, column)
    op.alter_column(table, str(column.name), server_default=None)
