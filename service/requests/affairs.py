"""What ladders go by of a request. Pure."""

from service.escalations.climbs import Climb
from service.escalations.runs.models import Affair
from service.requests.domain import Decision, Request


def of(request: Request, decision: Decision | None) -> Affair:
    """What is known of a request.

    Args:
        request: as it is now.
        decision: what was decided on it anew, if anything was.
    """
    return Affair(
        request_id=request.id,
        client_id=request.client_id,
        service_id=request.service_id,
        source=request.source,
        external_id=request.external_id,
        title=request.title,
        type=request.type.value,
        contact_id=request.contact_id,
        assignee=request.facts.get("assignee"),
        assignment_group=request.facts.get("assignment_group"),
        climbs=None if decision is None else _climbs(decision),
    )


def _climbs(decision: Decision) -> tuple[Climb, ...]:
    return tuple(decision.climbs)
