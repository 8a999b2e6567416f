"""Create alarms of the auditor."""

revision = "20261122_1670"
down_revision = "20261122_1660"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
