"""Table of the API kernel: what was answered under an Idempotency-Key."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow


class IdempotencyKeyRow(TenantRow):
    """One answer. Its id is derived from (application, key), so that the primary key finds it.

    Attributes:
        client_id: the client organization that the transaction was confined to; PostgreSQL fills it in.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_recorded_at", "recorded_at", postgresql_using="brin"),)

    application_id: Mapped[UUID]
    client_id: Mapped[UUID | None] = mapped_column(
        server_default=text("nullif(current_setting('rooted.client_id', true), '')::uuid")
    )
    key: Mapped[str]
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    sealed_body: Mapped[bytes | None]
    recorded_at: Mapped[datetime] = mapped_column()
