"""Seal what is secret."""

revision = "20261122_1450"
down_revision = "20261122_1440"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
