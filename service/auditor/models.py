"""Tables of the auditor: what it found wrong, who works, and how its own rounds went."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.auditor.domain import AlarmKind
from service.db import Base, TenantRow
from service.ids import AlarmId, SubjectId, TenantId

ONLY = 1
"""The id of the one row that says how the rounds go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that the auditor found nobody looks after.

    Attributes:
        subject_kind: what it is about, such as `commitment`; with `subject_id`, which one.
        mended: whether the auditor has it looked at again itself.
        last_seen_at: in the last round that found it so.
        cleared_at: in the first round that found it in order again.
    """

    id: AlarmId
    kind: AlarmKind
    subject_kind: str
    subject_id: SubjectId
    detail: str
    mended: bool
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class Turn:
    """That a round is this process's to make.

    Attributes:
        began_at: tells it from the rounds of others.
        after: the tenant that the round before it got to.
        heartbeat_at: when the last heartbeat was sent.
    """

    began_at: datetime
    after: TenantId | None
    heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How the auditor's rounds went, by the database's clock.

    Attributes:
        silence: how long ago the last good round ended; where there was none, the first one began.
        failure: why the last round was none, if it was.
        alarms: what is wrong for every tenant, each with how it was found.
    """

    silence: timedelta
    failure: str | None
    alarms: dict[str, str]


class AlarmRow(TenantRow):
    __tablename__ = "alarm"
    __table_args__ = (
        Index(
            "ix_alarm_tenant_id_open",
            *("tenant_id", "kind", "subject_kind", "subject_id"),
            unique=True,
            postgresql_where=text("cleared_at is null"),
        ),
    )

    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    detail: Mapped[str]
    mended: Mapped[bool]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]

    def to_domain(self) -> Alarm:
        return Alarm(
            id=AlarmId(self.id),
            kind=AlarmKind(self.kind),
            subject_kind=self.subject_kind,
            subject_id=SubjectId(self.subject_id),
            detail=self.detail,
            mended=self.mended,
            first_seen_at=self.first_seen_at,
            last_seen_at=self.last_seen_at,
            cleared_at=self.cleared_at,
        )


class PlatformAlarmRecord(Base):
    """Platform table: what concerns every tenant, while it stands."""

    __tablename__ = "platform_alarm"

    kind: Mapped[str] = mapped_column(primary_key=True)
    detail: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class AlarmTallyRecord(Base):
    """Platform table: how many alarms of a tenant stand, which row security hides from a round."""

    __tablename__ = "alarm_tally"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    standing: Mapped[int]


class WorkerBeatRecord(Base):
    """Platform table: a worker says again and again that it lives."""

    __tablename__ = "worker_beat"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
    beat_at: Mapped[datetime]


class AuditorRoundRecord(Base):
    """Platform table with one row: who makes the present round, and how the last ones went."""

    __tablename__ = "auditor_round"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_began_at: Mapped[datetime]
    began_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    succeeded_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    heartbeat_at: Mapped[datetime | None]
    last_tenant_id: Mapped[UUID | None]
