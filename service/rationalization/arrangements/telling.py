"""The events and the records of the audit trail that an arrangement is told by. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.audit.domain import Deed
from service.outbox.models import EventDraft
from service.rationalization.arrangements import models
from service.rationalization.arrangements.domain import (
    Accepted,
    Entry,
    Lapsed,
    Looked,
    Objected,
    Overturned,
    Refused,
    State,
    Superseded,
    Withdrawn,
)
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.matters import Matter
from service.rationalization.verdicts import Channel, Decline

SUBJECT_KIND = "arrangement"

OBJECTIONS = Channel(name="Objections", url="/v1/objections")
"""The tenant's own way to object to what it decided, where a rule names no other."""

_KINDS: Mapping[type[Entry], str] = {
    Accepted: "answered",
    Objected: "answered",
    Lapsed: "answered",
    Refused: "refused",
    Superseded: "ended",
    Withdrawn: "ended",
    Overturned: "ended",
}


def objections_of(arrangement: Arrangement) -> Channel:
    """Where somebody objects to it."""
    verdict = arrangement.verdict
    return verdict.objections if isinstance(verdict, Decline) else OBJECTIONS


def told_of(before: Arrangement, after: Arrangement, entry: Entry) -> str | None:
    """The type of the event that tells of an entry, but for its subject; None where nothing is told."""
    if not isinstance(entry, Looked):
        return _KINDS.get(type(entry))
    if after.state is State.READY:
        return None if before.state is State.READY else "ready"
    return None if before.standing.missing else "held_up"


def event(kind: str, matter: Matter, arrangement: Arrangement, entry: Entry) -> EventDraft:
    """An event of an arrangement that has counted it already. Only the tenant is told what is missing."""
    standing, objections = arrangement.standing, objections_of(arrangement)
    payload: dict[str, Any] = {
        "arrangement_id": arrangement.id,
        "request_id": matter.request_id,
        "source": matter.source,
        "external_id": matter.external_id,
        "verdict": standing.verdict.value,
        "state": standing.state.value,
        "reason": arrangement.reason,
        "state_reason": standing.because or None,
        "objections": {"name": objections.name, "url": objections.url},
        "message": arrangement.message.get("text"),
    }
    if kind == "held_up":
        payload |= {"missing": list(standing.missing)}
    return EventDraft(
        type=f"{SUBJECT_KIND}.{kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=arrangement.id,
        sequence=arrangement.sequence,
        occurred_at=entry.at,
        payload=payload,
        client_id=arrangement.client_id,
    )


def counted(arrangement: Arrangement) -> Arrangement:
    """The same with one event more."""
    return replace(arrangement, sequence=arrangement.sequence + 1)


def deed(entry: Entry, after: Arrangement, *, before: Arrangement | None = None) -> Deed:
    """What the audit trail says of an entry."""
    return Deed(
        f"{SUBJECT_KIND}.{models.KINDS[type(entry)]}",
        f"{SUBJECT_KIND}:{after.id}",
        before={} if before is None else _fields(before),
        after={**_fields(after), **models.detail_of(entry)},
    )


def _fields(arrangement: Arrangement) -> dict[str, Any]:
    return {
        "request_id": arrangement.request_id,
        "decision_id": arrangement.decision_id,
        "verdict": arrangement.standing.verdict.value,
        "state": arrangement.state.value,
        "carried_to": arrangement.carried_to,
    }
