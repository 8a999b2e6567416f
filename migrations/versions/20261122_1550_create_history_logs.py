"""Create logs of past requests that were brought in for backtests."""

revision = "20261122_1550"
down_revision = "20261122_1540"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
