"""Create the limits of tenants and the buckets of their rates."""

revision = "20261122_1440"
down_revision = "20261122_1430"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
