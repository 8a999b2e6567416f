"""Create message templates."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1770"
down_revision = "20261123_1760"


def upgrade() -> None:
    create_tenant_table(
        "message_template",
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        moment("created_at"),
        moment("retired_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "message", "wording", "language"),
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "message_template_version",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "template_id", "version"),
        keys=[to("message_template", "template_id")],
        grants=APPEND_ONLY,
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "arrangement_link",
        sa.Column("arrangement_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        moment("created_at"),
        moment("expires_at"),
        keys=[to("arrangement", "arrangement_id")],
    )
    op.create_index(
        "ix_arrangement_link_tenant_id_arrangement_id", "arrangement_link", ["tenant_id", "arrangement_id"]
    )


def downgrade() -> None:
    for table in ("arrangement_link", "message_template_version", "message_template"):
        op.drop_table(table)
