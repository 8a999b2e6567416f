"""Link the audit records of a tenant into a chain, find them by what people ask for.

`audit_unlinked` lists the records that no link has yet. It is written with the record, so that the worker
finds them however late their transaction committed, and no transaction of a tenant waits for another.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import APPEND_ONLY, create_platform_table, create_tenant_table, to

revision = "20261122_1415"
down_revision = "20261122_1410"

KEEP_IT_SMALL = """
alter table audit_unlinked set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)
"""
"""Each row lives for seconds: dead ones would soon outnumber the live."""

DISTRIBUTE = """
do $$ begin
  if exists (select from pg_extension where extname = 'citus') then
    perform create_distributed_table('audit_unlinked', 'tenant_id', colocate_with => 'audit_record');
  end if;
end $$
"""
"""Beside the records on Citus, where one statement writes both."""

LIST_EARLIER_RECORDS = (
    "alter table audit_record no force row level security",
    "insert into audit_unlinked (tenant_id, id) select tenant_id, id from audit_record",
    "alter table audit_record force row level security",
)
"""The owner is bound by row security too, and no tenant is set here."""

INDEXES = {
    "recorded_at": ["tenant_id", "recorded_at", "id"],
    "actor": ["tenant_id", "actor", "recorded_at", "id"],
    "client_id": ["tenant_id", "client_id", "recorded_at", "id"],
    "subject": ["tenant_id", "subject"],
    "action": ["tenant_id", "action"],
}
"""The order in which records are listed, for all, one actor, or one client; and what leaves few of them."""

OPTIONS: dict[str, dict[str, Any]] = {
    "action": {"postgresql_ops": {"action": "text_pattern_ops"}},
    "client_id": {"postgresql_where": sa.text("client_id is not null")},
}
"""An action is found by its beginning."""


def upgrade() -> None:
    create_tenant_table(
        "audit_link",
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("tenant_id", "sequence"),
        keys=[to("audit_record", "id")],
        grants=APPEND_ONLY,
    )
    create_platform_table(
        "audit_unlinked",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        grants=("select", "insert", "delete"),
    )
    op.execute(KEEP_IT_SMALL)
    op.execute(DISTRIBUTE)
    for statement in LIST_EARLIER_RECORDS:
        op.execute(statement)
    for name, columns in INDEXES.items():
        op.create_index(f"ix_audit_record_tenant_id_{name}", "audit_record", columns, **OPTIONS.get(name, {}))


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(f"ix_audit_record_tenant_id_{name}", "audit_record")
    op.drop_table("audit_unlinked")
    op.drop_table("audit_link")
