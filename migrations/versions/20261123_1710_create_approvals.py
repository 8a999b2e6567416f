"""Create approvals, and who answers for whom."""

revision = "20261123_1710"
down_revision = "20261123_1700"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
