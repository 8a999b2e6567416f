"""Create the tenant wall and what stands behind it first: clients, applications, services, audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import (
    APP_ROLE,
    APPEND_ONLY,
    create_platform_table,
    create_tenant_table,
    moment,
    to,
)

revision = "20261122_1200"
down_revision = None

SET_TENANT = """
create function rooted.set_tenant(t uuid) returns void language plpgsql as $$
declare current_tenant text := nullif(current_setting('rooted.tenant_id', true), '');
begin
  if current_tenant <> t::text then
    raise exception 'another tenant is set in this transaction' using errcode = '42501';
  end if;
  execute format('set local rooted.tenant_id = %L', t::text);
end $$
"""


def upgrade() -> None:
    op.execute("create schema if not exists rooted")
    op.execute(SET_TENANT)
    op.execute(f"grant usage on schema rooted to {APP_ROLE}")
    create_platform_table(
        "tenant",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("slug", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("created_at"),
        grants=("select", "insert", "update"),
    )
    create_platform_table(
        "signing_key",
        sa.Column("kid", sa.Text(), primary_key=True),
        sa.Column("private_jwk", JSONB(), nullable=False),
        moment("created_at"),
        moment("retired_at", nullable=True),
    )
    create_tenant_table(
        "sandbox_clock",
        moment("now_at"),
        moment("target_at"),
        clients=None,
    )
    create_tenant_table(
        "client",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=None,
    )
    create_tenant_table(
        "application",
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        moment("created_at"),
        moment("revoked_at", nullable=True),
        keys=[to("client", "client_id")],
        clients=None,
    )
    create_tenant_table(
        "service",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_group", sa.Text(), nullable=True),
        sa.Column("criticality", sa.Text(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=None,
    )
    create_tenant_table(
        "audit_record",
        moment("recorded_at"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("http_request_id", sa.Text(), nullable=True),
        grants=APPEND_ONLY,
        clients=None,
    )


def downgrade() -> None:
    for table in (
        "audit_record",
        "service",
        "application",
        "client",
        "sandbox_clock",
        "signing_key",
        "tenant",
    ):
        op.drop_table(table)
    op.execute("drop function rooted.set_tenant(uuid)")
    op.execute("drop schema rooted")
