"""Create the catalogue of request types, and what was ticked off of their checklists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, add_key, create_tenant_table, moment, to

revision = "20261123_1750"
down_revision = "20261123_1740"


def upgrade() -> None:
    create_tenant_table(
        "request_type",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_version", sa.Integer()),
        sa.Column("revision", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "request_type_version",
        sa.Column("request_type_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.Column("service_id", sa.Uuid()),
        sa.Column("author", sa.Text(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "request_type_id", "version"),
        keys=[to("request_type", "request_type_id"), to("service", "service_id")],
        grants=APPEND_ONLY,
        clients=Clients.READ_ALL,
    )
    create_tenant_table(
        "request_type_step",
        sa.Column("request_type_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        moment("at"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("basis", sa.Text()),
        sa.Column("evidence", JSONB()),
        sa.UniqueConstraint("tenant_id", "request_type_id", "number"),
        keys=[to("request_type", "request_type_id")],
        grants=APPEND_ONLY,
    )
    for column in (
        sa.Column("type_version_id", sa.Uuid()),
        sa.Column("typed", JSONB()),
        sa.Column("incomplete", JSONB()),
    ):
        op.add_column("request", column)
    add_key("request", to("request_type_version", "type_version_id"))
    create_tenant_table(
        "checklist_record",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("by", sa.Text(), nullable=False),
        moment("recorded_at"),
        keys=[to("request", "request_id")],
        grants=APPEND_ONLY,
        clients=Clients.OWN,
    )
    op.create_index(
        "ix_checklist_record_tenant_id_request_id", "checklist_record", ["tenant_id", "request_id"]
    )


def downgrade() -> None:
    op.drop_table("checklist_record")
    op.drop_constraint("fk_request_tenant_id_type_version_id", "request", type_="foreignkey")
    for column in ("incomplete", "typed", "type_version_id"):
        op.drop_column("request", column)
    for table in ("request_type_step", "request_type_version", "request_type"):
        op.drop_table(table)
