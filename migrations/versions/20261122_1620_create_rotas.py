"""Create rotas."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, moment, to

revision = "20261122_1620"
down_revision = "20261122_1610"

TABLES = ("rota", "rota_override", "rota_feed")


def upgrade() -> None:
    create_tenant_table(
        "rota",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("rotations", JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        moment("changed_at"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_rota_tenant_id_name"),
    )
    create_tenant_table(
        "rota_override",
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        moment("start_at"),
        moment("end_at"),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("instead_of", sa.Uuid(), nullable=True),
        moment("created_at"),
        keys=(to("rota", "rota_id"), to("member", "member_id"), to("member", "instead_of")),
    )
    op.create_index(
        "ix_rota_override_tenant_id_rota_id_end_at", "rota_override", ["tenant_id", "rota_id", "end_at"]
    )
    create_tenant_table(
        "rota_feed",
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "digest", name="uq_rota_feed_tenant_id_digest"),
        keys=(to("rota", "rota_id"),),
    )
    op.create_index("ix_rota_feed_tenant_id_rota_id", "rota_feed", ["tenant_id", "rota_id"])


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
