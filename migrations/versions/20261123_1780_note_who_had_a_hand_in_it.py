"""Note which members had a hand in what is to be approved: they do not approve it."""

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import Clients, create_tenant_table, moment, to

revision = "20261123_1780"
down_revision = "20261123_1770"


def upgrade() -> None:
    create_tenant_table(
        "involvement",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("hand", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        moment("at"),
        sa.UniqueConstraint("tenant_id", "request_id", "member_id", "hand", "subject_id"),
        keys=[to("request", "request_id")],
        grants=("select", "insert", "delete"),
        clients=Clients.OWN,
    )


def downgrade() -> None:
    op.drop_table("involvement")
