"""Create runs of ladders, and notices."""

revision = "20261122_1640"
down_revision = "20261122_1630"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
