"""Create the registers of accidents, reviews and improvements, and count the first two for rules."""

from collections.abc import Sequence

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


COUNT_ACCIDENTS = """
  if 'service.accidents_90d' = any(asked) then
    select count(*) into counted from (
      select from accident a
      where a.tenant_id = t and a.service_id = the_service and a.state <> 'withdrawn'
        and a.began_at > until - 90 * 24 * hour and a.began_at <= until
        and a.change_id is distinct from subject
      limit most
    ) them;
    told := told || jsonb_build_object('service.accidents_90d', counted);
  end if;
"""
COUNT_REVIEWS = """
  if asked && '{change.reviews_365d,change.success_rate}' then
    if the_service is null then
      select count(*), count(*) filter (where them.is_success) into counted, good from (
        select r.is_success from review_result r
        where r.tenant_id = t and r.is_change
          and r.reviewed_at > until - 365 * 24 * hour and r.reviewed_at <= until
          and (r.superseded_at is null or r.superseded_at > until) and r.request_id <> subject
        order by r.reviewed_at desc limit most
      ) them;
    else
      select count(*), count(*) filter (where them.is_success) into counted, good from (
        select r.is_success from review_result r
        where r.tenant_id = t and r.service_id = the_service and r.is_change
          and r.reviewed_at > until - 365 * 24 * hour and r.reviewed_at <= until
          and (r.superseded_at is null or r.superseded_at > until) and r.request_id <> subject
        order by r.reviewed_at desc limit most
      ) them;
    end if;
    if 'change.reviews_365d' = any(asked) then
      told := told || jsonb_build_object('change.reviews_365d', counted);
    end if;
    if 'change.success_rate' = any(asked) and counted >= 5 then
      told := told || jsonb_build_object('change.success_rate', good::double precision / counted);
    end if;
  end if;
"""
BEFORE_THE_END = "\n  if confined_to <> '' then\n    execute format("
COUNTED = (
    ("  share double precision;\n", "  share double precision;\n  good bigint;\n"),
    (BEFORE_THE_END, COUNT_ACCIDENTS + COUNT_REVIEWS + BEFORE_THE_END),
)
"""What stands in `rooted.count_history`, and what takes its place."""


def upgrade() -> None:
    _create_improvements()
    _create_accidents()
    _create_reviews()
    _count_history(COUNTED)


def downgrade() -> None:
    _count_history([(new, old) for old, new in COUNTED])
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


def _count_history(changes: Sequence[tuple[str, str]]) -> None:
    """Let the function that counts history count more, or less."""
    found = sa.text("select pg_get_functiondef('rooted.count_history'::regproc)")
    definition: str = op.get_bind().scalars(found).one()
    for old, new in changes:
        if definition.count(old) != 1:
            raise LookupError(f"rooted.count_history does not have {old!r} once")
        definition = definition.replace(old, new)
    op.get_bind().exec_driver_sql(definition)
