"""Let a decision hold what the policies of every kind say."""

revision = "20261122_1500"
down_revision = "20261122_1450"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
