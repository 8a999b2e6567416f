"""What the audit trail says of what is done to requests. Pure.

The facts that a request came with are in its own ledger, which is append-only too; here is who brought them.
"""

from typing import Any

from service.audit.domain import Deed
from service.requests.domain import Decision, EventType, Request, RequestEvent


def submitted(request: Request, decision: Decision) -> Deed:
    after = {
        "source": request.source,
        "external_id": request.external_id,
        "type": request.type.value,
        "state": request.state.value,
        "client_id": request.client_id,
        "service_id": request.service_id,
        "decision_id": decision.id,
    }
    return Deed("request.submitted", f"request:{request.id}", after=after)


def reported(before: Request, after: Request, event: RequestEvent) -> Deed:
    """An event that was reported, and what it changed."""
    told = {"event_id": event.id, "event_type": event.type.value, "occurred_at": event.occurred_at}
    if event.repinned is not None:
        told |= {"repinning_id": event.repinned.repinning_id}
    return Deed(
        _ACTIONS.get(event.type, "request.event_reported"),
        f"request:{after.id}",
        before=_fields(before),
        after={**told, **_fields(after)},
    )


_ACTIONS = {
    EventType.REPINNED: "request.repinned",
    EventType.RATIONALIZED: "request.rationalized",
}


def _fields(request: Request) -> dict[str, Any]:
    return {"state": request.state.value, **{f"facts.{name}": fact for name, fact in request.facts.items()}}
