"""Create the operation that puts running promises on a new version."""

revision = "20261122_1530"
down_revision = "20261122_1520"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
