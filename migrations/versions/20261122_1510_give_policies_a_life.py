"""Record the life of each version: who wrote it, who approved it, from when it holds.

The pointer becomes one row for each tenant, which is there from the tenant's beginning, so that every
decision has a row to hold. Versions that were published before get the steps that they must have taken.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from migrations.tenancy import APPEND_ONLY, create_tenant_table, in_each_tenant, moment, to

revision = "20261122_1510"
down_revision = "20261122_1500"

POINTERS = "uq_policy_pointer_tenant_id_kind"
GATHER = """
insert into policy_pointer (tenant_id, id, kind, effective, changed_at)
select :tenant, :tenant, '', coalesce(jsonb_object_agg(kind, entries), '{}'),
    coalesce(max(changed_at), 'epoch')
from (
    select p.kind, p.changed_at, jsonb_agg(
        jsonb_build_object(
            'order', least(500 + e.place - 1, 1000),
            'effective_at', to_char(p.changed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'new_requests_only', false
        ) || e.entry order by e.place
    ) as entries
    from policy_pointer p, jsonb_array_elements(p.effective) with ordinality as e (entry, place)
    where p.tenant_id = :tenant
    group by p.kind, p.changed_at
) as of_kind
"""
"""What older versions of the program wrote says less: their order was that of the list."""

FORGET_THE_PARTS = "delete from policy_pointer where tenant_id = :tenant and id <> :tenant"
RECORD_STEPS = """
insert into policy_step (tenant_id, id, policy_id, version, number, step, at, by, basis)
select :tenant, gen_random_uuid(), v.policy_id, v.version,
    row_number() over (partition by v.policy_id order by v.version, s.place), s.step, v.created_at,
    'operator', 'migrated'
from policy_version v
join policy p on p.tenant_id = :tenant and p.id = v.policy_id
cross join (
    values (1, 'written'), (2, 'submitted'), (3, 'approved'), (4, 'published'), (5, 'replaced')
) as s (place, step)
where v.tenant_id = :tenant and (
    s.place = 1
    or s.place < 5 and v.version = p.published_version
    or v.version is distinct from p.published_version and exists (
        select from audit_record r
        where r.tenant_id = :tenant and r.subject = 'policy:' || p.id and r.action = 'policy.published'
          and r.changes->'published_version'->>'after' = v.version::text
    )
)
"""
"""Which versions were in effect before the present one is told by the audit trail."""

COUNT_STEPS = """
update policy p set revision = (
    select count(*) from policy_step s where s.tenant_id = :tenant and s.policy_id = p.id
) where p.tenant_id = :tenant
"""
SPREAD = """
insert into policy_pointer (tenant_id, id, kind, effective, changed_at)
select :tenant, gen_random_uuid(), held.kind,
    jsonb_agg(held.entry order by (held.entry->>'order')::integer, held.entry->>'policy_id'), held.changed_at
from (
    select distinct on (of_kind.key, e.entry->>'policy_id') of_kind.key as kind, e.entry, p.changed_at
    from policy_pointer p, jsonb_each(p.effective) as of_kind,
        jsonb_array_elements(of_kind.value) with ordinality as e (entry, place)
    where p.tenant_id = :tenant and (e.entry->>'effective_at')::timestamptz
        <= coalesce((select now_at from sandbox_clock where tenant_id = :tenant), now())
    order by of_kind.key, e.entry->>'policy_id', (e.entry->>'effective_at')::timestamptz desc, e.place desc
) as held
group by held.kind, held.changed_at
"""
"""Older versions of the program know one version of a policy: the one by which new requests are decided."""

FORGET_THE_WHOLE = "delete from policy_pointer where tenant_id = :tenant and id = :tenant"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("approval", sa.Text(), nullable=True))
    op.execute("update tenant set approval = case kind when 'sandbox' then 'git' else 'members' end")
    op.alter_column("tenant", "approval", nullable=False)
    _add_counter("tenant", "version", 1)
    op.add_column("policy", sa.Column("scheduled_version", sa.Integer(), nullable=True))
    op.add_column("policy", moment("scheduled_at", nullable=True))
    _add_counter("policy", "revision", 0)
    op.add_column("policy_version", sa.Column("author", sa.Text(), nullable=True))
    create_tenant_table(
        "policy_step",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        moment("effective_at", nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.UniqueConstraint("tenant_id", "policy_id", "number"),
        keys=[to("policy", "policy_id")],
        grants=APPEND_ONLY,
    )
    op.create_index(
        "ix_policy_step_tenant_id_policy_id_version_number",
        "policy_step",
        ["tenant_id", "policy_id", "version", "number"],
    )
    in_each_tenant(_gather)
    op.drop_constraint(POINTERS, "policy_pointer")
    op.drop_column("policy_pointer", "kind")


def downgrade() -> None:
    op.add_column("policy_pointer", sa.Column("kind", sa.Text(), nullable=True))
    in_each_tenant(_spread)
    op.alter_column("policy_pointer", "kind", nullable=False)
    op.create_unique_constraint(POINTERS, "policy_pointer", ["tenant_id", "kind"])
    op.drop_table("policy_step")
    op.drop_column("policy_version", "author")
    for column in ("revision", "scheduled_at", "scheduled_version"):
        op.drop_column("policy", column)
    for column in ("version", "approval"):
        op.drop_column("tenant", column)


def _gather(tenant_id: UUID) -> None:
    for statement in (GATHER, FORGET_THE_PARTS, RECORD_STEPS, COUNT_STEPS):
        op.get_bind().execute(sa.text(statement), {"tenant": tenant_id})


def _spread(tenant_id: UUID) -> None:
    for statement in (SPREAD, FORGET_THE_WHOLE):
        op.get_bind().execute(sa.text(statement), {"tenant": tenant_id})


def _add_counter(table: str, name: str, start: int) -> None:
    """Add a column that counts from `start`: for the rows that are there; new ones always name it."""
    op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default=str(start)))
    op.alter_column(table, name, server_default=None)
