"""Create the registers of accidents, reviews and improvements."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import APPEND_ONLY, Clients, create_tenant_table, moment, to

revision = "20261123_1760"
down_revision = "20261123_1750"

TABLES = (
    *("review_result", "review"),
    *("accident_entry", "accident_link", "accident"),
    *("improvement_entry", "improvement"),
)
"""In the order in which they can be dropped."""


def upgrade() -> None:
    _create_improvements()
    _create_accidents()
    _create_reviews()


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)


def _create_improvements() -> None:
    create_tenant_table(
        "improvement",
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("came_from", sa.Uuid(), nullable=True),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=False),
        moment("opened_at"),
        moment("ended_at", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("member", "owner_id")],
    )
    op.create_index(
        "ix_improvement_tenant_id_key_open",
        "improvement",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("state in ('open', 'in_progress')"),
    )
    op.create_index("ix_improvement_tenant_id_state", "improvement", ["tenant_id", "state", "id"])
    create_tenant_table(
        "improvement_entry",
        sa.Column("improvement_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        moment("recorded_at"),
        sa.Column("changes", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "improvement_id", "version"),
        keys=[to("improvement", "improvement_id")],
        grants=APPEND_ONLY,
    )


def _create_accidents() -> None:
    create_tenant_table(
        "accident",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("what_happened", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        moment("began_at"),
        moment("found_at"),
        moment("ended_at", nullable=True),
        sa.Column("effects", JSONB(), nullable=False),
        sa.Column("cause", JSONB(), nullable=True),
        sa.Column("change_id", sa.Uuid(), nullable=True),
        sa.Column("actions", JSONB(), nullable=False),
        moment("next_due_at", nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        moment("recorded_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("service", "service_id"), to("request", "change_id")],
    )
    op.create_index(
        "ix_accident_tenant_id_service_id_began_at",
        "accident",
        ["tenant_id", "service_id", "began_at"],
        postgresql_where=sa.text("state <> 'withdrawn'"),
    )
    op.create_index(
        "ix_accident_tenant_id_next_due_at",
        "accident",
        ["tenant_id", "next_due_at"],
        postgresql_where=sa.text("next_due_at is not null"),
    )
    create_tenant_table(
        "accident_link",
        sa.Column("accident_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("commitment_id", sa.Uuid(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.UniqueConstraint("tenant_id", "accident_id", "request_id", "commitment_id"),
        keys=[
            to("accident", "accident_id"),
            to("request", "request_id"),
            to("commitment", "commitment_id"),
        ],
    )
    op.create_index("ix_accident_link_tenant_id_request_id", "accident_link", ["tenant_id", "request_id"])
    create_tenant_table(
        "accident_entry",
        sa.Column("accident_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        moment("recorded_at"),
        sa.Column("changes", JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "accident_id", "version"),
        keys=[to("accident", "accident_id")],
        grants=APPEND_ONLY,
    )


def _create_reviews() -> None:
    create_tenant_table(
        "review",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("arrangement_id", sa.Uuid(), nullable=True),
        sa.Column("commitment_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("owed_by", sa.Text(), nullable=False),
        moment("owed_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        keys=[to("request", "request_id"), to("commitment", "commitment_id")],
        clients=Clients.OWN,
    )
    op.create_index("ix_review_tenant_id_request_id", "review", ["tenant_id", "request_id"])
    op.create_index(
        "ix_review_tenant_id_request_id_owed",
        "review",
        ["tenant_id", "request_id"],
        unique=True,
        postgresql_where=sa.text("state = 'owed'"),
    )
    create_tenant_table(
        "review_result",
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("is_change", sa.Boolean(), nullable=False),
        sa.Column("is_success", sa.Boolean(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("objectives_met", sa.Boolean(), nullable=False),
        sa.Column("deviations", sa.Text(), nullable=True),
        sa.Column("lessons", sa.Text(), nullable=True),
        sa.Column("accident_id", sa.Uuid(), nullable=True),
        sa.Column("improvement_id", sa.Uuid(), nullable=True),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        moment("reviewed_at"),
        moment("superseded_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "review_id"),
        keys=[
            to("review", "review_id"),
            to("accident", "accident_id"),
            to("improvement", "improvement_id"),
        ],
    )
    for name in ("request_id", "accident_id"):
        op.create_index(f"ix_review_result_tenant_id_{name}", "review_result", ["tenant_id", name])
    for counted_by in (("service_id", "reviewed_at"), ("reviewed_at",)):
        op.create_index(
            f"ix_review_result_tenant_id_{'_'.join(counted_by)}",
            "review_result",
            ["tenant_id", *counted_by],
            postgresql_where=sa.text("is_change"),
        )
