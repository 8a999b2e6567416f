"""Seal what is secret: room for it, and a note of whose secrets are still in the clear.

The key is not in the database, so `rooted migrate`, `serve` and `worker` do the sealing, tenant by tenant.
"""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import APP_ROLE, create_platform_table

revision = "20261122_1450"
down_revision = "20261122_1440"


def upgrade() -> None:
    for table, column in (
        ("signing_key", "sealed_jwk"),
        ("webhook_endpoint", "sealed_secret"),
        ("idempotency_key", "sealed_body"),
    ):
        op.add_column(table, sa.Column(column, sa.LargeBinary(), nullable=True))
    op.alter_column("signing_key", "private_jwk", nullable=True)
    op.alter_column("webhook_endpoint", "secret", nullable=True)
    op.execute(f"grant update (body, sealed_body) on idempotency_key to {APP_ROLE}")
    create_platform_table(
        "tenant_in_clear",
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        grants=("select", "delete"),
    )
    op.execute("insert into tenant_in_clear select id from tenant")


def downgrade() -> None:
    """Fails where something is sealed: what only the service can read is not thrown away."""
    op.drop_table("tenant_in_clear")
    op.execute(f"revoke update (body, sealed_body) on idempotency_key from {APP_ROLE}")
    op.alter_column("webhook_endpoint", "secret", nullable=False)
    op.alter_column("signing_key", "private_jwk", nullable=False)
    for table, column in (
        ("idempotency_key", "sealed_body"),
        ("webhook_endpoint", "sealed_secret"),
        ("signing_key", "sealed_jwk"),
    ):
        op.drop_column(table, column)
