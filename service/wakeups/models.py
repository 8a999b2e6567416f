"""Table of this slice, and what its rows are to those who write and claim them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import Base


class WakeUpRow(Base):
    """Platform table: a worker finds due tenants here before it works for any one of them."""

    __tablename__ = "wake_up"
    __table_args__ = (
        Index("ix_wake_up_fire_at", "fire_at", postgresql_where=text("not sandbox")),
        Index("ix_wake_up_tenant_id_fire_at", "tenant_id", "fire_at"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(BigInteger)
    fire_at: Mapped[datetime]
    sandbox: Mapped[bool]
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int]


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Look at this subject again at `fire_at`. A subject has at most one; a new one replaces it."""

    subject_kind: str
    subject_id: UUID
    fire_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A wake-up whose time has come, as it was found.

    Attributes:
        generation: counts how often the subject's wake-up was set; with `claimed_until` it tells whether the
            row is still the one that was found.
        claimed_until: end of the lease of the worker that claimed it; None in a sandbox, where the tenant's
            clock is locked instead.
        attempts: how often it was tried, this time included when it was claimed.
    """

    subject_kind: str
    subject_id: UUID
    generation: int
    fire_at: datetime
    claimed_until: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True)
class SandboxClock:
    """Where a sandbox tenant's clock stands, and where it was told to go."""

    now_at: datetime
    target_at: datetime
