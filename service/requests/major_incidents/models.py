"""Tables of major incidents, and what their rows are to those who read them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from service.commitments import wire
from service.commitments.domain import CalendarKey, ElapsedTarget, WorkingTarget
from service.db import TenantRow
from service.ids import ClientId, CommitmentId, MajorIncidentId, RequestId, ServiceId, read_id
from service.requests.major_incidents.domain import MajorIncident, ReportAudience, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A client organization that a major incident affects, and all that it may know of it.

    Attributes:
        commitment_id: the duty to report to it.
        joined_at: from when on that is owed.
    """

    id: UUID
    major_incident_id: MajorIncidentId
    client_id: ClientId
    commitment_id: CommitmentId
    title: str
    state: State
    declared_at: datetime
    joined_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a major incident goes on, as somebody reported it.

    Attributes:
        client_id: to whom this copy was told; None for the tenant's own.
    """

    id: UUID
    major_incident_id: MajorIncidentId
    client_id: ClientId | None
    audience: ReportAudience
    text: str
    reported_by: str
    reported_at: datetime


def _to_major_incident() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "major_incident_id"], ["major_incident.tenant_id", "major_incident.id"]
    )


class MajorIncidentRow(TenantRow):
    """The tenant's own: what a client organization may know of it is in rows of its own."""

    __tablename__ = "major_incident"
    __table_args__ = (
        Index(
            "ix_major_incident_tenant_id_request_id_open",
            *("tenant_id", "request_id"),
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    request_id: Mapped[UUID]
    title: Mapped[str]
    state: Mapped[str]
    services: Mapped[list[Any]]
    update_every: Mapped[dict[str, Any]]
    calendar_version_id: Mapped[UUID | None]
    problem: Mapped[str | None]
    declared_by: Mapped[str]
    declared_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    version: Mapped[int]
    sequence: Mapped[int]

    def to_domain(self) -> MajorIncident:
        return MajorIncident(
            id=MajorIncidentId(self.id),
            request_id=RequestId(self.request_id),
            title=self.title,
            state=State(self.state),
            services=tuple(ServiceId(read_id(each)) for each in self.services),
            update_every=_span(self.update_every),
            calendar=None if self.calendar_version_id is None else CalendarKey(str(self.calendar_version_id)),
            problem=self.problem,
            declared_by=self.declared_by,
            declared_at=self.declared_at,
            ended_at=self.ended_at,
            version=self.version,
            sequence=self.sequence,
        )


class MajorIncidentClientRow(TenantRow):
    __tablename__ = "major_incident_client"
    __table_args__ = (
        UniqueConstraint("tenant_id", "major_incident_id", "client_id"),
        Index("ix_major_incident_client_tenant_id_client_id", "tenant_id", "client_id"),
        _to_major_incident(),
        ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    major_incident_id: Mapped[UUID]
    client_id: Mapped[UUID]
    commitment_id: Mapped[UUID]
    title: Mapped[str]
    state: Mapped[str]
    declared_at: Mapped[datetime]
    joined_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    def to_domain(self) -> Affected:
        return Affected(
            id=self.id,
            major_incident_id=MajorIncidentId(self.major_incident_id),
            client_id=ClientId(self.client_id),
            commitment_id=CommitmentId(self.commitment_id),
            title=self.title,
            state=State(self.state),
            declared_at=self.declared_at,
            joined_at=self.joined_at,
            ended_at=self.ended_at,
        )


class MajorIncidentRequestRow(TenantRow):
    """A request that a major incident is the cause of, the lead one among them."""

    __tablename__ = "major_incident_request"
    __table_args__ = (
        UniqueConstraint("tenant_id", "major_incident_id", "request_id"),
        Index("ix_major_incident_request_tenant_id_request_id", "tenant_id", "request_id"),
        _to_major_incident(),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    major_incident_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    linked_at: Mapped[datetime]


class MajorIncidentReportRow(TenantRow):
    """Append-only: the tenant's copy, and one for each client organization that was told."""

    __tablename__ = "major_incident_report"
    __table_args__ = (
        Index(
            "ix_major_incident_report_tenant_id_major_incident_id",
            *("tenant_id", "major_incident_id", "client_id"),
        ),
        _to_major_incident(),
    )

    major_incident_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    audience: Mapped[str]
    text: Mapped[str]
    reported_by: Mapped[str]
    reported_at: Mapped[datetime]

    def to_domain(self) -> Report:
        return Report(
            id=self.id,
            major_incident_id=MajorIncidentId(self.major_incident_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            audience=ReportAudience(self.audience),
            text=self.text,
            reported_by=self.reported_by,
            reported_at=self.reported_at,
        )


def _span(document: dict[str, Any]) -> ElapsedTarget | WorkingTarget:
    target = wire.target_of(document)
    if not isinstance(target, ElapsedTarget | WorkingTarget):
        raise TypeError(f"not a span: {document!r}")
    return target
