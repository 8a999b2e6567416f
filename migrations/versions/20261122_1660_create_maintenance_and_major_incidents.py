"""Create maintenance of services, and major incidents."""

revision = "20261122_1660"
down_revision = "20261122_1650"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
