"""Tables of gates, and what their rows are to those who read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db import TenantRow
from service.ids import ArrangementId, ClientId, GateId, RequestId
from service.rationalization import verdicts
from service.rationalization.gates.domain import GateStanding, Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Something that must be there before work starts, as a verdict asks for it.

    Attributes:
        arrangement_id: what became of the verdict.
        name: see `GateStanding`.
        position: where it stands among those of its arrangement, from 0.
        asks: what the policy wrote.
        state: as it was last judged; `missing`, `since` and `detail` likewise.
        two_persons: whether a risk was found for which every approval needs two persons.
        edited_at: when what was asked for was last edited; None if never.
        closed_at: when it was wanted no more.
        version: grows with every change of it, records included.
        sequence: how many events were told of it.
    """

    id: GateId
    arrangement_id: ArrangementId
    request_id: RequestId
    client_id: ClientId | None
    kind: Kind
    name: str
    position: int
    asks: verdicts.Gate
    state: State
    missing: tuple[str, ...]
    since: datetime
    detail: Mapping[str, Any]
    two_persons: bool
    edited_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int
    sequence: int

    @property
    def standing(self) -> GateStanding:
        return GateStanding(
            id=self.id,
            kind=self.kind,
            name=self.name,
            state=self.state,
            missing=self.missing,
            since=self.since,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """What somebody put on record for a gate, or what was found when it was judged.

    Attributes:
        number: the version of the gate that it led to, which orders the records of one.
        recorded_by: as the audit trail calls them; None for what the service found by itself.
        kind: of the document: the gate's own, or `withdrawal`.
    """

    id: UUID
    gate_id: GateId
    number: int
    recorded_at: datetime
    recorded_by: str | None
    kind: str
    document: Mapping[str, Any]


OPEN_WINDOWS = "gate.kind in ('freeze_window', 'maintenance_window') and gate.closed_at is null"
"""Word for word, so that PostgreSQL sees that its index has them all."""


class GateRow(TenantRow):
    """A gate of an arrangement. A client's transaction may lay it, and looks at nothing beside it."""

    __tablename__ = "gate"
    __table_args__ = (
        Index("ix_gate_tenant_id_arrangement_id", "tenant_id", "arrangement_id"),
        Index("ix_gate_tenant_id_request_id", "tenant_id", "request_id"),
        Index("ix_gate_tenant_id_name_windows", "tenant_id", "name", postgresql_where=text(OPEN_WINDOWS)),
        ForeignKeyConstraint(["tenant_id", "arrangement_id"], ["arrangement.tenant_id", "arrangement.id"]),
        ForeignKeyConstraint(["tenant_id", "request_id"], ["request.tenant_id", "request.id"]),
    )

    arrangement_id: Mapped[UUID]
    request_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    kind: Mapped[str]
    name: Mapped[str]
    position: Mapped[int]
    asks: Mapped[dict[str, Any]]
    state: Mapped[str]
    missing: Mapped[list[Any]]
    since: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    two_persons: Mapped[bool]
    edited_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int]
    sequence: Mapped[int] = mapped_column(BigInteger)

    def to_domain(self) -> Gate:
        return Gate(
            id=GateId(self.id),
            arrangement_id=ArrangementId(self.arrangement_id),
            request_id=RequestId(self.request_id),
            client_id=None if self.client_id is None else ClientId(self.client_id),
            kind=Kind(self.kind),
            name=self.name,
            position=self.position,
            asks=msgspec.convert(self.asks, verdicts.Gate),
            state=State(self.state),
            missing=tuple(self.missing),
            since=self.since,
            detail=self.detail,
            two_persons=self.two_persons,
            edited_at=self.edited_at,
            closed_at=self.closed_at,
            created_at=self.created_at,
            version=self.version,
            sequence=self.sequence,
        )


class GateRecordRow(TenantRow):
    """Append-only: the login role may insert and read, nothing else. Clients see none of it."""

    __tablename__ = "gate_record"
    __table_args__ = (
        UniqueConstraint("tenant_id", "gate_id", "number"),
        ForeignKeyConstraint(["tenant_id", "gate_id"], ["gate.tenant_id", "gate.id"]),
    )

    gate_id: Mapped[UUID]
    number: Mapped[int]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str | None]
    kind: Mapped[str]
    document: Mapped[dict[str, Any]]

    def to_domain(self) -> GateRecord:
        return GateRecord(
            id=self.id,
            gate_id=GateId(self.gate_id),
            number=self.number,
            recorded_at=self.recorded_at,
            recorded_by=self.recorded_by,
            kind=self.kind,
            document=self.document,
        )


def columns(gate: Gate) -> dict[str, Any]:
    """The columns of one that is new, but for its tenant."""
    return {
        "id": gate.id,
        "arrangement_id": gate.arrangement_id,
        "request_id": gate.request_id,
        "client_id": gate.client_id,
        "kind": gate.kind.value,
        "name": gate.name,
        "position": gate.position,
        "asks": msgspec.to_builtins(gate.asks),
        "created_at": gate.created_at,
        **changing_columns(gate),
    }


def changing_columns(gate: Gate) -> dict[str, Any]:
    """The columns that what is found or recorded may change."""
    return {
        "state": gate.state.value,
        "missing": list(gate.missing),
        "since": gate.since,
        "detail": dict(gate.detail),
        "two_persons": gate.two_persons,
        "edited_at": gate.edited_at,
        "closed_at": gate.closed_at,
        "version": gate.version,
        "sequence": gate.sequence,
    }
