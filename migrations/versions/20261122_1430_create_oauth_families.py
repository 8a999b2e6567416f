"""Create what the authorization server keeps: codes, families of tokens, revocations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.tenancy import create_tenant_table, moment, to

revision = "20261122_1430"
down_revision = "20261122_1420"


def upgrade() -> None:
    create_tenant_table(
        "token_family",
        *_consent(),
        moment("created_at"),
        moment("expires_at"),
        moment("used_at"),
        moment("revoked_at", nullable=True),
        keys=[to("application", "application_id")],
    )
    op.create_index("ix_token_family_tenant_id_member_id", "token_family", ["tenant_id", "member_id"])
    create_tenant_table(
        "authorization_code",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_consent(),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=False),
        moment("expires_at"),
        sa.Column("family_id", sa.Uuid(), nullable=True),
        sa.UniqueConstraint("tenant_id", "digest"),
        keys=[to("application", "application_id"), to("token_family", "family_id")],
    )
    op.create_index(
        "ix_authorization_code_tenant_id_family_id", "authorization_code", ["tenant_id", "family_id"]
    )
    create_tenant_table(
        "refresh_token",
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        moment("used_at", nullable=True),
        sa.UniqueConstraint("tenant_id", "digest"),
        sa.UniqueConstraint("tenant_id", "family_id", "generation"),
        keys=[to("token_family", "family_id")],
    )
    create_tenant_table(
        "client_assertion",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("jti_sha256", sa.LargeBinary(), nullable=False),
        moment("expires_at"),
        sa.UniqueConstraint("tenant_id", "application_id", "jti_sha256"),
        keys=[to("application", "application_id")],
        grants=("select", "insert", "delete"),
    )
    create_tenant_table("revoked_token", moment("expires_at"), grants=("select", "insert", "delete"))
    create_tenant_table(
        "client_failure", moment("since"), sa.Column("failures", sa.Integer(), nullable=False)
    )


def downgrade() -> None:
    for table in (
        "client_failure",
        "revoked_token",
        "client_assertion",
        "refresh_token",
        "authorization_code",
        "token_family",
    ):
        op.drop_table(table)


def _consent() -> list[sa.Column[object]]:
    return [
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
    ]
