"""Create requests, their event ledger, and the decisions made on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261122_1240"
down_revision = "20261122_1230"


def upgrade() -> None:
    create_tenant_table(
        "request",
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        moment("opened_at"),
        moment("received_at"),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.UniqueConstraint("tenant_id", "source", "external_id"),
        keys=[to("client", "client_id"), to("service", "service_id")],
        clients=None,
    )
    create_tenant_table(
        "request_event",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        moment("occurred_at"),
        sa.Column("source_sequence", sa.BigInteger(), nullable=False),
        moment("received_at"),
        sa.Column("detail", JSONB(), nullable=False),
        sa.Column("backdated", sa.Boolean(), nullable=False),
        keys=[to("request", "request_id")],
        grants=APPEND_ONLY,
        clients=None,
    )
    op.create_index("ix_request_event_tenant_id_request_id", "request_event", ["tenant_id", "request_id"])
    create_tenant_table(
        "decision",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("request_event_id", sa.Uuid(), nullable=False),
        moment("decided_at"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("versions", JSONB(), nullable=False),
        sa.Column("calendars", JSONB(), nullable=False),
        sa.Column("policy_version_id", sa.Uuid(), nullable=True),
        sa.Column("rule_id", sa.Text(), nullable=True),
        sa.Column("matched", JSONB(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        keys=[to("request", "request_id"), to("request_event", "request_event_id")],
        grants=APPEND_ONLY,
        clients=None,
    )
    op.create_index("ix_decision_tenant_id_request_id", "decision", ["tenant_id", "request_id"])


def downgrade() -> None:
    for table in ("decision", "request_event", "request"):
        op.drop_table(table)
