"""Where sealed secrets lie, and where secrets lay in the clear before. Pure: names only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedColumn:
    """A column of sealed bytes; null where nothing is kept.

    Attributes:
        row: the primary key column beside `tenant_id`.
        row_type: its type in PostgreSQL.
        of_tenant: whether the table is a tenant's, with `tenant_id` and row security.
    """

    table: str
    column: str
    of_tenant: bool
    row: str = "id"
    row_type: str = "uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearColumn:
    """Where a secret lay before there was a vault.

    Attributes:
        sealed: where it goes.
        read: what gives it as text or bytes, in SQL.
        left: what is left of it, in SQL.
        where: which rows have one, in SQL.
    """

    sealed: SealedColumn
    column: str
    read: str
    left: str
    where: str


SIGNING_KEY = SealedColumn(
    table="signing_key", column="sealed_jwk", row="kid", row_type="text", of_tenant=False
)
WEBHOOK_SECRET = SealedColumn(table="webhook_endpoint", column="sealed_secret", of_tenant=True)
ANSWER = SealedColumn(table="idempotency_key", column="sealed_body", of_tenant=True)

SEALED = (
    SIGNING_KEY,
    SealedColumn(table="person", column="sealed_totp_seed", of_tenant=False),
    SealedColumn(table="mail", column="sealed_body", of_tenant=False),
    WEBHOOK_SECRET,
    ANSWER,
)
"""All of them; a test compares them with the database's catalog."""

CLEAR = (
    ClearColumn(
        sealed=SIGNING_KEY,
        column="private_jwk",
        read="private_jwk::text",
        left="null",
        where="private_jwk is not null",
    ),
    ClearColumn(
        sealed=WEBHOOK_SECRET, column="secret", read="secret", left="null", where="secret is not null"
    ),
    ClearColumn(
        sealed=ANSWER,
        column="body",
        read="body",
        left="''",
        where="""sealed_body is null and position(convert_to('"whsec_', 'UTF8') in body) > 0""",
    ),
)
"""Only answers to the creation of a webhook endpoint held a secret, which begins with whsec_."""
