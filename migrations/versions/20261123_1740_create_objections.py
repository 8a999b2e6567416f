"""Create objections."""

revision = "20261123_1740"
down_revision = "20261123_1730"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
