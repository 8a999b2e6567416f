"""Tables of repinnings, and what their rows are to those who read them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from service import ids
from service.audit.domain import Actor
from service.db import TenantRow
from service.ids import (
    ApplicationId,
    CalendarId,
    CalendarVersionId,
    ClientId,
    PolicyId,
    PolicyVersionId,
    RepinningId,
    RequestId,
)
from service.requests.repinning.domain import Phase, PromiseChange, PromiseTotals, Reach, Subject

UNDER_WAY = text("state in ('queued', 'running') and preview_id is not null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Where the operation came out otherwise than its preview.

    Attributes:
        unforeseen: requests whose promises changed, and would not have by the preview.
        fallen_away: requests whose promises would have changed by the preview, and did not.
    """

    unforeseen: int
    fallen_away: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repinning:
    """One operation, or the preview of one.

    Attributes:
        preview_id: the preview that it is carried out by; None for a preview.
        actor: who asked for it.
        runs: how often it was begun: once, and once for each time that it was resumed.
        reason: why it failed.
        total: how many running requests there are within its reach; None while nobody has counted.
        done: how many of them were looked at.
        repinned: how many were, or would be, decided by the version.
        changed: how many of these have a promise that changes.
        failed: how many could not be decided anew.
        created_at: also the instant that a preview is as of.
    """

    id: RepinningId
    subject: Subject
    preview_id: RepinningId | None
    reach: Reach
    note: str | None
    actor: Actor
    phase: Phase
    runs: int
    reason: str | None
    total: int | None
    done: int
    repinned: int
    changed: int
    failed: int
    promises: PromiseTotals
    deviation: Deviation | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def is_preview(self) -> bool:
        return self.preview_id is None


class Outcome(StrEnum):
    CHANGED = "changed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RuleRef:
    """A rule, named by its policy's version and its id."""

    version_id: PolicyVersionId
    rule_id: str

    def to_json(self) -> dict[str, Any]:
        return {"version_id": str(self.version_id), "rule_id": self.rule_id}

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "RuleRef | None":
        if stored is None:
            return None
        return cls(PolicyVersionId(ids.read_id(stored["version_id"])), stored["rule_id"])


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Which rule a request's promises were made by, and which one now: None where none matched."""

    before: RuleRef | None = None
    after: RuleRef | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "before": None if self.before is None else self.before.to_json(),
            "after": None if self.after is None else self.after.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChange:
    """A request whose promises change, or that could not be decided anew.

    Attributes:
        reason: why it failed.
        tries: how often it was tried, of one that failed.
    """

    id: UUID
    request_id: RequestId
    client_id: ClientId | None
    outcome: Outcome
    tries: int = 0
    reason: str | None = None
    rules: RuleChange = RuleChange()
    promises: tuple[PromiseChange, ...] = ()


class RepinningRow(TenantRow):
    """At most one that is no preview is under way for each policy, and for each calendar."""

    __tablename__ = "repinning"
    __table_args__ = (
        Index(
            "ix_repinning_tenant_id_policy_id_under_way",
            *("tenant_id", "policy_id"),
            unique=True,
            postgresql_where=UNDER_WAY,
        ),
        Index(
            "ix_repinning_tenant_id_calendar_id_under_way",
            *("tenant_id", "calendar_id"),
            unique=True,
            postgresql_where=UNDER_WAY,
        ),
        ForeignKeyConstraint(["tenant_id", "policy_id"], ["policy.tenant_id", "policy.id"]),
        ForeignKeyConstraint(["tenant_id", "calendar_id"], ["calendar.tenant_id", "calendar.id"]),
        ForeignKeyConstraint(["tenant_id", "preview_id"], ["repinning.tenant_id", "repinning.id"]),
    )

    policy_id: Mapped[UUID | None]
    calendar_id: Mapped[UUID | None]
    version: Mapped[int]
    version_id: Mapped[UUID]
    preview_id: Mapped[UUID | None]
    scope: Mapped[dict[str, Any]]
    note: Mapped[str | None]
    actor: Mapped[dict[str, Any]]
    state: Mapped[str]
    runs: Mapped[int]
    reason: Mapped[str | None]
    last_request_id: Mapped[UUID | None]
    total: Mapped[int | None]
    done: Mapped[int]
    repinned: Mapped[int]
    changed: Mapped[int]
    failed: Mapped[int]
    promises: Mapped[dict[str, Any]]
    deviation: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    def to_domain(self) -> Repinning:
        return Repinning(
            id=RepinningId(self.id),
            subject=Subject(
                policy_id=None if self.policy_id is None else PolicyId(self.policy_id),
                calendar_id=None if self.calendar_id is None else CalendarId(self.calendar_id),
                version=self.version,
                version_id=(
                    CalendarVersionId(self.version_id)
                    if self.policy_id is None
                    else PolicyVersionId(self.version_id)
                ),
            ),
            preview_id=None if self.preview_id is None else RepinningId(self.preview_id),
            reach=Reach.of(self.scope),
            note=self.note,
            actor=_actor(self.actor),
            phase=Phase(self.state),
            runs=self.runs,
            reason=self.reason,
            total=self.total,
            done=self.done,
            repinned=self.repinned,
            changed=self.changed,
            failed=self.failed,
            promises=PromiseTotals(**self.promises),
            deviation=None if self.deviation is None else Deviation(**self.deviation),
            created_at=self.created_at,
            ended_at=self.ended_at,
        )


