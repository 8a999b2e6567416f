"""Create renegotiations."""

revision = "20261122_1610"
down_revision = "20261122_1600"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
