"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base, TenantRow


class AuditRecordRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "audit_record"
    __table_args__ = (
        Index("ix_audit_record_tenant_id_recorded_at", "tenant_id", "recorded_at", "id"),
        Index("ix_audit_record_tenant_id_actor", "tenant_id", "actor", "recorded_at", "id"),
        Index(
            "ix_audit_record_tenant_id_client_id",
            "tenant_id",
            "client_id",
            "recorded_at",
            "id",
            postgresql_where=text("client_id is not null"),
        ),
        Index("ix_audit_record_tenant_id_subject", "tenant_id", "subject"),
        Index(
            "ix_audit_record_tenant_id_action",
            "tenant_id",
            "action",
            postgresql_ops={"action": "text_pattern_ops"},
        ),
    )

    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    application_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    action: Mapped[str]
    subject: Mapped[str]
    changes: Mapped[dict[str, Any]]
    address: Mapped[str | None]
    http_request_id: Mapped[str | None]


class AuditLinkRow(TenantRow):
    """Where a record stands in its tenant's chain. Its id is the record's; append-only too."""

    __tablename__ = "audit_link"
    __table_args__ = (
        UniqueConstraint("tenant_id", "sequence"),
        ForeignKeyConstraint(["tenant_id", "id"], ["audit_record.tenant_id", "audit_record.id"]),
    )

    sequence: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes]


class AuditUnlinkedRow(Base):
    """Platform table: the records that are in no chain yet, so that a worker finds whose to go on with."""

    __tablename__ = "audit_unlinked"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
