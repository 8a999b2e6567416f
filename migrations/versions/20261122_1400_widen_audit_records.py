"""Say of an audit record through which application, on whose behalf and from where."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_1400"
down_revision = "20261122_1300"


def upgrade() -> None:
    for column in ("application_id", "client_id"):
        op.add_column("audit_record", sa.Column(column, sa.Uuid(), nullable=True))
    op.add_column("audit_record", sa.Column("address", sa.Text(), nullable=True))


def downgrade() -> None:
    for column in ("address", "client_id", "application_id"):
        op.drop_column("audit_record", column)
