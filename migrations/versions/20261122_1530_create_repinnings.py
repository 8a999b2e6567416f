"""Create the operation that puts running promises on a new version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, moment, to

revision = "20261122_1530"
down_revision = "20261122_1520"

UNDER_WAY = sa.text("state in ('queued', 'running') and preview_id is not null")
"""Of previews any number may be."""


def upgrade() -> None:
    create_tenant_table(
        "repinning",
        sa.Column("policy_id", sa.Uuid()),
        sa.Column("calendar_id", sa.Uuid()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("preview_id", sa.Uuid()),
        sa.Column("scope", JSONB(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("actor", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("last_request_id", sa.Uuid()),
        sa.Column("total", sa.Integer()),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("repinned", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("promises", JSONB(), nullable=False),
        sa.Column("deviation", JSONB()),
        moment("created_at"),
        moment("ended_at", nullable=True),
        keys=[to("policy", "policy_id"), to("calendar", "calendar_id"), to("repinning", "preview_id")],
    )
    for subject in ("policy_id", "calendar_id"):
        op.create_index(
            f"ix_repinning_tenant_id_{subject}_under_way",
            "repinning",
            ["tenant_id", subject],
            unique=True,
            postgresql_where=UNDER_WAY,
        )
    create_tenant_table(
        "repinning_change",
        sa.Column("repinning_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("rules", JSONB(), nullable=False),
        sa.Column("promises", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "repinning_id", "request_id"),
        keys=[to("repinning", "repinning_id"), to("request", "request_id")],
    )


def downgrade() -> None:
    for table in ("repinning_change", "repinning"):
        op.drop_table(table)
