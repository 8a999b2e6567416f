"""Create message templates."""

revision = "20261123_1770"
down_revision = "20261123_1760"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
