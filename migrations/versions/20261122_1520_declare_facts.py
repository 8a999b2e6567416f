"""Let a tenant declare facts of its own, and count its history for rules."""

revision = "20261122_1520"
down_revision = "20261122_1510"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
