"""Create ladders."""

revision = "20261122_1630"
down_revision = "20261122_1620"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
