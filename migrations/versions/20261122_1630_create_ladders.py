"""Create ladders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261122_1630"
down_revision = "20261122_1620"


def upgrade() -> None:
    create_tenant_table(
        "ladder",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        moment("created_at"),
        moment("retired_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "ladder_version",
        sa.Column("ladder_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", JSONB(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "ladder_id", "version"),
        keys=[to("ladder", "ladder_id")],
        grants=APPEND_ONLY,
        clients=Clients.READ_ALL,
    )


def downgrade() -> None:
    for table in ("ladder_version", "ladder"):
        op.drop_table(table)
