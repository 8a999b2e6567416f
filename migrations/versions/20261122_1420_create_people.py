"""Create people, members, groups and log-in sessions, and the mail that they are sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_platform_table, create_tenant_table, moment, to

revision = "20261122_1420"
down_revision = "20261122_1415"


def upgrade() -> None:
    _create_accounts()
    _create_log_in()
    _create_members()
    _create_groups()
    _create_mail()


def _create_accounts() -> None:
    create_platform_table(
        "person",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("sealed_totp_seed", sa.LargeBinary(), nullable=True),
        moment("totp_confirmed_at", nullable=True),
        sa.Column("totp_used_step", sa.BigInteger(), nullable=True),
        moment("tokens_valid_from"),
        moment("created_at"),
    )
    create_platform_table(
        "recovery_code",
        sa.Column("person_id", sa.Uuid(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        moment("created_at"),
    )
    create_platform_table(
        "membership",
        sa.Column("person_id", sa.Uuid(), primary_key=True),
        sa.Column("tenant_id", sa.Uuid(), primary_key=True),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )


def _create_log_in() -> None:
    create_platform_table(
        "login_session",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("factors", JSONB(), nullable=False),
        moment("created_at"),
        moment("seen_at"),
        moment("expires_at"),
        moment("revoked_at", nullable=True),
    )
    create_platform_table(
        "password_reset",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("clears_totp", sa.Boolean(), nullable=False),
        moment("created_at"),
        moment("expires_at"),
    )
    for table in ("login_session", "password_reset"):
        for column in ("person_id", "expires_at"):
            op.create_index(f"ix_{table}_{column}", table, [column])
    create_platform_table(
        "password_reset_request",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("http_request_id", sa.Text(), nullable=True),
        moment("asked_at"),
    )
    create_platform_table(
        "log_in_failure",
        sa.Column("bucket", sa.LargeBinary(), primary_key=True),
        sa.Column("level", sa.Float(), nullable=False),
        moment("measured_at"),
        moment("empty_at"),
    )
    op.create_index("ix_log_in_failure_empty_at", "log_in_failure", ["empty_at"])
    create_platform_table(
        "login_deed",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("details", JSONB(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("http_request_id", sa.Text(), nullable=True),
        moment("happened_at"),
    )


def _create_members() -> None:
    create_tenant_table(
        "member",
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", JSONB(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        moment("tokens_valid_from"),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "email"),
        sa.UniqueConstraint("tenant_id", "person_id"),
    )
    create_tenant_table(
        "invitation",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        moment("created_at"),
        moment("expires_at"),
        moment("used_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "digest"),
        keys=[to("member", "member_id")],
    )
    op.create_index("ix_invitation_tenant_id_member_id", "invitation", ["tenant_id", "member_id"])


def _create_groups() -> None:
    create_tenant_table(
        "member_group",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        moment("created_at"),
        sa.UniqueConstraint("tenant_id", "name"),
        keys=[to("member", "manager_id")],
    )
    create_tenant_table(
        "group_member",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        moment("added_at"),
        sa.UniqueConstraint("tenant_id", "group_id", "member_id"),
        keys=[to("member_group", "group_id"), to("member", "member_id")],
    )
    op.create_index("ix_group_member_tenant_id_member_id", "group_member", ["tenant_id", "member_id"])


def _create_mail() -> None:
    create_platform_table(
        "mail",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        moment("created_at"),
        moment("due_at"),
        moment("settled_at", nullable=True),
    )
    op.create_index("ix_mail_due_at", "mail", ["due_at"], postgresql_where=sa.text("state = 'queued'"))


def downgrade() -> None:
    for table in (
        "mail",
        "group_member",
        "member_group",
        "invitation",
        "member",
        "login_deed",
        "log_in_failure",
        "password_reset_request",
        "password_reset",
        "login_session",
        "membership",
        "recovery_code",
        "person",
    ):
        op.drop_table(table)
