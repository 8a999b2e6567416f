"""Create backtests, their parts, and the requests that would change."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, moment, to

revision = "20261122_1540"
down_revision = "20261122_1530"


def upgrade() -> None:
    create_tenant_table(
        "backtest",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("spec", JSONB(), nullable=False),
        sa.Column("basis", JSONB(), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        moment("reached_at", nullable=True),
        sa.Column("reached_id", sa.Uuid(), nullable=True),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.Column("busy_seconds", sa.Double[float](), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("result", JSONB(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        moment("created_at"),
        moment("began_at", nullable=True),
        moment("ended_at", nullable=True),
    )
    create_tenant_table(
        "backtest_part",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("totals", JSONB(), nullable=False),
        keys=[to("backtest", "backtest_id")],
    )
    op.create_unique_constraint(
        "uq_backtest_part_tenant_id_backtest_id_number",
        "backtest_part",
        ["tenant_id", "backtest_id", "number"],
    )
    create_tenant_table(
        "backtest_change",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kinds", JSONB(), nullable=False),
        sa.Column("change", JSONB(), nullable=False),
        keys=[to("backtest", "backtest_id")],
    )
    op.create_unique_constraint(
        "uq_backtest_change_tenant_id_backtest_id_place",
        "backtest_change",
        ["tenant_id", "backtest_id", "place"],
    )
    op.create_index("ix_request_tenant_id_opened_at_id", "request", ["tenant_id", "opened_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_request_tenant_id_opened_at_id", "request")
    op.drop_table("backtest_change")
    op.drop_table("backtest_part")
    op.drop_table("backtest")
