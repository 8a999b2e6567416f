"""The events that are told of a request. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from service.ids import EventId
from service.outbox.models import EventDraft
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.arrangements.telling import objections_of
from service.requests import domain
from service.requests.domain import Decision, EventType, Request, RequestEvent
from service.rules.domain import VersionRef

SUBJECT_KIND = "request"
SILENT = frozenset({EventType.NOTED, EventType.REPINNED})
"""What changes neither the state nor the facts of a request."""
ACCEPT = "accept"
ACCEPTED: tuple[Mapping[str, Any], str | None] = ({"verdict": ACCEPT}, None)

Told: TypeAlias = tuple[str, dict[str, Any]]
"""The type of an event, and what it says."""


def acceptance(request: Request, decision: Decision, differed: Sequence[VersionRef] = ()) -> list[EventDraft]:
    """A request was accepted; `differed` are the versions that the engines do not agree on."""
    payload = {
        "request_id": request.id,
        "source": request.source,
        "external_id": request.external_id,
        "decision_id": decision.id,
        "rule_id": decision.rule_id,
        "verdict": decision.verdict["verdict"],
        "degraded": decision.degraded,
        **_incomplete(request),
    }
    told: list[Told] = [("request.accepted", payload)]
    if decision.rule_id is None:
        told.append(("request.unmatched", payload))
    if decision.degraded:
        told.append(("request.degraded", payload))
    return _drafts([*told, *_differed(request, decision, differed)], request, at=decision.decided_at)


def change(
    request: Request,
    event: RequestEvent,
    decision: Decision | None,
    *,
    differed: Sequence[VersionRef] = (),
) -> list[EventDraft]:
    """Something happened to a request.

    Args:
        request: as it is now.
        event: what happened.
        decision: what was decided on it, if anything was.
        differed: the versions that the engines do not agree on.
    """
    payload = {
        "request_id": request.id,
        "event_id": event.id,
        "type": event.type.value,
        "state": request.state.value,
        "facts": event.facts,
        "merged_into": request.merged_into,
        **({} if event.because is None else {"reason": event.because}),
        **_incomplete(request),
    }
    told: list[Told] = [] if event.type in SILENT else [("request.changed", payload)]
    if decision is not None:
        if decision.degraded:
            told.append(("request.degraded", payload))
        told += _differed(request, decision, differed)
    return _drafts(told, request, at=event.occurred_at)


CHECKED = "checked"
"""What is told as a change of a request without an event of its ledger: an item of its checklists."""


def checked(request: Request, mark_id: EventId, *, at: datetime) -> EventDraft:
    """Something was noted of the checklists of a request that is over, which lacks something else now."""
    payload = {
        "request_id": request.id,
        "event_id": mark_id,
        "type": CHECKED,
        "state": request.state.value,
        "facts": None,
        "merged_into": request.merged_into,
        **_incomplete(request),
    }
    (draft,) = _drafts([("request.changed", payload)], request, at=at)
    return draft


def _incomplete(request: Request) -> dict[str, Any]:
    """What the request lacks of what its type asks for; nothing of one without a type."""
    if request.of_type is None:
        return {}
    lacking = [{"pointer": fault.pointer, "detail": fault.detail} for fault in request.incomplete]
    return {"type_name": request.of_type.name, "incomplete": lacking}


def differs(decision: Decision, before: Decision | None) -> bool:
    """Whether the requester is told something new by a verdict; what is accepted at once is nothing new."""
    return _said(decision) != (ACCEPTED if before is None else _said(before))


def _said(decision: Decision) -> tuple[Mapping[str, Any], str | None]:
    """The verdict and its reason, as the requester knows them; what is accepted needs none."""
    shown = domain.for_client(decision)
    is_accepted = shown.verdict["verdict"] == ACCEPT
    return shown.verdict, None if is_accepted else shown.reason


def rationalized(
    request: Request, decision: Decision, arrangement: Arrangement | None, *, at: datetime
) -> EventDraft:
    """What the requester may know of the verdict, and of what is arranged by it."""
    shown = domain.for_client(decision)
    payload = {
        "request_id": request.id,
        "source": request.source,
        "external_id": request.external_id,
        "decision_id": decision.id,
        "verdict": shown.verdict,
        "reason": shown.reason,
        "arrangement": None if arrangement is None else _arranged(arrangement),
    }
    return _drafts([("request.rationalized", payload)], request, at=at)[0]


def _arranged(arrangement: Arrangement) -> dict[str, Any]:
    objections = objections_of(arrangement)
    return {
        "arrangement_id": arrangement.id,
        "state": arrangement.state.value,
        "message": arrangement.message.get("text"),
        "language": arrangement.message.get("language"),
        "proposal": dict(arrangement.proposal) or None,
        "answer_by": arrangement.standing.answer_by,
        "objections": {"name": objections.name, "url": objections.url},
        "link": arrangement.carried.get("link"),
        "carried_to": arrangement.carried_to,
    }


def _differed(request: Request, decision: Decision, differed: Sequence[VersionRef]) -> list[Told]:
    if not differed:
        return []
    versions = [ref.to_json() for ref in differed]
    payload = {"request_id": request.id, "decision_id": decision.id, "versions": versions}
    return [("rules.engine_differed", payload)]


def _drafts(told: Sequence[Told], request: Request, *, at: datetime) -> list[EventDraft]:
    """Events of the request, numbered from where its sequence stands."""
    return [
        EventDraft(
            type=kind,
            subject_kind=SUBJECT_KIND,
            subject_id=request.id,
            sequence=sequence,
            occurred_at=at,
            payload=payload,
            client_id=request.client_id,
        )
        for sequence, (kind, payload) in enumerate(told, start=request.sequence + 1)
    ]
