"""Tables of objections, and what their rows are to those who read them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.audit.domain import Actor
from service.db import TenantRow
from service.ids import (
    ClientId,
    CommitmentId,
    DecisionId,
    ObjectionId,
    PolicyId,
    RequestId,
    ServiceId,
)
from service.rationalization.objections.domain import Cause, Standing, State, SubjectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is objected to."""

    kind: SubjectKind
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """The decision that is objected to, or by which it was promised, and the rule that was followed in it."""

    decision_id: DecisionId | None = None
    policy_id: PolicyId | None = None
    policy_version: int | None = None
    rule_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plea:
    """What somebody holds against something.

    Attributes:
        words: what is held against it.
        asks_for: what is asked for instead; empty where nothing is.
    """

    subject: Subject
    cause: Cause
    words: str
    asks_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """What somebody holds against something, and what came of it.

    Attributes:
        client_id: whose request it is about; None also where that client is not told of the subject.
        commitment_id: the promise that it is decided, which has its clock.
        raised_by: who objects, as the audit trail calls them.
        decided_by: likewise; None until then.
        standing: where it stands.
        sequence: how many events were told of it.
    """

    id: ObjectionId
    plea: Plea
    ruled: Ruled
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    commitment_id: CommitmentId
    raised_by: str
    raised_at: datetime
    standing: Standing
    decided_by: str | None = None
    sequence: int = 0

    def is_of(self, actor: Actor, *, raised_for: ClientId | None) -> bool:
        """Did they raise it? All applications of a client organization speak for it.

        Args:
            actor: who asks.
            raised_for: the client organization whose application raised it, if one did.
        """
        speaks = actor.is_application and actor.client_id is not None and actor.client_id == raised_for
        return self.raised_by == actor.name or speaks


class ObjectionRow(TenantRow):
    """Of each objector one at most is open against the same."""

    __tablename__ = "objection"
    __table_args__ = (
        Index("ix_objection_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_objection_tenant_id_subject_id", "tenant_id", "subject_id"),
        Index("ix_objection_tenant_id_raised_at", "tenant_id", "raised_at"),
        Index(
            "ix_objection_tenant_id_subject_id_raised_by_open",
            *("tenant_id", "subject_kind", "subject_id", "raised_by"),
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    decision_id: Mapped[UUID | None]
    policy_id: Mapped[UUID | None]
    policy_version: Mapped[int | None]
    rule_id: Mapped[str | None]
    commitment_id: Mapped[UUID]
    raised_by: Mapped[str]
    cause: Mapped[str]
    words: Mapped[str]
    asks_for: Mapped[str]
    raised_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str]
    since: Mapped[datetime]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Objection:
        subject = Subject(kind=SubjectKind(self.subject_kind), id=self.subject_id)
        return Objection(
            id=ObjectionId(self.id),
            plea=Plea(subject=subject, cause=Cause(self.cause), words=self.words, asks_for=self.asks_for),
            ruled=Ruled(
                decision_id=None if self.decision_id is None else DecisionId(self.decision_id),
                policy_id=None if self.policy_id is None else PolicyId(self.policy_id),
                policy_version=self.policy_version,
                rule_id=self.rule_id,
            ),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            commitment_id=CommitmentId(self.commitment_id),
            raised_by=self.raised_by,
            raised_at=self.raised_at,
            standing=Standing(
                state=State(self.state), since=self.since, due_at=self.due_at, reason=self.reason
            ),
            decided_by=self.decided_by,
            sequence=self.sequence,
        )


class ObjectionEntryRow(TenantRow):
    """What was said, in its order. Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "objection_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "objection_id", "number"),
        ForeignKeyConstraint(["tenant_id", "objection_id"], ["objection.tenant_id", "objection.id"]),
    )

    objection_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    number: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    detail: Mapped[dict[str, Any]]


class ObjectionTermsRow(TenantRow):
    """One row of each tenant that said how soon its objections are decided."""

    __tablename__ = "objection_terms"

    target: Mapped[dict[str, Any]]
    calendar: Mapped[str | None]
    ladder: Mapped[str | None]
    warn_before_seconds: Mapped[int | None]
    version: Mapped[int]


def columns(objection: Objection) -> dict[str, Any]:
    """The columns of one that is new, but for its tenant."""
    plea, ruled = objection.plea, objection.ruled
    return {
        "id": objection.id,
        "request_id": objection.request_id,
        "client_id": objection.client_id,
        "service_id": objection.service_id,
        "subject_kind": plea.subject.kind.value,
        "subject_id": plea.subject.id,
        "decision_id": ruled.decision_id,
        "policy_id": ruled.policy_id,
        "policy_version": ruled.policy_version,
        "rule_id": ruled.rule_id,
        "commitment_id": objection.commitment_id,
        "raised_by": objection.raised_by,
        "cause": plea.cause.value,
        "words": plea.words,
        "asks_for": plea.asks_for,
        "raised_at": objection.raised_at,
        "due_at": objection.standing.due_at,
        **changing_columns(objection),
    }


def changing_columns(objection: Objection) -> dict[str, Any]:
    """The columns that a decision or a withdrawal changes."""
    standing = objection.standing
    return {
        "state": standing.state.value,
        "since": standing.since,
        "decided_by": objection.decided_by,
        "reason": standing.reason,
        "sequence": objection.sequence,
    }
