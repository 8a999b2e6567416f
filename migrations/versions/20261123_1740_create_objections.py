"""Create objections: what is held against a decision, what was said of it, and how soon it is decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1740"
down_revision = "20261123_1730"

CHANGED_ONLY = ("select", "insert", "update")


def upgrade() -> None:
    create_tenant_table(
        "objection",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("service_id", sa.Uuid()),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid()),
        sa.Column("policy_id", sa.Uuid()),
        sa.Column("policy_version", sa.Integer()),
        sa.Column("rule_id", sa.Text()),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("asks_for", sa.Text(), nullable=False),
        moment("raised_at"),
        moment("due_at"),
        sa.Column("state", sa.Text(), nullable=False),
        moment("since"),
        sa.Column("decided_by", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("request", "request_id"), to("commitment", "commitment_id")],
        grants=CHANGED_ONLY,
        clients=Clients.OWN,
    )
    for column in ("request_id", "subject_id", "raised_at"):
        op.create_index(f"ix_objection_tenant_id_{column}", "objection", ["tenant_id", column])
    op.create_index(
        "ix_objection_tenant_id_subject_id_raised_by_open",
        "objection",
        ["tenant_id", "subject_kind", "subject_id", "raised_by"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    create_tenant_table(
        "objection_entry",
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("detail", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "objection_id", "number"),
        keys=[to("objection", "objection_id")],
        grants=APPEND_ONLY,
        clients=Clients.OWN,
    )
    create_tenant_table(
        "objection_terms",
        sa.Column("target", JSONB(), nullable=False),
        sa.Column("calendar", sa.Text()),
        sa.Column("ladder", sa.Text()),
        sa.Column("warn_before_seconds", sa.Integer()),
        sa.Column("version", sa.Integer(), nullable=False),
        grants=CHANGED_ONLY,
        clients=Clients.READ_ALL,
    )


def downgrade() -> None:
    op.drop_table("objection_terms")
    op.drop_table("objection_entry")
    op.drop_table("objection")
