"""Create people, members, groups and log-in sessions, and the mail that they are sent."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import create_platform_table, moment

revision = "20261122_1420"
down_revision = "20261122_1415"


def upgrade() -> None:
    _create_mail()


def downgrade() -> None:
    op.drop_table("mail")


def _create_mail() -> None:
    create_platform_table(
        "mail",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        moment("created_at"),
        moment("due_at"),
        moment("settled_at", nullable=True),
    )
    op.create_index("ix_mail_due_at", "mail", ["due_at"], postgresql_where=sa.text("state = 'queued'"))
