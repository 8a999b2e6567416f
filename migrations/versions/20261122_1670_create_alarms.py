"""Create alarms of the auditor, the beats of workers, and how the auditor's rounds went."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import create_platform_table, create_tenant_table, moment

revision = "20261122_1670"
down_revision = "20261122_1660"


def upgrade() -> None:
    create_tenant_table(
        "alarm",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("mended", sa.Boolean(), nullable=False),
        moment("first_seen_at"),
        moment("last_seen_at"),
        moment("cleared_at", nullable=True),
    )
    op.create_index(
        "ix_alarm_tenant_id_open",
        "alarm",
        ["tenant_id", "kind", "subject_kind", "subject_id"],
        unique=True,
        postgresql_where=sa.text("cleared_at is null"),
    )
    create_platform_table(
        "platform_alarm",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("detail", sa.Text(), nullable=False),
        moment("first_seen_at"),
        moment("last_seen_at"),
    )
    create_platform_table(
        "worker_beat",
        sa.Column("id", sa.Uuid(), primary_key=True),
        moment("began_at"),
        moment("beat_at"),
    )
    create_platform_table(
        "auditor_round",
        sa.Column("id", sa.Integer(), autoincrement=False, primary_key=True),
        moment("first_began_at"),
        moment("began_at"),
        moment("claimed_until", nullable=True),
        moment("succeeded_at", nullable=True),
        sa.Column("failure", sa.Text()),
        moment("heartbeat_at", nullable=True),
        sa.Column("last_tenant_id", sa.Uuid()),
    )
    create_platform_table(
        "alarm_tally",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("standing", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    for table in ("alarm_tally", "auditor_round", "worker_beat", "platform_alarm", "alarm"):
        op.drop_table(table)
