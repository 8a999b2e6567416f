"""Tables of runs, and what their rows are to those who read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.audit.domain import Actor
from service.db import TenantRow
from service.escalations.climbs import Climb
from service.escalations.ladders import wire as ladders_wire
from service.escalations.ladders.domain import Definition
from service.escalations.runs import wire
from service.escalations.runs.domain import EndCause, Entry, State
from service.ids import (
    ClientId,
    CommitmentId,
    ContactId,
    EscalationId,
    LadderId,
    LadderVersionId,
    MemberId,
    NoticeId,
    RequestId,
    ServiceId,
)

NO_STEPS = Definition(steps=())
"""What is climbed where there was no ladder of the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affair:
    """What of a request its ladders go by, as last known.

    Attributes:
        assignee: who has it, in the words of its source.
        assignment_group: the name of the group that has it.
        climbs: the ladders that are to be climbed; None where that was not decided anew.
    """

    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    source: str
    external_id: str
    title: str | None
    type: str
    contact_id: ContactId | None = None
    assignee: str | None = None
    assignment_group: str | None = None
    climbs: tuple[Climb, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A ladder as it was when its run began.

    Attributes:
        ladder: its name.
        document: its definition as it is written; empty where there was no ladder of the name.
    """

    ladder: str
    ladder_id: LadderId | None = None
    version_id: LadderVersionId | None = None
    version: int | None = None
    document: Mapping[str, Any]

    @property
    def definition(self) -> Definition:
        return ladders_wire.from_document(self.document) if self.document else NO_STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a ladder, as it was last looked at.

    Attributes:
        cycle: of the promise.
        round: counts from 1; a promise that goes on after its run ended has another.
        by_hand: whether somebody began it, and not a policy.
        held_by: who acknowledged it, was given it, or put it off.
        held_until: when that ends by itself.
        settled: whether what it is about was over when it ended, or since: a reopening begins another round.
        next_at: when something is to be told next.
        sequence: how many events were told of it.
        version: of what is shown of it.
    """

    id: EscalationId
    request_id: RequestId
    commitment_id: CommitmentId
    client_id: ClientId | None
    service_id: ServiceId | None
    cycle: int
    round: int
    snapshot: Snapshot
    by_hand: bool
    state: State
    held_by: MemberId | None
    held_until: datetime | None
    begun_at: datetime
    ended_at: datetime | None
    end_cause: EndCause | None
    settled: bool
    next_at: datetime | None
    sequence: int
    version: int

    @property
    def ladder(self) -> str:
        return self.snapshot.ladder

    @property
    def is_over(self) -> bool:
        return self.state is State.ENDED


@dataclass(frozen=True, slots=True)
class Responder:
    """Who acts on a run.

    Attributes:
        member_id: the member, who may act through an application, or have one act for them.
        actor: as the audit trail calls whoever asked for it.
    """

    member_id: MemberId
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That somebody was told, and of what. It never changes.

    Attributes:
        step: its index; None of a notice that no step gave, such as to whom a run is handed over.
        recipient: `member:<id>`, `client:<id>` or `endpoint:<id>`.
        name, email: of the member, as they were then.
        late: whether it was given notably later than planned, as after an outage.
        payload: what was told, as it stood then.
    """

    id: NoticeId
    escalation_id: EscalationId
    request_id: RequestId
    commitment_id: CommitmentId
    client_id: ClientId | None
    step: int | None
    step_name: str | None
    repeat: int | None
    recipient: str
    member_id: MemberId | None
    name: str | None
    email: str | None
    channel: str
    planned_at: datetime
    given_at: datetime
    late: bool
    payload: Mapping[str, Any]


class AffairRow(TenantRow):
    """Its id is the request's.

    Attributes:
        declined: promises of which a client's own transaction declined what was offered instead.
        asked_at: when the request was last brought before its ladders.
        left_at: since when a client's own transaction has left something to do; None where nothing is left.
    """

    __tablename__ = "affair"
    __table_args__ = (
        Index(
            "ix_affair_tenant_id_left", "tenant_id", "left_at", postgresql_where=text("left_at is not null")
        ),
        ForeignKeyConstraint(["tenant_id", "id"], ["request.tenant_id", "request.id"]),
    )

    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    source: Mapped[str]
    external_id: Mapped[str]
    title: Mapped[str | None]
    type: Mapped[str]
    contact_id: Mapped[UUID | None]
    assignee: Mapped[str | None]
    assignment_group: Mapped[str | None]
    climbs: Mapped[list[Any]]
    declined: Mapped[list[Any]]
    asked_at: Mapped[datetime]
    left_at: Mapped[datetime | None]

    def to_domain(self) -> Affair:
        return Affair(
            request_id=RequestId(self.id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            source=self.source,
            external_id=self.external_id,
            title=self.title,
            type=self.type,
            contact_id=None if self.contact_id is None else ContactId(self.contact_id),
            assignee=self.assignee,
            assignment_group=self.assignment_group,
            climbs=tuple(msgspec.convert(self.climbs, list[Climb])),
        )


class EscalationRow(TenantRow):
    """A run. All but its ledger may be computed anew from that."""

    __tablename__ = "escalation"
    __table_args__ = (
        UniqueConstraint("tenant_id", "commitment_id", "cycle", "ladder", "round"),
        Index("ix_escalation_tenant_id_request_id", "tenant_id", "request_id"),
        Index(
            "ix_escalation_tenant_id_running",
            *("tenant_id", "next_at"),
            postgresql_where=text("state <> 'ended'"),
        ),
        Index("ix_escalation_tenant_id_held_by", "tenant_id", "held_by"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    request_id: Mapped[UUID]
    commitment_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    cycle: Mapped[int]
    round: Mapped[int]
    ladder: Mapped[str]
    ladder_id: Mapped[UUID | None]
    ladder_version_id: Mapped[UUID | None]
    ladder_version: Mapped[int | None]
    definition: Mapped[dict[str, Any]]
    by_hand: Mapped[bool]
    state: Mapped[str]
    held_by: Mapped[UUID | None]
    held_until: Mapped[datetime | None]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    settled: Mapped[bool]
    next_at: Mapped[datetime | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int]

    def to_domain(self) -> Run:
        return Run(
            id=EscalationId(self.id),
            request_id=RequestId(self.request_id),
            commitment_id=CommitmentId(self.commitment_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            cycle=self.cycle,
            round=self.round,
            snapshot=Snapshot(
                ladder=self.ladder,
                ladder_id=None if self.ladder_id is None else LadderId(self.ladder_id),
                version_id=(
                    None if self.ladder_version_id is None else LadderVersionId(self.ladder_version_id)
                ),
                version=self.ladder_version,
                document=self.definition,
            ),
            by_hand=self.by_hand,
            state=State(self.state),
            held_by=None if self.held_by is None else MemberId(self.held_by),
            held_until=self.held_until,
            begun_at=self.begun_at,
            ended_at=self.ended_at,
            end_cause=None if self.ended_because is None else EndCause(self.ended_because),
            settled=self.settled,
            next_at=self.next_at,
            sequence=self.sequence,
            version=self.version,
        )


class EscalationEntryRow(TenantRow):
    """A run's own ledger. Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "escalation_entry"
    __table_args__ = (
        Index("ix_escalation_entry_tenant_id_escalation_id", "tenant_id", "escalation_id"),
        ForeignKeyConstraint(["tenant_id", "escalation_id"], ["escalation.tenant_id", "escalation.id"]),
    )

    escalation_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    kind: Mapped[str]
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]

    def to_domain(self) -> Entry:
        when = wire.When(at=self.at, received_at=self.received_at, id=str(self.id))
        return wire.entry(self.kind, when, self.detail)


class NoticeRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("tenant_id", "escalation_id", "step", "repeat", "recipient"),
        Index("ix_notice_tenant_id_member_id", "tenant_id", "member_id"),
        ForeignKeyConstraint(["tenant_id", "escalation_id"], ["escalation.tenant_id", "escalation.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    escalation_id: Mapped[UUID]
    request_id: Mapped[UUID]
    commitment_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    step: Mapped[int | None]
    step_name: Mapped[str | None]
    repeat: Mapped[int | None]
    recipient: Mapped[str]
    member_id: Mapped[UUID | None]
    name: Mapped[str | None]
    email: Mapped[str | None]
    channel: Mapped[str]
    planned_at: Mapped[datetime]
    given_at: Mapped[datetime]
    late: Mapped[bool]
    payload: Mapped[dict[str, Any]]

    def to_domain(self) -> Notice:
        return Notice(
            id=NoticeId(self.id),
            escalation_id=EscalationId(self.escalation_id),
            request_id=RequestId(self.request_id),
            commitment_id=CommitmentId(self.commitment_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            step=self.step,
            step_name=self.step_name,
            repeat=self.repeat,
            recipient=self.recipient,
            member_id=None if self.member_id is None else MemberId(self.member_id),
            name=self.name,
            email=self.email,
            channel=self.channel,
            planned_at=self.planned_at,
            given_at=self.given_at,
            late=self.late,
            payload=self.payload,
        )


def affair_columns(affair: Affair, *, asked_at: datetime) -> dict[str, Any]:
    """The columns of what is known of a request, but for its tenant."""
    return {
        "id": affair.request_id,
        "client_id": affair.client_id,
        "service_id": affair.service_id,
        "source": affair.source,
        "external_id": affair.external_id,
        "title": affair.title,
        "type": affair.type,
        "contact_id": affair.contact_id,
        "assignee": affair.assignee,
        "assignment_group": affair.assignment_group,
        "climbs": msgspec.to_builtins(affair.climbs or ()),
        "asked_at": asked_at,
    }


def columns(run: Run) -> dict[str, Any]:
    """The columns of a run that is new, but for its tenant."""
    return {
        "id": run.id,
        "request_id": run.request_id,
        "commitment_id": run.commitment_id,
        "client_id": run.client_id,
        "service_id": run.service_id,
        "cycle": run.cycle,
        "round": run.round,
        "ladder": run.snapshot.ladder,
        "ladder_id": run.snapshot.ladder_id,
        "ladder_version_id": run.snapshot.version_id,
        "ladder_version": run.snapshot.version,
        "definition": dict(run.snapshot.document),
        "by_hand": run.by_hand,
        "begun_at": run.begun_at,
        **changing_columns(run),
    }


def changing_columns(run: Run) -> dict[str, Any]:
    """The columns that a look may change."""
    return {
        "state": run.state.value,
        "held_by": run.held_by,
        "held_until": run.held_until,
        "ended_at": run.ended_at,
        "ended_because": None if run.end_cause is None else run.end_cause.value,
        "settled": run.settled,
        "next_at": run.next_at,
        "sequence": run.sequence,
        "version": run.version,
    }


def entry_columns(run: Run, entry: Entry) -> dict[str, Any]:
    """The columns of an entry in the ledger of a run, but for its tenant."""
    return {
        "id": UUID(entry.id),
        "escalation_id": run.id,
        "client_id": run.client_id,
        "kind": wire.KINDS[type(entry)],
        "at": entry.at,
        "received_at": entry.received_at,
        "detail": wire.detail(entry),
    }


def notice_columns(notice: Notice) -> dict[str, Any]:
    """The columns of a notice, but for its tenant."""
    return {
        "id": notice.id,
        "escalation_id": notice.escalation_id,
        "request_id": notice.request_id,
        "commitment_id": notice.commitment_id,
        "client_id": notice.client_id,
        "step": notice.step,
        "step_name": notice.step_name,
        "repeat": notice.repeat,
        "recipient": notice.recipient,
        "member_id": notice.member_id,
        "name": notice.name,
        "email": notice.email,
        "channel": notice.channel,
        "planned_at": notice.planned_at,
        "given_at": notice.given_at,
        "late": notice.late,
        "payload": dict(notice.payload),
    }
