"""Queries of this slice. Every statement names the tenant."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table

from service.audit.models import AuditRecordRow
from service.db import TenantSession, insert_rows

RECORDS = cast("Table", AuditRecordRow.__table__)


async def add(session: TenantSession, record_id: UUID, values: Mapping[str, Any]) -> None:
    row = {"tenant_id": session.tenant_id, "id": record_id, **values}
    await insert_rows(session.db, RECORDS, [row])