class RepinningChangeRow(TenantRow):
    """A request whose promises change, or that could not be decided anew; of others nothing is kept."""

    __tablename__ = "repinning_change"
    __table_args__ = (
        UniqueConstraint("tenant_id", "repinning_id", "request_id"),
        ForeignKeyConstraint(["tenant_id", "repinning_id"], ["repinning.tenant_id", "repinning.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    repinning_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    outcome: Mapped[str]
    tries: Mapped[int]
    reason: Mapped[str | None]
    rules: Mapped[dict[str, Any]]
    promises: Mapped[list[Any]]

    def to_domain(self) -> RequestChange:
        return RequestChange(
            id=self.id,
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            outcome=Outcome(self.outcome),
            tries=self.tries,
            reason=self.reason,
            rules=RuleChange(RuleRef.of(self.rules["before"]), RuleRef.of(self.rules["after"])),
            promises=tuple(map(PromiseChange.of, self.promises)),
        )


def columns(repinning: Repinning) -> dict[str, Any]:
    """The columns of an operation that is new, but for its tenant."""
    return {
        "id": repinning.id,
        "policy_id": repinning.subject.policy_id,
        "calendar_id": repinning.subject.calendar_id,
        "version": repinning.subject.version,
        "version_id": repinning.subject.version_id,
        "preview_id": repinning.preview_id,
        "scope": repinning.reach.to_json(),
        "note": repinning.note,
        "actor": asdict(repinning.actor),
        "last_request_id": None,
        "created_at": repinning.created_at,
        **changing_columns(repinning),
    }


def change_columns(change: RequestChange) -> dict[str, Any]:
    """The columns of a change, but for its tenant and its operation."""
    return {
        "id": change.id,
        "request_id": change.request_id,
        "client_id": change.client_id,
        "outcome": change.outcome.value,
        "tries": change.tries,
        "reason": change.reason,
        "rules": change.rules.to_json(),
        "promises": [each.to_json() for each in change.promises],
    }


def changing_columns(repinning: Repinning) -> dict[str, Any]:
    """The columns that a step may change."""
    return {
        "state": repinning.phase.value,
        "runs": repinning.runs,
        "reason": repinning.reason,
        "total": repinning.total,
        "done": repinning.done,
        "repinned": repinning.repinned,
        "changed": repinning.changed,
        "failed": repinning.failed,
        "promises": asdict(repinning.promises),
        "deviation": None if repinning.deviation is None else asdict(repinning.deviation),
        "ended_at": repinning.ended_at,
    }


def _actor(stored: Mapping[str, Any]) -> Actor:
    application_id, client_id = stored["application_id"], stored["client_id"]
    return Actor(
        name=stored["name"],
        application_id=None if application_id is None else ApplicationId(ids.read_id(application_id)),
        client_id=None if client_id is None else ClientId(ids.read_id(client_id)),
        address=stored["address"],
        http_request_id=stored["http_request_id"],
    )
