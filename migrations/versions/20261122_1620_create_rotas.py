"""Create rotas."""

revision = "20261122_1620"
down_revision = "20261122_1610"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
