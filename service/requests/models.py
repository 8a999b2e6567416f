"""Tables of this slice."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Computed, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service import ids
from service.db import TenantRow
from service.errors import Fault
from service.ids import (
    ArrangementId,
    ClientId,
    ContactId,
    DecisionId,
    EventId,
    MemberId,
    PolicyVersionId,
    RequestId,
    ServiceId,
)
from service.requests import wire
from service.requests.domain import (
    Decision,
    EventType,
    Request,
    RequestEvent,
    State,
    Typed,
)
from service.rules.records import AnswerRecord
from service.rules.vocabulary import RequestType

OPEN_CHANGES = "state = 'open' and type in ('change', 'plan_change')"
"""Word for word, so that PostgreSQL sees that its index has them all."""


def _index(*columns: str) -> Index:
    """What history is counted by; see `requests.history`."""
    return Index(f"ix_request_tenant_id_{'_'.join(columns)}", "tenant_id", *columns)


class RequestRow(TenantRow):
    __tablename__ = "request"
    __table_args__ = (
        UniqueConstraint(
            *("tenant_id", "source_client_id", "source", "external_id"), postgresql_nulls_not_distinct=True
        ),
        ForeignKeyConstraint(["tenant_id", "client_id"], ["client.tenant_id", "client.id"]),
        ForeignKeyConstraint(["tenant_id", "source_client_id"], ["client.tenant_id", "client.id"]),
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        ForeignKeyConstraint(["tenant_id", "service_id"], ["service.tenant_id", "service.id"]),
        _index("client_id", "state", "received_at"),
        _index("service_id", "state", "received_at"),
        _index("category", "received_at"),
        _index("requester", "received_at"),
        Index("ix_request_tenant_id_opened_at_id", "tenant_id", "opened_at", "id"),
        Index(
            "ix_request_tenant_id_service_id_open_changes",
            *("tenant_id", "service_id"),
            postgresql_where=text(OPEN_CHANGES),
        ),
        Index(
            "ix_request_tenant_id_merged_into",
            *("tenant_id", "merged_into"),
            postgresql_where=text("merged_into is not null"),
        ),
        ForeignKeyConstraint(["tenant_id", "merged_into"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "type_version_id"], ["request_type_version.tenant_id", "request_type_version.id"]
        ),
    )

    client_id: Mapped[UUID | None]
    service_id: Mapped[UUID | None]
    source_client_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    source: Mapped[str]
    external_id: Mapped[str]
    type: Mapped[str]
    title: Mapped[str | None]
    state: Mapped[str]
    facts: Mapped[dict[str, Any]]
    category: Mapped[str | None] = mapped_column(Computed("facts ->> 'category'::text", persisted=True))
    requester: Mapped[str | None] = mapped_column(
        Computed("coalesce(contact_id::text, facts ->> 'requester'::text)", persisted=True)
    )
    opened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    sequence: Mapped[int]
    merged_into: Mapped[UUID | None]
    submitted_by: Mapped[UUID | None]
    arrangement_id: Mapped[UUID | None]
    type_version_id: Mapped[UUID | None]
    typed: Mapped[dict[str, Any] | None]
    incomplete: Mapped[list[Any] | None]

    def to_domain(self) -> Request:
        return Request(
            id=RequestId(self.id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            service_id=None if self.service_id is None else ServiceId(self.service_id),
            source_client_id=None if self.source_client_id is None else ClientId(self.source_client_id),
            contact_id=None if self.contact_id is None else ContactId(self.contact_id),
            source=self.source,
            external_id=self.external_id,
            type=RequestType(self.type),
            title=self.title,
            state=State(self.state),
            facts=self.facts,
            opened_at=self.opened_at,
            received_at=self.received_at,
            sequence=self.sequence,
            merged_into=None if self.merged_into is None else RequestId(self.merged_into),
            submitted_by=None if self.submitted_by is None else MemberId(self.submitted_by),
            arrangement_id=None if self.arrangement_id is None else ArrangementId(self.arrangement_id),
            typed=wire.typed_of(self.type_version_id, self.typed),
            incomplete=tuple(Fault(each["pointer"], each["detail"]) for each in self.incomplete or ()),
        )


class RequestEventRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else."""

    __tablename__ = "request_event"
    __table_args__ = (
        Index("ix_request_event_tenant_id_request_id", "tenant_id", "request_id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    source_sequence: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    backdated: Mapped[bool]

    def to_domain(self) -> RequestEvent:
        state, other = self.detail.get("state"), self.detail.get("other")
        return RequestEvent(
            id=EventId(self.id),
            type=EventType(self.type),
            occurred_at=self.occurred_at,
            source_sequence=self.source_sequence,
            received_at=self.received_at,
            state=None if state is None else State(state),
            facts=self.detail.get("facts"),
            cause=self.detail.get("cause"),
            party=self.detail.get("party"),
            by=self.detail.get("by"),
            deed=self.detail.get("deed"),
            other=None if other is None else RequestId(ids.read_id(other)),
            backdated=self.backdated,
            repinned=wire.repinned_of(self.detail.get("repinned")),
            becomes=wire.becoming_of(self.detail.get("becomes")),
            because=self.detail.get("because"),
        )


class DecisionRow(TenantRow):
    """What was decided on one snapshot of facts, and all that is needed to say why. Append-only.

    `given` has the groups of facts that classification changed as they were before, null for one that was not
    there; all others were given as they are in `facts`.
    """

    __tablename__ = "decision"
    __table_args__ = (
        Index("ix_decision_tenant_id_request_id", "tenant_id", "request_id"),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "request_event_id"], ["request_event.tenant_id", "request_event.id"]
        ),
    )

    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    request_event_id: Mapped[UUID]
    decided_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]
    given: Mapped[dict[str, Any]]
    answers: Mapped[list[Any]]
    calendars: Mapped[dict[str, Any]]
    policy_version_id: Mapped[UUID | None]
    rule_id: Mapped[str | None]
    degraded: Mapped[bool]
    engine: Mapped[str]

    def to_domain(self) -> Decision:
        return Decision(
            id=DecisionId(self.id),
            decided_at=self.decided_at,
            given={name: group for name, group in (self.facts | self.given).items() if group is not None},
            facts=self.facts,
            answers=tuple(map(AnswerRecord.read, self.answers)),
            calendars=self.calendars,
            policy_version_id=(
                None if self.policy_version_id is None else PolicyVersionId(self.policy_version_id)
            ),
            rule_id=self.rule_id,
            degraded=self.degraded,
            engine=self.engine,
        )


