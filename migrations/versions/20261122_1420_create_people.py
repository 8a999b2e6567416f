"""Create people, members, groups and log-in sessions."""

revision = "20261122_1420"
down_revision = "20261122_1415"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
