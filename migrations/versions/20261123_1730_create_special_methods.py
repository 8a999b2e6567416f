"""Create the register of special methods."""

revision = "20261123_1730"
down_revision = "20261123_1720"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
