"""Create the registers of accidents, reviews and improvements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261123_1760"
down_revision = "20261123_1750"


def upgrade() -> None:
    _create_improvements()


def downgrade() -> None:
    op.drop_table("improvement_entry")
    op.drop_table("improvement")


def _create_improvements() -> None:
    create_tenant_table(
        "improvement",
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("came_from", sa.Uuid(), nullable=True),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=False),
        moment("opened_at"),
        moment("ended_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("member", "owner_id")],
    )
    op.create_index(
        "ix_improvement_tenant_id_key_open",
        "improvement",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("state in ('open', 'in_progress')"),
    )
    op.create_index("ix_improvement_tenant_id_state", "improvement", ["tenant_id", "state", "id"])
    create_tenant_table(
        "improvement_entry",
        sa.Column("improvement_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        moment("recorded_at"),
        sa.Column("changes", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "improvement_id", "version"),
        keys=[to("improvement", "improvement_id")],
        grants=APPEND_ONLY,
    )
