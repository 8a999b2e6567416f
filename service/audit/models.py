"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped

from service.db import TenantRow


class AuditRecordRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "audit_record"

    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    application_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    action: Mapped[str]
    subject: Mapped[str]
    changes: Mapped[dict[str, Any]]
    address: Mapped[str | None]
    http_request_id: Mapped[str | None]
