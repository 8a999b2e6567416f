"""Tables of the catalogue: types, their versions and what happened to these, and checklists' records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from service.db import TenantRow
from service.ids import RequestTypeId, RequestTypeVersionId, ServiceId
from service.rationalization.catalogue.domain import Mark, Outcome
from service.rules.lifecycle import Basis, Stage, Step, Taken
from service.rules.vocabulary import RequestType


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnType:
    """A type of request of a tenant's own.

    Attributes:
        family: what policies take it for.
        version: the newest.
        stage: of the newest version.
        published_version: the one that intake goes by; None of a type that is not offered.
        revision: grows with all that happens to it.
    """

    id: RequestTypeId
    name: str
    family: RequestType
    version: int
    stage: Stage
    published_version: int | None
    revision: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeVersion:
    """What a type says. It never changes.

    Attributes:
        document: as it was written.
        service_id: of the service that a request of it is for, if it names none.
    """

    id: RequestTypeVersionId
    type_id: RequestTypeId
    version: int
    document: Mapping[str, Any]
    service_id: ServiceId | None
    author: str
    created_at: datetime


class RequestTypeRow(TenantRow):
    __tablename__ = "request_type"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    family: Mapped[str]
    version: Mapped[int]
    published_version: Mapped[int | None]
    revision: Mapped[int]
    created_at: Mapped[datetime]

    def to_domain(self, stage: Stage) -> OwnType:
        return OwnType(
            id=RequestTypeId(self.id),
            name=self.name,
            family=RequestType(self.family),
            version=self.version,
            stage=stage,
            published_version=self.published_version,
            revision=self.revision,
            created_at=self.created_at,
        )


class RequestTypeVersionRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "request_type_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "request_type_id", "version"),
        ForeignKeyConstraint(["tenant_id", "request_type_id"], ["request_type.tenant_id", "request_type.id"]),
        ForeignKeyConstraint(["tenant_id", "service_id"], ["service.tenant_id", "service.id"]),
    )

    request_type_id: Mapped[UUID]
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    service_id: Mapped[UUID | None]
    author: Mapped[str]
    created_at: Mapped[datetime]

    def to_domain(self) -> TypeVersion:
        return TypeVersion(
            id=RequestTypeVersionId(self.id),
            type_id=RequestTypeId(self.request_type_id),
            version=self.version,
            document=self.document,
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            author=self.author,
            created_at=self.created_at,
        )


class RequestTypeStepRow(TenantRow):
    """What happened to a version. Append-only; `number` counts the steps of the whole type."""

    __tablename__ = "request_type_step"
    __table_args__ = (
        UniqueConstraint("tenant_id", "request_type_id", "number"),
        ForeignKeyConstraint(["tenant_id", "request_type_id"], ["request_type.tenant_id", "request_type.id"]),
    )

    request_type_id: Mapped[UUID]
    version: Mapped[int]
    number: Mapped[int]
    step: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    note: Mapped[str | None]
    basis: Mapped[str | None]
    evidence: Mapped[dict[str, Any] | None]

    def to_domain(self) -> Taken:
        return Taken(
            version=self.version,
            number=self.number,
            step=Step(self.step),
            at=self.at,
            by=self.by,
            note=self.note,
            basis=None if self.basis is None else Basis(self.basis),
        )


class ChecklistRecordRow(TenantRow):
    """What somebody noted of an item. Append-only: the last one of an item counts."""

    __tablename__ = "checklist_record"
    __table_args__ = (
        Index("ix_checklist_record_tenant_id_request_id", "tenant_id", "request_id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    item: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    evidence: Mapped[str | None]
    by: Mapped[str]
    recorded_at: Mapped[datetime]

    def to_domain(self) -> Mark:
        return Mark(
            item=self.item,
            outcome=Outcome(self.outcome),
            reason=self.reason,
            evidence=self.evidence,
            by=self.by,
            recorded_at=self.recorded_at,
        )
