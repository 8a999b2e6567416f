"""How a table of a tenant is made, so that the same revisions run on plain PostgreSQL and on Citus.

The order matters there: create, distribute, and only then foreign keys, policies and grants.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

APP_ROLE = "rooted_app"
"""The login role of everything but migrations: it owns nothing and bypasses nothing."""

TENANT_IS_SET = "tenant_id = nullif(current_setting('rooted.tenant_id', true), '')::uuid"
READ_WRITE = ("select", "insert", "update", "delete")
APPEND_ONLY = ("select", "insert")


def create_tenant_table(
    name: str,
    *columns: SchemaItem,
    keys: Sequence[sa.ForeignKeyConstraint] = (),
    grants: Sequence[str] = READ_WRITE,
) -> None:
    """A table whose rows belong to one tenant each: key `(tenant_id, id)`, forced row security."""
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("tenant_id", "id", name=f"pk_{name}"),
    )
    _distribute(name)
    for key in keys:
        op.create_foreign_key(
            f"fk_{name}_{'_'.join(key.column_keys)}",
            name,
            key.elements[0].target_fullname.rpartition(".")[0],
            list(key.column_keys),
            [element.target_fullname.rpartition(".")[2] for element in key.elements],
        )
    _isolate(name)
    op.execute(f"grant {', '.join(grants)} on {name} to {APP_ROLE}")


def create_platform_table(name: str, *columns: SchemaItem, grants: Sequence[str] = READ_WRITE) -> None:
    """A table that is read before, or across, tenants. Each is named in `service.platform`."""
    op.create_table(name, *columns)
    op.execute(f"grant {', '.join(grants)} on {name} to {APP_ROLE}")


def to(table: str, column: str) -> sa.ForeignKeyConstraint:
    """A foreign key `(tenant_id, column)` to the row of the same tenant in `table`."""
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"])


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _distribute(name: str) -> None:
    """Spread the table by tenant on Citus; nothing on plain PostgreSQL."""
    with_citus = op.get_bind().scalar(sa.text("select 1 from pg_extension where extname = 'citus'"))
    if with_citus:
        op.execute(sa.text("select create_distributed_table(:name, 'tenant_id')").bindparams(name=name))


def _isolate(name: str) -> None:
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")
    op.execute(f"create policy tenant on {name} using ({TENANT_IS_SET}) with check ({TENANT_IS_SET})")
