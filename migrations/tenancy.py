"""How a table of a tenant is made, so that the same revisions run on plain PostgreSQL and on Citus.

The order matters there: create, distribute, and only then foreign keys, policies and grants.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

APP_ROLE = "rooted_app"
"""The login role of everything but migrations: it owns nothing and bypasses nothing."""

TENANT_IS_SET = "tenant_id = nullif(current_setting('rooted.tenant_id', true), '')::uuid"
THE_CLIENT = "nullif(current_setting('rooted.client_id', true), '')"
NO_CLIENT_IS_SET = "nullif(coalesce(current_setting('rooted.client_id', true), '') = '', false) is not null"
"""Of what it cannot know, the planner takes `is not null` for likely. `is null`, the plainer form, it takes
for rare: it would sort all events of a tenant rather than read the 50 of a page from their index."""

READ_WRITE = ("select", "insert", "update", "delete")
APPEND_ONLY = ("select", "insert")


class Clients(Enum):
    """What a transaction that is confined to one client organization may do with a table."""

    NOTHING = "nothing"
    OWN = "its own rows, by client_id"
    READ_OWN = "read its own rows, and those of no client; write nothing"
    READ_ITSELF = "read the one row that it is; write nothing"
    READ_ALL = "read all rows; write nothing"


SHARED = {
    "forecast": "when what is forecast was last made from what became of the tenant's promises",
    "forecast_curve": "how long promises take, of all clients together: when one is to be renegotiated",
    "group_calendar": "the hours of the group that works on a request, by which promises may count",
    "ladder": "which ladders a client's request begins to climb when it is accepted",
    "ladder_version": "what they say",
    "objection_terms": "how soon a client's objection is decided, which is promised to it",
    "maintenance_window": "when a service is in maintenance, for whichever client",
    "message_template": "in which words whoever sends a client's request in is told what becomes of it",
    "message_template_version": "what they say",
    "policy": "the rules that decide on every client's requests",
    "policy_pointer": "which of them are in effect",
    "policy_version": "what they say",
    "request_type": "which types of request there are to ask for",
    "request_type_version": "what they ask for, and what a request of one needs before work starts",
    "sandbox_clock": "what time it is",
    "service": "what is operated, for whichever client",
    "tenant_limit": "how much there may be, which holds for what a client adds too",
}
"""The tables that all client organizations of a tenant read, each with the reason. None writes them."""


def create_tenant_table(
    name: str,
    *columns: SchemaItem,
    keys: Sequence[sa.ForeignKeyConstraint] = (),
    grants: Sequence[str] = READ_WRITE,
    clients: Clients | None = Clients.NOTHING,
) -> None:
    """A table whose rows belong to one tenant each: key `(tenant_id, id)`, forced row security.

    Args:
        name: of the table.
        columns: the others.
        keys: foreign keys, see `to`.
        grants: what the login role may do.
        clients: what client organizations may do; None for a table that is older than their wall, which
            20261122_1410 raised.
    """
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("tenant_id", "id", name=f"pk_{name}"),
    )
    _distribute(name)
    for key in keys:
        add_key(name, key)
    _isolate(name)
    if clients is not None:
        wall_off(name, clients)
    op.execute(f"grant {', '.join(grants)} on {name} to {APP_ROLE}")


def create_platform_table(name: str, *columns: SchemaItem, grants: Sequence[str] = READ_WRITE) -> None:
    """A table that is read before, or across, tenants. Each is named in `service.platform`."""
    op.create_table(name, *columns)
    op.execute(f"grant {', '.join(grants)} on {name} to {APP_ROLE}")


def to(table: str, column: str) -> sa.ForeignKeyConstraint:
    """A foreign key `(tenant_id, column)` to the row of the same tenant in `table`."""
    return sa.ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"])


def add_key(name: str, key: sa.ForeignKeyConstraint) -> None:
    """Add a foreign key to a table that is there."""
    op.create_foreign_key(
        f"fk_{name}_{'_'.join(key.column_keys)}",
        name,
        key.elements[0].target_fullname.rpartition(".")[0],
        list(key.column_keys),
        [element.target_fullname.rpartition(".")[2] for element in key.elements],
    )


def moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def wall_off(name: str, clients: Clients) -> None:
    """Confine client organizations, beside the tenant's own policy and whatever that permits."""
    own = f"{NO_CLIENT_IS_SET} or client_id = {THE_CLIENT}::uuid"
    match clients:
        case Clients.NOTHING:
            _restrict(name, "all", using=NO_CLIENT_IS_SET, check=NO_CLIENT_IS_SET)
        case Clients.OWN:
            _restrict(name, "all", using=own, check=own)
        case Clients.READ_OWN:
            _restrict(name, "select", using=f"{own} or client_id is null")
        case Clients.READ_ITSELF:
            _restrict(name, "select", using=f"{NO_CLIENT_IS_SET} or id = {THE_CLIENT}::uuid")
        case Clients.READ_ALL:
            if name not in SHARED:
                raise ValueError(f"{name} is not in SHARED; say there why all clients may read it")
    if clients not in {Clients.NOTHING, Clients.OWN}:
        _let_read_only(name)


def tear_down(name: str) -> None:
    """Take away what `wall_off` made."""
    for command in ("all", "select", "insert", "update", "delete"):
        op.execute(f"drop policy if exists client_{command} on {name}")


def in_each_tenant(work: Callable[[UUID], None]) -> None:
    """Work on the rows of each tenant there is: forced row security hides them from the owner too."""
    for tenant_id in op.get_bind().scalars(sa.text("select id from tenant order by id")).all():
        op.execute(f"set local rooted.tenant_id = '{tenant_id}'")
        work(tenant_id)
    op.execute("set local rooted.tenant_id = ''")


def _let_read_only(name: str) -> None:
    """Rows may be held FOR SHARE, which asks for the right to update them; none may be written."""
    _restrict(name, "insert", check=NO_CLIENT_IS_SET)
    _restrict(name, "update", using="true", check=NO_CLIENT_IS_SET)
    _restrict(name, "delete", using=NO_CLIENT_IS_SET)


def _restrict(name: str, command: str, *, using: str | None = None, check: str | None = None) -> None:
    clauses = [
        f"{clause} ({condition})"
        for clause, condition in (("using", using), ("with check", check))
        if condition is not None
    ]
    op.execute(f"create policy client_{command} on {name} as restrictive for {command} {' '.join(clauses)}")


def _distribute(name: str) -> None:
    """Spread the table by tenant on Citus; nothing on plain PostgreSQL."""
    with_citus = op.get_bind().scalar(sa.text("select 1 from pg_extension where extname = 'citus'"))
    if with_citus:
        op.execute(sa.text("select create_distributed_table(:name, 'tenant_id')").bindparams(name=name))


def _isolate(name: str) -> None:
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")
    op.execute(f"create policy tenant on {name} using ({TENANT_IS_SET}) with check ({TENANT_IS_SET})")
