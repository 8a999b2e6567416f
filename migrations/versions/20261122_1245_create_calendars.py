"""Create calendars and their immutable versions, each with the zone rules that it was made with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261122_1245"
down_revision = "20261122_1240"


def upgrade() -> None:
    create_tenant_table(
        "calendar",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=None,
    )
    create_tenant_table(
        "calendar_version",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", JSONB(), nullable=False),
        sa.Column("expanded", JSONB(), nullable=False),
        sa.Column("tzdata_version", sa.Text(), nullable=False),
        sa.Column("zone_rules", sa.LargeBinary(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "calendar_id", "version"),
        keys=[to("calendar", "calendar_id")],
        grants=APPEND_ONLY,
        clients=None,
    )


def downgrade() -> None:
    for table in ("calendar_version", "calendar"):
        op.drop_table(table)
