"""Create arrangements: what became of a verdict."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1700"
down_revision = "20261122_1680"


def upgrade() -> None:
    op.add_column("commitment", sa.Column("ladder", sa.Text()))
    op.add_column("request", sa.Column("submitted_by", sa.Uuid()))
    op.add_column("request", sa.Column("arrangement_id", sa.Uuid()))
    create_tenant_table(
        "arrangement",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("verdict", JSONB(), nullable=False),
        sa.Column("policy_id", sa.Uuid()),
        sa.Column("policy_version_id", sa.Uuid()),
        sa.Column("rule_id", sa.Text()),
        sa.Column("reason", sa.Text()),
        moment("made_at"),
        sa.Column("message", JSONB(), nullable=False),
        sa.Column("proposal", JSONB(), nullable=False),
        sa.Column("carried", JSONB(), nullable=False),
        sa.Column("carried_to", sa.Uuid()),
        sa.Column("state", sa.Text(), nullable=False),
        moment("since"),
        sa.Column("gated", sa.Boolean(), nullable=False),
        moment("answer_by", nullable=True),
        sa.Column("missing", JSONB(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("request", "request_id"), to("decision", "decision_id"), to("request", "carried_to")],
        grants=("select", "insert", "update"),
        clients=Clients.OWN,
    )
    op.create_index("ix_arrangement_tenant_id_request_id", "arrangement", ["tenant_id", "request_id"])
    op.create_index("ix_arrangement_tenant_id_state_id", "arrangement", ["tenant_id", "state", "id"])
    create_tenant_table(
        "arrangement_entry",
        sa.Column("arrangement_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("detail", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "arrangement_id", "number"),
        keys=[to("arrangement", "arrangement_id")],
        grants=APPEND_ONLY,
        clients=Clients.OWN,
    )


def downgrade() -> None:
    op.drop_table("arrangement_entry")
    op.drop_table("arrangement")
    op.drop_column("request", "arrangement_id")
    op.drop_column("request", "submitted_by")
    op.drop_column("commitment", "ladder")
