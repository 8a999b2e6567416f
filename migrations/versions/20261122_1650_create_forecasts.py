"""Create what forecasts are made from: how long promises of the past took, by cohort."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import Clients, create_tenant_table, moment, to

revision = "20261122_1650"
down_revision = "20261122_1640"

WRITTEN_ONCE = ("select", "insert", "delete")


def upgrade() -> None:
    create_tenant_table(
        "forecast",
        moment("made_at"),
        sa.Column("promises", sa.Integer(), nullable=False),
        sa.Column("newest", sa.Uuid(), nullable=False),
        grants=WRITTEN_ONCE,
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "forecast_curve",
        sa.Column("forecast_id", sa.Uuid(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("promises", sa.Integer(), nullable=False),
        sa.Column("fulfilled", sa.Integer(), nullable=False),
        moment("since"),
        moment("made_at"),
        sa.Column("steps", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "forecast_id", "cohort"),
        keys=[to("forecast", "forecast_id")],
        grants=WRITTEN_ONCE,
        clients=Clients.READ_ALL,
    )
    op.add_column("commitment", sa.Column("used_seconds", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("commitment", "used_seconds")
    op.drop_table("forecast_curve")
    op.drop_table("forecast")
