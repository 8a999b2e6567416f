"""Create the limits of tenants and the buckets of their rates, and give each queued job its tenant's lane."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import Clients, create_tenant_table, moment

revision = "20261122_1440"
down_revision = "20261122_1430"


def upgrade() -> None:
    create_tenant_table(
        "tenant_limit",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        moment("changed_at"),
        clients=Clients.READ_ALL,
    )
    op.create_unique_constraint("uq_tenant_limit_tenant_id_name", "tenant_limit", ["tenant_id", "name"])
    create_tenant_table(
        "rate_bucket", moment("full_at"), sa.Column("granted", sa.BigInteger(), nullable=False)
    )
    op.execute("alter table rate_bucket set unlogged")
    op.create_index(
        "ix_commitment_tenant_id_open",
        "commitment",
        ["tenant_id"],
        postgresql_where=sa.text("clock <> 'stopped'"),
    )
    op.add_column(
        "pgqueuer",
        sa.Column("lane", sa.Uuid(), nullable=False, server_default=sa.text(f"'{'0' * 32}'")),
    )
    op.create_index(
        "ix_pgqueuer_lane_execute_after_id",
        "pgqueuer",
        ["lane", "execute_after", "id"],
        postgresql_where=sa.text("status = 'queued'"),
    )


def downgrade() -> None:
    op.drop_index("ix_pgqueuer_lane_execute_after_id", "pgqueuer")
    op.drop_column("pgqueuer", "lane")
    op.drop_index("ix_commitment_tenant_id_open", "commitment")
    op.drop_table("rate_bucket")
    op.drop_table("tenant_limit")
