"""Create what forecasts are made from."""

revision = "20261122_1650"
down_revision = "20261122_1640"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
