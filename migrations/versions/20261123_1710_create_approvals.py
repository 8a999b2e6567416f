"""Create approvals, and who answers for whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1710"
down_revision = "20261123_1700"

KEPT = ("select", "insert", "update")


def upgrade() -> None:
    create_tenant_table(
        "approval",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("service_id", sa.Uuid()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("gate", JSONB(), nullable=False),
        sa.Column("seats", JSONB(), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("persons_min", sa.Integer(), nullable=False),
        sa.Column("submitted_by", sa.Uuid()),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("requester", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        moment("since"),
        moment("deadline_at", nullable=True),
        sa.Column("commitment_id", sa.Uuid()),
        sa.Column("untold", sa.Boolean(), nullable=False),
        sa.Column("asked_position", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("request", "request_id"), to("commitment", "commitment_id")],
        grants=KEPT,
        clients=Clients.OWN,
    )
    op.create_index("ix_approval_tenant_id_request_id", "approval", ["tenant_id", "request_id"])
    op.create_index(
        "ix_approval_tenant_id_pending",
        "approval",
        ["tenant_id", "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    create_tenant_table(
        "approval_entry",
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("member_id", sa.Uuid()),
        sa.Column("on_behalf_of", sa.Uuid()),
        sa.Column("detail", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "approval_id", "position"),
        keys=[to("approval", "approval_id")],
        grants=APPEND_ONLY,
        clients=Clients.OWN,
    )
    _create_delegation()


def _create_delegation() -> None:
    create_tenant_table(
        "delegation",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("deputy_id", sa.Uuid(), nullable=False),
        moment("from_at"),
        moment("until_at"),
        sa.Column("seats", JSONB()),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        moment("created_at"),
        moment("ended_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        keys=[to("member", "member_id"), to("member", "deputy_id")],
        grants=KEPT,
    )
    for column in ("member_id", "deputy_id"):
        op.create_index(f"ix_delegation_tenant_id_{column}", "delegation", ["tenant_id", column])


def downgrade() -> None:
    for table in ("delegation", "approval_entry", "approval"):
        op.drop_table(table)
