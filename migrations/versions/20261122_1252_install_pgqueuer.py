"""Install pgqueuer's tables by its own statements, and leave out its trigger.

Its trigger sends a NOTIFY for every statement, and a NOTIFY takes a lock over the whole database at commit,
which would serialise the acceptance of requests. Workers poll instead.
"""

import re

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

from migrations.tenancy import APP_ROLE

revision = "20261122_1252"
down_revision = "20261122_1251"

TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")
LEFT_OUT = ("CREATE FUNCTION", "CREATE TRIGGER")


def upgrade() -> None:
    library = QueryBuilderEnvironment()
    for statement in re.split(r"\n\n(?=CREATE )", library.build_install_query())[1:]:
        if not statement.startswith(LEFT_OUT):
            op.execute(statement)
    for statement in library.build_optimize_autovacuum_query().split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(f"grant select, insert, update, delete on {', '.join(TABLES)} to {APP_ROLE}")
    op.execute(
        "grant usage on sequence pgqueuer_id_seq, pgqueuer_schedules_id_seq, pgqueuer_statistics_id_seq"
        f" to {APP_ROLE}"
    )


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"drop table {table}")
    op.execute("drop type pgqueuer_status")
