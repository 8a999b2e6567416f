"""Create gates, the records that satisfy them, and questionnaires; find open changes of a service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1720"
down_revision = "20261123_1710"

KEPT = ("select", "insert", "update")


def upgrade() -> None:
    create_tenant_table(
        "gate",
        sa.Column("arrangement_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asks", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("missing", JSONB(), nullable=False),
        moment("since"),
        sa.Column("detail", JSONB(), nullable=False),
        sa.Column("two_persons", sa.Boolean(), nullable=False),
        moment("edited_at", nullable=True),
        moment("closed_at", nullable=True),
        moment("created_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("arrangement", "arrangement_id"), to("request", "request_id")],
        grants=KEPT,
        clients=Clients.OWN,
    )
    op.create_index("ix_gate_tenant_id_arrangement_id", "gate", ["tenant_id", "arrangement_id"])
    op.create_index("ix_gate_tenant_id_request_id", "gate", ["tenant_id", "request_id"])
    op.create_index(
        "ix_gate_tenant_id_name_windows",
        "gate",
        ["tenant_id", "name"],
        postgresql_where=sa.text("kind in ('freeze_window', 'maintenance_window') and closed_at is null"),
    )
    create_tenant_table(
        "gate_record",
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        moment("recorded_at"),
        sa.Column("recorded_by", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "gate_id", "number", name="uq_gate_record_tenant_id_gate_id_number"),
        keys=[to("gate", "gate_id")],
        grants=APPEND_ONLY,
        clients=Clients.NOTHING,
    )
    _create_questionnaires()
    op.create_index(
        "ix_request_tenant_id_service_id_open_changes",
        "request",
        ["tenant_id", "service_id"],
        postgresql_where=sa.text("state = 'open' and type in ('change', 'plan_change')"),
    )


def downgrade() -> None:
    op.drop_index("ix_request_tenant_id_service_id_open_changes", "request")
    for table in ("questionnaire_version", "questionnaire", "gate_record", "gate"):
        op.drop_table(table)


def _create_questionnaires() -> None:
    create_tenant_table(
        "questionnaire",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name", name="uq_questionnaire_tenant_id_name"),
        grants=KEPT,
        clients=Clients.NOTHING,
    )
    create_tenant_table(
        "questionnaire_version",
        sa.Column("questionnaire_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", JSONB(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint(
            *("tenant_id", "questionnaire_id", "version"),
            name="uq_questionnaire_version_tenant_id_questionnaire_id_version",
        ),
        keys=[to("questionnaire", "questionnaire_id")],
        grants=APPEND_ONLY,
        clients=Clients.NOTHING,
    )
