"""Create the register of special methods, with what happened to each and each use of one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1730"
down_revision = "20261123_1720"

OPEN = sa.text("state in ('proposed', 'allowed')")


def upgrade() -> None:
    create_tenant_table(
        "special_method",
        sa.Column("arrangement_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("service_id", sa.Uuid()),
        sa.Column("contact_id", sa.Uuid()),
        sa.Column("for_group", sa.Text()),
        sa.Column("asked_by", sa.Uuid()),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("policy_version_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("because", sa.Text()),
        sa.Column("verdict", JSONB(), nullable=False),
        moment("proposed_at"),
        sa.Column("state", sa.Text(), nullable=False),
        moment("since"),
        moment("approved_at", nullable=True),
        moment("ends_at", nullable=True),
        sa.Column("approved_by", JSONB(), nullable=False),
        sa.Column("end_because", sa.Text()),
        sa.Column("undone", sa.Boolean()),
        sa.Column("result", sa.Text()),
        sa.Column("commitment_id", sa.Uuid()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[
            to("arrangement", "arrangement_id"),
            to("request", "request_id"),
            to("commitment", "commitment_id"),
        ],
        grants=("select", "insert", "update"),
        clients=Clients.OWN,
    )
    _index("special_method", "request_id")
    _index("special_method", "state", "ends_at")
    _index("special_method", "policy_id", "rule_id", "approved_at")
    op.create_index(
        "ix_special_method_tenant_id_arrangement_id_open",
        "special_method",
        ["tenant_id", "arrangement_id"],
        unique=True,
        postgresql_where=OPEN,
    )
    create_tenant_table(
        "special_method_entry",
        sa.Column("special_method_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("detail", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "special_method_id", "number"),
        keys=[to("special_method", "special_method_id")],
        grants=APPEND_ONLY,
        clients=Clients.OWN,
    )
    create_tenant_table(
        "special_method_use",
        sa.Column("special_method_id", sa.Uuid(), nullable=False),
        moment("at"),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what_for", sa.Text(), nullable=False),
        moment("recorded_at"),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        keys=[to("special_method", "special_method_id")],
        grants=APPEND_ONLY,
    )
    _index("special_method_use", "special_method_id")


def downgrade() -> None:
    op.drop_table("special_method_use")
    op.drop_table("special_method_entry")
    op.drop_table("special_method")


def _index(table: str, *columns: str) -> None:
    led = ["tenant_id", *columns]
    op.create_index(f"ix_{table}_{'_'.join(led)}", table, led)
