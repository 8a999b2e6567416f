"""Create the wake-ups: when each promise must be looked at again."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import create_platform_table, moment

revision = "20261122_1250"
down_revision = "20261122_1245"

KEEP_IT_SMALL = """
alter table wake_up set (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0.05
)
"""
"""Each row is updated once and then deleted: dead rows would soon outnumber the live ones."""


def upgrade() -> None:
    create_platform_table(
        "wake_up",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        moment("fire_at"),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        moment("claimed_until", nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subject_kind", "subject_id"),
    )
    op.execute(KEEP_IT_SMALL)
    op.create_index("ix_wake_up_fire_at", "wake_up", ["fire_at"], postgresql_where=sa.text("not sandbox"))
    op.create_index("ix_wake_up_tenant_id_fire_at", "wake_up", ["tenant_id", "fire_at"])


def downgrade() -> None:
    op.drop_table("wake_up")
