"""Tables of the register of accidents."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import AccidentId, CommitmentId, MemberId, RequestId, ServiceId, read_id
from service.instants import rfc3339
from service.rationalization.accidents.domain import (
    Accident,
    Action,
    Affects,
    Cause,
    CauseClass,
    Effect,
    Measure,
    Report,
    State,
)

Said = dict[str, Any]


class AccidentRow(TenantRow):
    """`service.accidents_90d` is counted here; what is withdrawn counts nowhere."""

    __tablename__ = "accident"
    __table_args__ = (
        Index(
            "ix_accident_tenant_id_service_id_began_at",
            *("tenant_id", "service_id", "began_at"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        Index(
            "ix_accident_tenant_id_next_due_at",
            *("tenant_id", "next_due_at"),
            postgresql_where=text("next_due_at is not null"),
        ),
        ForeignKeyConstraint(["tenant_id", "service_id"], ["service.tenant_id", "service.id"]),
        ForeignKeyConstraint(["tenant_id", "change_id"], ["request.tenant_id", "request.id"]),
    )

    title: Mapped[str]
    what_happened: Mapped[str]
    service_id: Mapped[UUID]
    severity: Mapped[str | None]
    began_at: Mapped[datetime]
    found_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    effects: Mapped[list[Any]]
    cause: Mapped[dict[str, Any] | None]
    change_id: Mapped[UUID | None]
    actions: Mapped[list[Any]]
    next_due_at: Mapped[datetime | None]
    state: Mapped[str]
    because: Mapped[str | None]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self, links: "Iterable[AccidentLinkRow]" = ()) -> Accident:
        found = sorted(links, key=lambda link: link.place)
        return Accident(
            id=AccidentId(self.id),
            report=Report(
                title=self.title,
                what_happened=self.what_happened,
                service_id=ServiceId(self.service_id),
                severity=self.severity,
                began_at=self.began_at,
                found_at=self.found_at,
                ended_at=self.ended_at,
                effects=tuple(_effect(each) for each in self.effects),
                cause=None if self.cause is None else _cause(self.cause),
                change_id=None if self.change_id is None else RequestId(self.change_id),
                requests=tuple(RequestId(each.request_id) for each in found if each.commitment_id is None),
                promises=tuple(
                    CommitmentId(each.commitment_id) for each in found if each.commitment_id is not None
                ),
                actions=tuple(_action(each) for each in self.actions),
                state=State(self.state),
                because=self.because,
            ),
            recorded_by=self.recorded_by,
            recorded_at=self.recorded_at,
            version=self.version,
            sequence=self.sequence,
        )


class AccidentLinkRow(TenantRow):
    """A request that an accident is linked to, or one of its promises that the accident broke.

    `place` is where it stands in its list.
    """

    __tablename__ = "accident_link"
    __table_args__ = (
        UniqueConstraint("tenant_id", "accident_id", "request_id", "commitment_id"),
        Index("ix_accident_link_tenant_id_request_id", "tenant_id", "request_id"),
        ForeignKeyConstraint(["tenant_id", "accident_id"], ["accident.tenant_id", "accident.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    accident_id: Mapped[UUID]
    request_id: Mapped[UUID]
    commitment_id: Mapped[UUID | None]
    place: Mapped[int]


class AccidentEntryRow(TenantRow):
    """Append-only: each change of an entry of the register, by whom, and what it said before and after."""

    __tablename__ = "accident_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "accident_id", "version"),
        ForeignKeyConstraint(["tenant_id", "accident_id"], ["accident.tenant_id", "accident.id"]),
    )

    accident_id: Mapped[UUID]
    version: Mapped[int]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    changes: Mapped[dict[str, Any]]


def columns(accident: Accident) -> Said:
    """The columns of one that is new, but for its tenant."""
    return {
        "id": accident.id,
        "recorded_by": accident.recorded_by,
        "recorded_at": accident.recorded_at,
        **changing_columns(accident),
    }


def changing_columns(accident: Accident) -> Said:
    """The columns that may change; what it is linked to has a table of its own."""
    report = accident.report
    return {
        "title": report.title,
        "what_happened": report.what_happened,
        "service_id": report.service_id,
        "severity": report.severity,
        "began_at": report.began_at,
        "found_at": report.found_at,
        "ended_at": report.ended_at,
        "effects": [_effect_document(each) for each in report.effects],
        "cause": None if report.cause is None else _cause_document(report.cause),
        "change_id": report.change_id,
        "actions": [_action_document(each) for each in report.actions],
        "next_due_at": None if report.state is State.WITHDRAWN else report.next_due_at,
        "state": report.state.value,
        "because": report.because,
        "version": accident.version,
        "sequence": accident.sequence,
    }


def report_fields(report: Report) -> Said:
    """What the audit trail, the entry's history and events say of it."""
    return {
        "title": report.title,
        "what_happened": report.what_happened,
        "service_id": report.service_id,
        "severity": report.severity,
        "began_at": rfc3339(report.began_at),
        "found_at": rfc3339(report.found_at),
        "ended_at": None if report.ended_at is None else rfc3339(report.ended_at),
        "effects": [_effect_document(each) for each in report.effects],
        "cause": None if report.cause is None else _cause_document(report.cause),
        "caused_by": report.change_id,
        "requests": list(report.requests),
        "promises": list(report.promises),
        "measures": [_action_document(each) for each in report.actions],
        "state": report.state.value,
        "state_reason": report.because,
    }


def _effect_document(effect: Effect) -> Said:
    return {"affects": effect.affects.value, "amount": effect.amount, "measure": effect.measure.value}


def _effect(said: Said) -> Effect:
    return Effect(affects=Affects(said["affects"]), amount=said["amount"], measure=Measure(said["measure"]))


def _cause_document(cause: Cause) -> Said:
    return {"kind": cause.kind.value, "words": cause.words}


def _cause(said: Said) -> Cause:
    return Cause(kind=CauseClass(said["kind"]), words=said["words"])


def _action_document(action: Action) -> Said:
    return {
        "what": action.what,
        "owner_id": None if action.owner_id is None else str(action.owner_id),
        "due_at": None if action.due_at is None else rfc3339(action.due_at),
        "done_at": None if action.done_at is None else rfc3339(action.done_at),
    }


def _action(said: Said) -> Action:
    owner_id, due_at, done_at = said["owner_id"], said["due_at"], said["done_at"]
    return Action(
        what=said["what"],
        owner_id=None if owner_id is None else MemberId(read_id(owner_id)),
        due_at=None if due_at is None else datetime.fromisoformat(due_at),
        done_at=None if done_at is None else datetime.fromisoformat(done_at),
    )
