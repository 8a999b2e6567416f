"""What HTTP accepts and shows of gates."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service.ids import ArrangementId, ClientId, GateId, RequestId
from service.rationalization import verdicts
from service.rationalization.gates.domain import Kind, State
from service.rationalization.gates.models import Gate, GateRecord


class GateView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must be there before work starts, as it was judged last.

    `asks` is what the policy wrote. `missing` says what is to be done, and `detail` what it was judged by:
    what stands in the way, with the next window that would fit. `edited_at` is when what was asked for was
    last edited. With `closed_at` it is wanted no more.
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
    since: datetime
    missing: Sequence[str]
    detail: Mapping[str, Any]
    two_persons: bool
    edited_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int

    @classmethod
    def of(cls, gate: Gate) -> "GateView":
        return cls(
            id=gate.id,
            arrangement_id=gate.arrangement_id,
            request_id=gate.request_id,
            client_id=gate.client_id,
            kind=gate.kind,
            name=gate.name,
            position=gate.position,
            asks=gate.asks,
            state=gate.state,
            since=gate.since,
            missing=gate.missing,
            detail=gate.detail,
            two_persons=gate.two_persons,
            edited_at=gate.edited_at,
            closed_at=gate.closed_at,
            created_at=gate.created_at,
            version=gate.version,
        )


class GateRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody put on record, or what was found when the gate was judged: then `recorded_by` is null.

    The last one that somebody made counts, unless it withdraws the one before it. `number` is the version of
    the gate that it led to.
    """

    id: UUID
    gate_id: GateId
    number: int
    recorded_at: datetime
    recorded_by: str | None
    kind: str
    document: Mapping[str, Any]

    @classmethod
    def of(cls, record: GateRecord) -> "GateRecordView":
        return cls(
            id=record.id,
            gate_id=record.gate_id,
            number=record.number,
            recorded_at=record.recorded_at,
            recorded_by=record.recorded_by,
            kind=record.kind,
            document=record.document,
        )
