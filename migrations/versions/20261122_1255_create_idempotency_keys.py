"""Create the answers given under an Idempotency-Key, and let the service see which revision it runs on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APP_ROLE, create_tenant_table, moment

revision = "20261122_1255"
down_revision = "20261122_1252"


def upgrade() -> None:
    create_tenant_table(
        "idempotency_key",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        moment("recorded_at"),
        grants=("select", "insert", "delete"),
        clients=None,
    )
    op.create_index(
        "ix_idempotency_key_recorded_at", "idempotency_key", ["recorded_at"], postgresql_using="brin"
    )
    op.execute(f"grant select on alembic_version to {APP_ROLE}")


def downgrade() -> None:
    op.execute(f"revoke select on alembic_version from {APP_ROLE}")  # noqa: S608 - a constant of ours
    op.drop_table("idempotency_key")
