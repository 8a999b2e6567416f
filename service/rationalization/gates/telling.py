"""The events and the records of the audit trail that gates are told by. Pure."""

from datetime import datetime
from typing import Any

from service.audit.domain import Deed
from service.outbox.models import EventDraft
from service.rationalization.gates.models import Gate, GateRecord
from service.rationalization.matters import Matter

SUBJECT_KIND = "gate"


def recorded(gate: Gate, record: GateRecord, matter: Matter) -> EventDraft:
    """Somebody put something on record for a gate that has counted the event already."""
    said = {"record": record.kind, "number": record.number, "by": record.recorded_by}
    return _event("gate.recorded", gate, matter, record.recorded_at, said)


def settled(gate: Gate, matter: Matter, at: datetime) -> EventDraft:
    """A gate that has counted the event already came to stand otherwise."""
    said = {"state": gate.state.value, "missing": list(gate.missing)}
    return _event("gate.settled", gate, matter, at, said)


def deed(gate: Gate, record: GateRecord) -> Deed:
    """What the audit trail says of a record; all of it is kept with the gate."""
    after = {"kind": record.kind, "number": record.number, "record_id": str(record.id)}
    return Deed("gate.recorded", f"{SUBJECT_KIND}:{gate.id}", after=after)


def looked_at(before: Gate, after: Gate) -> Deed:
    """What the audit trail says when somebody has a gate judged anew: with what was found."""
    was, found = [{"state": gate.state.value, "missing": list(gate.missing)} for gate in (before, after)]
    return Deed(
        "gate.looked_at", f"{SUBJECT_KIND}:{after.id}", before=was if was != found else {}, after=found
    )


def _event(type_: str, gate: Gate, matter: Matter, at: datetime, said: dict[str, Any]) -> EventDraft:
    return EventDraft(
        type=type_,
        subject_kind=SUBJECT_KIND,
        subject_id=gate.id,
        sequence=gate.sequence,
        occurred_at=at,
        payload={
            "gate_id": gate.id,
            "arrangement_id": gate.arrangement_id,
            "request_id": gate.request_id,
            "source": matter.source,
            "external_id": matter.external_id,
            "gate": gate.kind.value,
            "name": gate.name,
            **said,
        },
        client_id=gate.client_id,
    )
