"""Tables of logs of past requests."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.backtests.logs.domain import HistoryCase, HistoryLog, LogState
from service.db import TenantRow
from service.ids import HistoryLogId


class HistoryLogRow(TenantRow):
    __tablename__ = "history_log"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    source: Mapped[str]
    mapping_sha256: Mapped[str | None]
    state: Mapped[str]
    cases: Mapped[int]
    events: Mapped[int] = mapped_column(BigInteger)
    bad_rows: Mapped[int]
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]

    def to_domain(self) -> HistoryLog:
        return HistoryLog(
            id=HistoryLogId(self.id),
            name=self.name,
            source=self.source,
            mapping_sha256=self.mapping_sha256,
            state=LogState(self.state),
            cases=self.cases,
            events=self.events,
            bad_rows=self.bad_rows,
            first_at=self.first_at,
            last_at=self.last_at,
            version=self.version,
            created_at=self.created_at,
            completed_at=self.completed_at,
        )


class HistoryCaseRow(TenantRow):
    """A case never changes. The login role may not update this table.

    `submission` and `events` are a `cases.Submitted` and its `CaseEvent`s.
    """

    __tablename__ = "history_case"
    __table_args__ = (
        UniqueConstraint("tenant_id", "log_id", "external_id"),
        ForeignKeyConstraint(["tenant_id", "log_id"], ["history_log.tenant_id", "history_log.id"]),
        Index(None, "tenant_id", "log_id", "opened_at", "id"),
    )

    log_id: Mapped[UUID]
    external_id: Mapped[str]
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    submission: Mapped[dict[str, Any]]
    events: Mapped[list[Any]]
    digest: Mapped[bytes]


def digest_of(case: HistoryCase) -> bytes:
    """SHA-256 of all that a case says."""
    return hashlib.sha256(msgspec.json.encode(case, order="sorted")).digest()
