"""Create the event feed, webhook endpoints, and what is delivered to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261122_1251"
down_revision = "20261122_1250"


def upgrade() -> None:
    create_tenant_table(
        "event",
        sa.Column(
            "tx",
            sa.BigInteger(),
            nullable=False,
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("audience", sa.Text(), nullable=False),
        moment("occurred_at"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("payload", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "subject_id", "sequence"),
        grants=APPEND_ONLY,
        clients=None,
    )
    op.create_index("ix_event_tenant_id_tx_id", "event", ["tenant_id", "tx", "id"])
    create_tenant_table(
        "webhook_endpoint",
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", JSONB(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        keys=[to("client", "client_id")],
        clients=None,
    )
    create_tenant_table(
        "webhook_delivery",
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        moment("attempted_at", nullable=True),
        moment("delivered_at", nullable=True),
        keys=[to("webhook_endpoint", "endpoint_id"), to("event", "event_id")],
        clients=None,
    )
    op.create_index(
        "ix_webhook_delivery_tenant_id_endpoint_id", "webhook_delivery", ["tenant_id", "endpoint_id"]
    )


def downgrade() -> None:
    for table in ("webhook_delivery", "webhook_endpoint", "event"):
        op.drop_table(table)
