"""Create gates, and the records that satisfy them."""

revision = "20261123_1720"
down_revision = "20261123_1710"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
