"""Create the catalogue of request types."""

revision = "20261123_1750"
down_revision = "20261123_1740"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
