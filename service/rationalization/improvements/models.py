"""Tables of the register of improvements."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import GroupId, ImprovementId, MemberId, SubjectId
from service.instants import rfc3339
from service.rationalization.improvements.domain import Evidence, Improvement, Source, State


class ImprovementRow(TenantRow):
    """Of one key one at most is open."""

    __tablename__ = "improvement"
    __table_args__ = (
        Index(
            "ix_improvement_tenant_id_key_open",
            *("tenant_id", "key"),
            unique=True,
            postgresql_where=text("state in ('open', 'in_progress')"),
        ),
        Index("ix_improvement_tenant_id_state", "tenant_id", "state", "id"),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["member.tenant_id", "member.id"]),
    )

    key: Mapped[str | None]
    title: Mapped[str]
    source: Mapped[str]
    came_from: Mapped[UUID | None]
    evidence: Mapped[list[Any]]
    state: Mapped[str]
    because: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    group_id: Mapped[UUID | None]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Improvement:
        return Improvement(
            id=ImprovementId(self.id),
            key=self.key,
            title=self.title,
            source=Source(self.source),
            came_from=None if self.came_from is None else SubjectId(self.came_from),
            evidence=tuple(evidence_of(each) for each in self.evidence),
            state=State(self.state),
            because=self.because,
            owner_id=None if self.owner_id is None else MemberId(self.owner_id),
            group_id=None if self.group_id is None else GroupId(self.group_id),
            opened_by=self.opened_by,
            opened_at=self.opened_at,
            ended_at=self.ended_at,
            version=self.version,
            sequence=self.sequence,
        )


class ImprovementEntryRow(TenantRow):
    """Append-only: each change of an item, by whom, and what it said before and after."""

    __tablename__ = "improvement_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "improvement_id", "version"),
        ForeignKeyConstraint(["tenant_id", "improvement_id"], ["improvement.tenant_id", "improvement.id"]),
    )

    improvement_id: Mapped[UUID]
    version: Mapped[int]
    kind: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    changes: Mapped[dict[str, Any]]


def columns(improvement: Improvement) -> dict[str, Any]:
    """The columns of an item that is new, but for its tenant."""
    return {
        "id": improvement.id,
        "key": improvement.key,
        "source": improvement.source.value,
        "came_from": improvement.came_from,
        "opened_by": improvement.opened_by,
        "opened_at": improvement.opened_at,
        **changing_columns(improvement),
    }


def changing_columns(improvement: Improvement) -> dict[str, Any]:
    """The columns that may change."""
    return {
        "title": improvement.title,
        "evidence": [evidence_document(each) for each in improvement.evidence],
        "state": improvement.state.value,
        "because": improvement.because,
        "owner_id": improvement.owner_id,
        "group_id": improvement.group_id,
        "ended_at": improvement.ended_at,
        "version": improvement.version,
        "sequence": improvement.sequence,
    }


def evidence_document(evidence: Evidence) -> dict[str, Any]:
    return {
        "kind": evidence.kind,
        "id": evidence.id,
        "at": rfc3339(evidence.at),
        "what": evidence.what,
    }


def evidence_of(document: dict[str, Any]) -> Evidence:
    return Evidence(
        kind=document["kind"],
        id=document["id"],
        at=datetime.fromisoformat(document["at"]),
        what=document["what"],
    )
