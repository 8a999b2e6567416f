"""Note since when a client's own transaction has left a request's ladders to somebody else.

What is left has a wake-up. Without a note nobody could tell that the wake-up is missing.
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import moment

revision = "20261122_1680"
down_revision = "20261122_1670"


def upgrade() -> None:
    op.add_column("affair", moment("left_at", nullable=True))
    op.create_index(
        "ix_affair_tenant_id_left",
        "affair",
        ["tenant_id", "left_at"],
        postgresql_where=sa.text("left_at is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_affair_tenant_id_left", "affair")
    op.drop_column("affair", "left_at")
