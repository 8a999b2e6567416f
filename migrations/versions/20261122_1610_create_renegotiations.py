"""Create renegotiations: what is proposed instead of a promise, and what the user says to it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import Clients, create_tenant_table, moment, to

revision = "20261122_1610"
down_revision = "20261122_1600"

OPEN = sa.text("state in ('waiting', 'countered')")


def upgrade() -> None:
    create_tenant_table(
        "renegotiation",
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        moment("proposed_at"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tried", sa.Text(), nullable=False),
        sa.Column("remedies", JSONB(), nullable=False),
        moment("original_due_at", nullable=True),
        sa.Column("working_distance_seconds", sa.Float()),
        moment("proposed_due_at"),
        moment("answer_by"),
        sa.Column("silence", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        moment("since"),
        moment("due_at"),
        sa.Column("by_silence", sa.Boolean(), nullable=False),
        sa.Column("answer", JSONB()),
        sa.Column("settlement", JSONB()),
        sa.Column("withdrawal", JSONB()),
        sa.Column("revised_id", sa.Uuid()),
        sa.Column("link_sha256", sa.LargeBinary()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("commitment", "commitment_id"), to("request", "request_id"), to("commitment", "revised_id")],
        grants=("select", "insert", "update"),
        clients=Clients.OWN,
    )
    op.create_index(
        "ix_renegotiation_tenant_id_commitment_id", "renegotiation", ["tenant_id", "commitment_id"]
    )
    op.create_index("ix_renegotiation_tenant_id_request_id", "renegotiation", ["tenant_id", "request_id"])
    op.create_index(
        "ix_renegotiation_tenant_id_commitment_id_open",
        "renegotiation",
        ["tenant_id", "commitment_id"],
        unique=True,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    op.drop_table("renegotiation")
