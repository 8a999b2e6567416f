"""The JSON forms of what the tables of this slice keep: of types, events, and what they say."""

from typing import Any
from uuid import UUID

from service import ids
from service.ids import CalendarVersionId, PolicyId, RepinningId, RequestTypeVersionId
from service.requests.domain import Becoming, Recount, Repinned, RequestEvent, Typed
from service.rules.vocabulary import RequestType


def detail(event: RequestEvent) -> dict[str, Any]:
    """What an event says besides when it happened; what it does not say is left out."""
    said = {
        "state": None if event.state is None else event.state.value,
        "facts": event.facts,
        "cause": event.cause,
        "party": event.party,
        "by": event.by,
        "deed": event.deed,
        "other": None if event.other is None else str(event.other),
        "repinned": None if event.repinned is None else _repinned_document(event.repinned),
        "becomes": None if event.becomes is None else [each.value for each in event.becomes],
        "because": event.because,
    }
    return {key: value for key, value in said.items() if value is not None}


def typed_document(typed: Typed) -> dict[str, Any]:
    return {
        "name": typed.name,
        "family": typed.family.value,
        "standard": typed.standard,
        "gated": typed.gated,
    }


def typed_of(version_id: UUID | None, kept: dict[str, Any] | None) -> Typed | None:
    if version_id is None or kept is None:
        return None
    return Typed(
        version_id=RequestTypeVersionId(version_id),
        name=kept["name"],
        family=RequestType(kept["family"]),
        standard=kept["standard"],
        gated=kept["gated"],
    )


def becoming_of(detail: list[str] | None) -> Becoming | None:
    return None if detail is None else Becoming(*map(RequestType, detail))


def repinned_of(detail: dict[str, Any] | None) -> Repinned | None:
    if detail is None:
        return None
    policy_id, recount = detail["policy_id"], detail["recount"]
    return Repinned(
        repinning_id=RepinningId(ids.read_id(detail["repinning_id"])),
        by=detail["by"],
        policy_id=None if policy_id is None else PolicyId(ids.read_id(policy_id)),
        recount=None
        if recount is None
        else Recount(recount["calendar"], CalendarVersionId(ids.read_id(recount["version_id"]))),
    )


def _repinned_document(repinned: Repinned) -> dict[str, Any]:
    recount = repinned.recount
    return {
        "repinning_id": repinned.repinning_id,
        "by": repinned.by,
        "policy_id": repinned.policy_id,
        "recount": None
        if recount is None
        else {"calendar": recount.calendar, "version_id": recount.version_id},
    }
