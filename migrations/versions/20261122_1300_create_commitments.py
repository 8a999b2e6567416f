"""Create promises, and the ledger of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261122_1300"
down_revision = "20261122_1255"


def upgrade() -> None:
    create_tenant_table(
        "commitment",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("target", JSONB(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        moment("started_at"),
        moment("due_at", nullable=True),
        moment("warn_at", nullable=True),
        moment("fulfilled_at", nullable=True),
        moment("cancelled_at", nullable=True),
        moment("warned_at", nullable=True),
        moment("broken_at", nullable=True),
        moment("corrected_at", nullable=True),
        sa.Column("flags", JSONB(), nullable=False),
        moment("looked_at"),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("request", "request_id")],
        clients=None,
    )
    op.create_index("ix_commitment_tenant_id_request_id", "commitment", ["tenant_id", "request_id"])
    op.create_index("ix_commitment_tenant_id_due_at", "commitment", ["tenant_id", "due_at"])
    create_tenant_table(
        "commitment_entry",
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("occurred_at"),
        sa.Column("source_sequence", sa.BigInteger(), nullable=False),
        moment("received_at"),
        sa.Column("detail", JSONB(), nullable=False),
        keys=[to("commitment", "commitment_id")],
        grants=APPEND_ONLY,
        clients=None,
    )
    op.create_index(
        "ix_commitment_entry_tenant_id_commitment_id", "commitment_entry", ["tenant_id", "commitment_id"]
    )


def downgrade() -> None:
    op.drop_table("commitment_entry")
    op.drop_table("commitment")
