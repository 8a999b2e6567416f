"""The tables of approvals and of delegations, and what their rows are to those who read them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service import ids
from service.db import TenantRow
from service.ids import (
    ClientId,
    CommitmentId,
    ContactId,
    DelegationId,
    GateId,
    MemberId,
    RequestId,
    ServiceId,
)
from service.rationalization.approvals import wire
from service.rationalization.approvals.domain import (
    Answered,
    Entry,
    Lapsed,
    State,
    Wanted,
    Withdrawn,
)
from service.rationalization.approvals.domain.delegations import Delegation
from service.rationalization.verdicts import ApprovalGate


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody's consent that is wanted before work starts, as it was last looked at.

    Attributes:
        id: of the gate that it opens.
        gate: as the policy writes it.
        wanted: whose consent, with what was added since.
        submitted_by: the member who submitted the request, if a member did.
        contact_id: of the request; a member with the contact's mail address may not answer.
        requester: the mail address that the request's own facts name as who asks, if they name one.
        commitment_id: the promise that it is decided in time; None where there is no deadline.
        untold: whether nobody was told yet that it is asked, which a client's own transaction leaves undone.
        asked_position: of the entry that asked last: answers before it are void.
        position: of the next entry in its ledger.
        sequence: how many events were told of it.
    """

    id: GateId
    request_id: RequestId
    client_id: ClientId | None
    service_id: ServiceId | None
    source: str
    external_id: str
    gate: ApprovalGate
    wanted: Wanted
    submitted_by: MemberId | None
    contact_id: ContactId | None
    requester: str | None
    state: State
    since: datetime
    deadline_at: datetime | None
    commitment_id: CommitmentId | None
    untold: bool
    asked_position: int
    position: int
    sequence: int

    @property
    def seats(self) -> list[str]:
        """Whose consent is wanted, in the order of the alphabet."""
        return sorted(self.wanted.seats)


class ApprovalRow(TenantRow):
    """Its id is the gate's."""

    __tablename__ = "approval"
    __table_args__ = (
        Index("ix_approval_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_approval_tenant_id_pending", "tenant_id", "id", postgresql_where=text("state = 'pending'")),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(["tenant_id", "commitment_id"], ["commitment.tenant_id", "commitment.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    source: Mapped[str]
    external_id: Mapped[str]
    gate: Mapped[dict[str, Any]]
    seats: Mapped[list[Any]]
    everyone: Mapped[bool]
    persons_min: Mapped[int]
    submitted_by: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    requester: Mapped[str | None]
    state: Mapped[str]
    since: Mapped[datetime]
    deadline_at: Mapped[datetime | None]
    commitment_id: Mapped[UUID | None]
    untold: Mapped[bool]
    asked_position: Mapped[int]
    position: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Approval:
        return Approval(
            id=GateId(self.id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            source=self.source,
            external_id=self.external_id,
            gate=msgspec.convert(self.gate, ApprovalGate),
            wanted=Wanted(seats=frozenset(self.seats), everyone=self.everyone, persons_min=self.persons_min),
            submitted_by=None if self.submitted_by is None else MemberId(self.submitted_by),
            contact_id=None if self.contact_id is None else ContactId(self.contact_id),
            requester=self.requester,
            state=State(self.state),
            since=self.since,
            deadline_at=self.deadline_at,
            commitment_id=None if self.commitment_id is None else CommitmentId(self.commitment_id),
            untold=self.untold,
            asked_position=self.asked_position,
            position=self.position,
            sequence=self.sequence,
        )


class ApprovalEntryRow(TenantRow):
    """The ledger of an approval. Append-only: the login role may insert and read, nothing else.

    Attributes:
        position: 0 for the first; the order in which entries were recorded.
        member_id: who answered, in an answer; `on_behalf_of`, for whom, if for another.
    """

    __tablename__ = "approval_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "approval_id", "position"),
        ForeignKeyConstraint(["tenant_id", "approval_id"], ["approval.tenant_id", "approval.id"]),
    )

    approval_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    position: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]
    member_id: Mapped[UUID | None]
    on_behalf_of: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]]

    def to_domain(self) -> Entry:
        match self.kind:
            case "asked":
                return wire.asked_of(self.at, self.detail)
            case "answered":
                return self._answered()
            case "two_needed":
                return wire.two_needed_of(self.at, self.detail)
            case "lapsed":
                return Lapsed(at=self.at)
            case "withdrawn":
                return Withdrawn(at=self.at)
            case kind:
                raise ValueError(f"no entry of an approval is called {kind!r}")

    def _answered(self) -> Answered:
        if self.member_id is None:
            raise ValueError("nobody answered")
        return Answered(
            at=self.at,
            by=MemberId(self.member_id),
            seats=frozenset(self.detail["seats"]),
            approves=self.detail["approves"],
            on_behalf_of=None if self.on_behalf_of is None else MemberId(self.on_behalf_of),
            because=self.detail["because"],
        )


class DelegationRow(TenantRow):
    """Who answers for whom. It is never removed: answers that were given by it refer to it."""

    __tablename__ = "delegation"
    __table_args__ = (
        Index("ix_delegation_tenant_id_member_id", "tenant_id", "member_id"),
        Index("ix_delegation_tenant_id_deputy_id", "tenant_id", "deputy_id"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"]),
        ForeignKeyConstraint(["tenant_id", "deputy_id"], ["member.tenant_id", "member.id"]),
    )

    member_id: Mapped[UUID]
    deputy_id: Mapped[UUID]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    seats: Mapped[list[Any] | None]
    because: Mapped[str]
    given_by: Mapped[str]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    version: Mapped[int]

    def to_domain(self) -> Delegation:
        return Delegation(
            id=DelegationId(self.id),
            member_id=MemberId(self.member_id),
            deputy_id=MemberId(self.deputy_id),
            from_at=self.from_at,
            until_at=self.until_at,
            seats=None if self.seats is None else frozenset(self.seats),
            because=self.because,
            given_by=self.given_by,
            created_at=self.created_at,
            ended_at=self.ended_at,
            version=self.version,
        )


def columns(approval: Approval) -> dict[str, Any]:
    """The columns of one that is new, but for its tenant."""
    return {
        "id": approval.id,
        "request_id": approval.request_id,
        "client_id": approval.client_id,
        "service_id": approval.service_id,
        "source": approval.source,
        "external_id": approval.external_id,
        "gate": msgspec.to_builtins(approval.gate),
        "seats": approval.seats,
        "everyone": approval.wanted.everyone,
        **changing_columns(approval),
    }


def changing_columns(approval: Approval) -> dict[str, Any]:
    """The columns that what happens to it may change."""
    return {
        "persons_min": approval.wanted.persons_min,
        "submitted_by": approval.submitted_by,
        "contact_id": approval.contact_id,
        "requester": approval.requester,
        "state": approval.state.value,
        "since": approval.since,
        "deadline_at": approval.deadline_at,
        "commitment_id": approval.commitment_id,
        "untold": approval.untold,
        "asked_position": approval.asked_position,
        "position": approval.position,
        "sequence": approval.sequence,
    }


def entry_columns(approval: Approval, entry: Entry, position: int) -> dict[str, Any]:
    """The columns of an entry, but for its tenant."""
    is_answer = isinstance(entry, Answered)
    return {
        "id": ids.new_id(),
        "approval_id": approval.id,
        "client_id": approval.client_id,
        "position": position,
        "kind": wire.KINDS[type(entry)],
        "at": entry.at,
        "member_id": entry.by if is_answer else None,
        "on_behalf_of": entry.on_behalf_of if is_answer else None,
        "detail": wire.detail(entry),
    }
