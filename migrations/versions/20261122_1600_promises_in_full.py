"""Let promises be made by people, renegotiated and forecast; let requests be merged; give groups hours."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import Clients, add_key, create_tenant_table, in_each_tenant, moment, to

revision = "20261122_1600"
down_revision = "20261122_1550"

DEFAULTS = {"origin": "policy", "level": "sla", "silent": "false"}
"""What is true of all promises that there are."""

COLUMNS = (
    "origin",
    "what",
    "made_by",
    "made_to",
    "revises",
    "peers",
    "level",
    "held_by",
    "announced_at",
    "silent",
    "miss_chance",
    "at_risk_at",
)


TO_THE_CLIENT = "c.client_id = the_client and c.level = 'sla'"


def upgrade() -> None:
    for name in ("origin", "level"):
        op.add_column("commitment", sa.Column(name, sa.Text(), nullable=False, server_default=DEFAULTS[name]))
        op.alter_column("commitment", name, server_default=None)
    for name in ("what", "made_by", "peers", "held_by"):
        op.add_column("commitment", sa.Column(name, sa.Text(), nullable=True))
    for name in ("made_to", "revises"):
        op.add_column("commitment", sa.Column(name, sa.Uuid(), nullable=True))
    for name in ("announced_at", "at_risk_at"):
        op.add_column("commitment", moment(name, nullable=True))
    op.add_column("commitment", sa.Column("miss_chance", sa.Float(), nullable=True))
    op.add_column(
        "commitment",
        sa.Column("silent", sa.Boolean(), nullable=False, server_default=sa.text(DEFAULTS["silent"])),
    )
    op.alter_column("commitment", "silent", server_default=None)
    in_each_tenant(_mark_breaches)
    _count_history("c.client_id = the_client", TO_THE_CLIENT)
    op.add_column("member_group", sa.Column("calendar", sa.Text(), nullable=True))
    create_tenant_table(
        "group_calendar",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.UniqueConstraint("tenant_id", "name"),
        keys=[sa.ForeignKeyConstraint(["tenant_id", "id"], ["member_group.tenant_id", "member_group.id"])],
        clients=Clients.READ_ALL,
    )
    op.add_column("request", sa.Column("merged_into", sa.Uuid(), nullable=True))
    add_key("request", to("request", "merged_into"))
    op.create_index(
        "ix_request_tenant_id_merged_into",
        "request",
        ["tenant_id", "merged_into"],
        postgresql_where=sa.text("merged_into is not null"),
    )
    add_key("commitment", to("commitment", "revises"))
    op.create_index(
        "ix_commitment_tenant_id_silent",
        "commitment",
        ["tenant_id", "broken_at"],
        postgresql_where=sa.text("silent"),
    )
    op.create_index(
        "ix_commitment_tenant_id_revises",
        "commitment",
        ["tenant_id", "revises"],
        postgresql_where=sa.text("revises is not null"),
    )


def downgrade() -> None:
    _count_history(TO_THE_CLIENT, "c.client_id = the_client")
    op.drop_table("group_calendar")
    op.drop_column("member_group", "calendar")
    op.drop_column("request", "merged_into")
    for name in COLUMNS:
        op.drop_column("commitment", name)


def _count_history(old: str, new: str) -> None:
    """Put another condition in the place of one: what a client was promised is not what groups promise."""
    found = sa.text("select pg_get_functiondef('rooted.count_history'::regproc)")
    definition: str = op.get_bind().scalars(found).one()
    if old not in definition:
        raise LookupError(f"rooted.count_history has no {old!r}")
    op.get_bind().exec_driver_sql(definition.replace(old, new))


def _mark_breaches(tenant_id: UUID) -> None:
    """Nobody could be told in advance so far."""
    statement = sa.text(
        "update commitment set silent = true where tenant_id = :tenant_id and broken_at is not null"
    )
    op.execute(statement.bindparams(tenant_id=tenant_id))
