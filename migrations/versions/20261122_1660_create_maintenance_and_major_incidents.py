"""Create maintenance of services, and major incidents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import Clients, create_tenant_table, moment, to

revision = "20261122_1660"
down_revision = "20261122_1650"


def upgrade() -> None:
    _create_maintenance()
    create_tenant_table(
        "major_incident",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("services", JSONB(), nullable=False),
        sa.Column("update_every", JSONB(), nullable=False),
        sa.Column("calendar_version_id", sa.Uuid()),
        sa.Column("problem", sa.Text()),
        sa.Column("declared_by", sa.Text(), nullable=False),
        moment("declared_at"),
        moment("ended_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        keys=[to("request", "request_id")],
    )
    op.create_index(
        "ix_major_incident_tenant_id_request_id_open",
        "major_incident",
        ["tenant_id", "request_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    _create_parts()


def _create_maintenance() -> None:
    create_tenant_table(
        "maintenance_window",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        moment("starts_at"),
        moment("ends_at"),
        moment("called_off_at", nullable=True),
        sa.Column("reason", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("last_request_id", sa.Uuid()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        moment("created_at"),
        keys=[to("service", "service_id")],
        clients=Clients.READ_ALL,
    )
    op.create_index(
        "ix_maintenance_window_tenant_id_service_id_ends_at",
        "maintenance_window",
        ["tenant_id", "service_id", "ends_at"],
    )


def _create_parts() -> None:
    """What hangs on a major incident; a client organization finds all that it may know in rows of its own."""
    create_tenant_table(
        "major_incident_client",
        sa.Column("major_incident_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        moment("declared_at"),
        moment("joined_at"),
        moment("ended_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "major_incident_id", "client_id"),
        keys=[
            to("major_incident", "major_incident_id"),
            to("client", "client_id"),
            to("commitment", "commitment_id"),
        ],
        clients=Clients.OWN,
    )
    op.create_index(
        "ix_major_incident_client_tenant_id_client_id", "major_incident_client", ["tenant_id", "client_id"]
    )
    create_tenant_table(
        "major_incident_request",
        sa.Column("major_incident_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        moment("linked_at"),
        sa.UniqueConstraint("tenant_id", "major_incident_id", "request_id"),
        keys=[to("major_incident", "major_incident_id"), to("request", "request_id")],
        clients=Clients.OWN,
    )
    op.create_index(
        "ix_major_incident_request_tenant_id_request_id",
        "major_incident_request",
        ["tenant_id", "request_id"],
    )
    create_tenant_table(
        "major_incident_report",
        sa.Column("major_incident_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid()),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        moment("reported_at"),
        keys=[to("major_incident", "major_incident_id")],
        clients=Clients.OWN,
        grants=("select", "insert"),
    )
    op.create_index(
        "ix_major_incident_report_tenant_id_major_incident_id",
        "major_incident_report",
        ["tenant_id", "major_incident_id", "client_id"],
    )


def downgrade() -> None:
    for table in (
        "major_incident_report",
        "major_incident_request",
        "major_incident_client",
        "major_incident",
        "maintenance_window",
    ):
        op.drop_table(table)
