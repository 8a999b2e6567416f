"""Create arrangements: what became of a verdict."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_1700"
down_revision = "20261122_1680"


def upgrade() -> None:
    op.add_column("commitment", sa.Column("ladder", sa.Text()))


def downgrade() -> None:
    op.drop_column("commitment", "ladder")
