"""Tables of reviews. A client's session may write that one is owed; what was found is the tenant's own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import (
    AccidentId,
    ArrangementId,
    ClientId,
    CommitmentId,
    ImprovementId,
    RequestId,
    ReviewId,
    ServiceId,
)
from service.rationalization.improvements.models import evidence_document, evidence_of
from service.rationalization.reviews.domain import Concluded, Findings, Result, Review, State
from service.rules.vocabulary import RequestType


class ReviewRow(TenantRow):
    """Of a request one at most is owed."""

    __tablename__ = "review"
    __table_args__ = (
        Index("ix_review_tenant_id_request_id", "tenant_id", "request_id"),
        Index(
            "ix_review_tenant_id_request_id_owed",
            *("tenant_id", "request_id"),
            unique=True,
            postgresql_where=text("state = 'owed'"),
        ),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    type: Mapped[str]
    arrangement_id: Mapped[UUID | None]
    commitment_id: Mapped[UUID | None]
    state: Mapped[str]
    because: Mapped[str | None]
    owed_by: Mapped[str]
    owed_at: Mapped[datetime]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self, result: "ReviewResultRow | None" = None) -> Review:
        return Review(
            id=ReviewId(self.id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            type=RequestType(self.type),
            arrangement_id=None if self.arrangement_id is None else ArrangementId(self.arrangement_id),
            commitment_id=None if self.commitment_id is None else CommitmentId(self.commitment_id),
            state=State(self.state),
            because=self.because,
            owed_by=self.owed_by,
            owed_at=self.owed_at,
            concluded=None if result is None else result.to_domain(),
            version=self.version,
            sequence=self.sequence,
        )


class ReviewResultRow(TenantRow):
    """What was found; `change.success_rate` is counted here.

    `superseded_at` is when a later review of the same request took its place.
    """

    __tablename__ = "review_result"
    __table_args__ = (
        UniqueConstraint("tenant_id", "review_id"),
        Index("ix_review_result_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_review_result_tenant_id_accident_id", "tenant_id", "accident_id"),
        Index(
            "ix_review_result_tenant_id_service_id_reviewed_at",
            *("tenant_id", "service_id", "reviewed_at"),
            postgresql_where=text("is_change"),
        ),
        Index(
            "ix_review_result_tenant_id_reviewed_at",
            *("tenant_id", "reviewed_at"),
            postgresql_where=text("is_change"),
        ),
        ForeignKeyConstraint(["tenant_id", "review_id"], ["review.tenant_id", "review.id"]),
        ForeignKeyConstraint(["tenant_id", "accident_id"], ["accident.tenant_id", "accident.id"]),
        ForeignKeyConstraint(["tenant_id", "improvement_id"], ["improvement.tenant_id", "improvement.id"]),
    )

    review_id: Mapped[UUID]
    request_id: Mapped[UUID]
    service_id: Mapped[UUID | None]
    is_change: Mapped[bool]
    is_success: Mapped[bool]
    result: Mapped[str]
    objectives_met: Mapped[bool]
    deviations: Mapped[str | None]
    lessons: Mapped[str | None]
    accident_id: Mapped[UUID | None]
    improvement_id: Mapped[UUID | None]
    evidence: Mapped[list[Any]]
    reviewed_by: Mapped[str]
    reviewed_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]

    def to_domain(self) -> Concluded:
        improvement_id = self.improvement_id
        return Concluded(
            findings=Findings(
                result=Result(self.result),
                objectives_met=self.objectives_met,
                deviations=self.deviations,
                lessons=self.lessons,
                accident_id=None if self.accident_id is None else AccidentId(self.accident_id),
                evidence=tuple(evidence_of(each) for each in self.evidence),
            ),
            by=self.reviewed_by,
            at=self.reviewed_at,
            improvement_id=None if improvement_id is None else ImprovementId(improvement_id),
        )


def columns(review: Review) -> dict[str, Any]:
    """The columns of one that is new, but for its tenant."""
    return {
        "id": review.id,
        "request_id": review.request_id,
        "client_id": review.client_id,
        "service_id": review.service_id,
        "type": review.type.value,
        "arrangement_id": review.arrangement_id,
        "commitment_id": review.commitment_id,
        "owed_by": review.owed_by,
        "owed_at": review.owed_at,
        **changing_columns(review),
    }


def changing_columns(review: Review) -> dict[str, Any]:
    """The columns that may change."""
    return {
        "state": review.state.value,
        "because": review.because,
        "version": review.version,
        "sequence": review.sequence,
    }


def findings_columns(findings: Findings) -> dict[str, Any]:
    """The columns of what was found."""
    return {
        "result": findings.result.value,
        "is_success": findings.result.is_success,
        "objectives_met": findings.objectives_met,
        "deviations": findings.deviations,
        "lessons": findings.lessons,
        "accident_id": findings.accident_id,
        "evidence": [evidence_document(each) for each in findings.evidence],
    }
