"""Link the audit records of a tenant into a chain."""

revision = "20261122_1415"
down_revision = "20261122_1410"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
