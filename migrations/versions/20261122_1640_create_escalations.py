"""Create runs of ladders, and notices.

What is known of the request for which a ladder may be climbed is a row that a client's own transaction
writes; runs, their ledgers and notices are the tenant's own.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261122_1640"
down_revision = "20261122_1630"

ROUNDS = "uq_escalation_tenant_id_commitment_id_cycle_ladder_round"
TELLINGS = "uq_notice_tenant_id_escalation_id_step_repeat_recipient"
NOT_ENDED = sa.text("state <> 'ended'")


def upgrade() -> None:
    create_tenant_table(
        "affair",
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("assignment_group", sa.Text(), nullable=True),
        sa.Column("climbs", JSONB(), nullable=False),
        sa.Column("declined", JSONB(), nullable=False),
        moment("asked_at"),
        keys=[to("request", "id")],
        clients=Clients.OWN,
    )
    _create_escalation()
    _create_entry()
    _create_notice()


def downgrade() -> None:
    for name in ("notice", "escalation_entry", "escalation", "affair"):
        op.drop_table(name)


def _create_escalation() -> None:
    create_tenant_table(
        "escalation",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("ladder", sa.Text(), nullable=False),
        sa.Column("ladder_id", sa.Uuid(), nullable=True),
        sa.Column("ladder_version_id", sa.Uuid(), nullable=True),
        sa.Column("ladder_version", sa.Integer(), nullable=True),
        sa.Column("definition", JSONB(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=True),
        moment("held_until", nullable=True),
        moment("begun_at"),
        moment("ended_at", nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        moment("next_at", nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        keys=[to("request", "request_id"), to("commitment", "commitment_id")],
    )
    op.create_unique_constraint(
        ROUNDS, "escalation", ["tenant_id", "commitment_id", "cycle", "ladder", "round"]
    )
    op.create_index("ix_escalation_tenant_id_request_id", "escalation", ["tenant_id", "request_id"])
    op.create_index(
        "ix_escalation_tenant_id_running", "escalation", ["tenant_id", "next_at"], postgresql_where=NOT_ENDED
    )
    op.create_index("ix_escalation_tenant_id_held_by", "escalation", ["tenant_id", "held_by"])


def _create_entry() -> None:
    create_tenant_table(
        "escalation_entry",
        sa.Column("escalation_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        moment("at"),
        moment("received_at"),
        sa.Column("detail", JSONB(), nullable=False),
        keys=[to("escalation", "escalation_id")],
        grants=APPEND_ONLY,
    )
    op.create_index(
        "ix_escalation_entry_tenant_id_escalation_id", "escalation_entry", ["tenant_id", "escalation_id"]
    )


def _create_notice() -> None:
    create_tenant_table(
        "notice",
        sa.Column("escalation_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("step_name", sa.Text(), nullable=True),
        sa.Column("repeat", sa.Integer(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        moment("planned_at"),
        moment("given_at"),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        keys=[
            to("escalation", "escalation_id"),
            to("request", "request_id"),
            to("commitment", "commitment_id"),
        ],
        grants=APPEND_ONLY,
    )
    op.create_unique_constraint(
        TELLINGS, "notice", ["tenant_id", "escalation_id", "step", "repeat", "recipient"]
    )
    op.create_index("ix_notice_tenant_id_member_id", "notice", ["tenant_id", "member_id"])