def incomplete_column(request: Request) -> list[dict[str, str]] | None:
    """What a request lacks, as it is kept; null where it lacks nothing."""
    return [{"pointer": fault.pointer, "detail": fault.detail} for fault in request.incomplete] or None


def typed_columns(typed: Typed | None) -> dict[str, Any]:
    if typed is None:
        return {"type_version_id": None, "typed": None}
    return {"type_version_id": typed.version_id, "typed": wire.typed_document(typed)}


def event_columns(request: Request, event: RequestEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "request_id": request.id,
        "client_id": request.client_id,
        "type": event.type.value,
        "occurred_at": event.occurred_at,
        "source_sequence": event.source_sequence,
        "received_at": event.received_at,
        "detail": wire.detail(event),
        "backdated": event.backdated,
    }


def decision_columns(request: Request, event: RequestEvent, decision: Decision) -> dict[str, Any]:
    given, facts = decision.given, decision.facts
    return {
        "id": decision.id,
        "request_id": request.id,
        "client_id": request.client_id,
        "request_event_id": event.id,
        "decided_at": decision.decided_at,
        "facts": facts,
        "given": {name: given.get(name) for name in facts if not _is_same(given.get(name), facts[name])},
        "answers": [answer.to_json() for answer in decision.answers],
        "calendars": decision.calendars,
        "policy_version_id": decision.policy_version_id,
        "rule_id": decision.rule_id,
        "degraded": decision.degraded,
        "engine": decision.engine,
    }


def _is_same(one: object, other: object) -> bool:
    """Are they the same JSON? To Python 1, 1.0 and true are equal, to a rule they are not."""
    return one is other or msgspec.json.encode(one) == msgspec.json.encode(other)
