"""Create backtests, their parts, and the requests that would change."""

revision = "20261122_1540"
down_revision = "20261122_1530"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
