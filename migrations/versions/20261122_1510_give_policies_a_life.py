"""Record the life of each version: who wrote it, who approved it, from when it holds."""

revision = "20261122_1510"
down_revision = "20261122_1500"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
