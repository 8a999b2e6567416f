"""Tables of ladders, and what a ladder is to those who read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.escalations.ladders.domain import Definition
from service.ids import LadderId, LadderVersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderVersion:
    """What a ladder said from `created_at` on. It never changes.

    Attributes:
        ladder_id: of the ladder.
        name: of the ladder.
        definition: as it is climbed.
        document: the same as it is written.
    """

    id: LadderVersionId
    ladder_id: LadderId
    name: str
    version: int
    definition: Definition
    document: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A ladder. Once it is retired no request begins to climb it; those that do go on."""

    id: LadderId
    name: str
    created_at: datetime
    retired_at: datetime | None
    current: LadderVersion


class LadderRow(TenantRow):
    """A ladder's name and its current version. Older versions stay in `ladder_version`."""

    __tablename__ = "ladder"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    version: Mapped[int]
    version_id: Mapped[UUID]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class LadderVersionRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "ladder_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "ladder_id", "version"),
        ForeignKeyConstraint(["tenant_id", "ladder_id"], ["ladder.tenant_id", "ladder.id"]),
    )

    ladder_id: Mapped[UUID]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
