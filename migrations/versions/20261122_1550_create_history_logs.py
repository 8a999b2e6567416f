"""Create logs of past requests that were brought in for backtests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, moment, to

revision = "20261122_1550"
down_revision = "20261122_1540"


def upgrade() -> None:
    create_tenant_table(
        "history_log",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mapping_sha256", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("bad_rows", sa.Integer(), nullable=False),
        moment("first_at", nullable=True),
        moment("last_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        moment("completed_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "name"),
    )
    create_tenant_table(
        "history_case",
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        moment("opened_at"),
        moment("last_at"),
        sa.Column("submission", JSONB(), nullable=False),
        sa.Column("events", JSONB(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("tenant_id", "log_id", "external_id"),
        keys=[to("history_log", "log_id")],
        grants=("select", "insert", "delete"),
    )
    op.create_index(
        "ix_history_case_tenant_id_log_id_opened_at_id",
        "history_case",
        ["tenant_id", "log_id", "opened_at", "id"],
    )


def downgrade() -> None:
    op.drop_table("history_case")
    op.drop_table("history_log")
