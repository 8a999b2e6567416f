"""Create policies, their immutable versions, and the pointer to those in effect."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, create_tenant_table, moment, to

revision = "20261122_1230"
down_revision = "20261122_1200"


def upgrade() -> None:
    create_tenant_table(
        "policy",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=True),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=None,
    )
    create_tenant_table(
        "policy_version",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "policy_id", "version"),
        keys=[to("policy", "policy_id")],
        grants=APPEND_ONLY,
        clients=None,
    )
    create_tenant_table(
        "policy_pointer",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective", JSONB(), nullable=False),
        moment("changed_at"),
        sa.UniqueConstraint("tenant_id", "kind"),
        clients=None,
    )


def downgrade() -> None:
    for table in ("policy_pointer", "policy_version", "policy"):
        op.drop_table(table)
