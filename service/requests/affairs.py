"""What ladders and rationalization go by of a request. Pure."""

from service.escalations.climbs import Climb
from service.escalations.runs.models import Affair
from service.rationalization.matters import Matter
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


def matter(request: Request) -> Matter:
    """What rationalization goes by of a request, as it is now."""
    return Matter(
        request_id=request.id,
        client_id=request.client_id,
        service_id=request.service_id,
        type=request.type,
        source=request.source,
        external_id=request.external_id,
        title=request.title,
        contact_id=request.contact_id,
        submitted_by=request.submitted_by,
        type_version_id=None if request.of_type is None else request.of_type.version_id,
        facts=request.facts,
    )


def _climbs(decision: Decision) -> tuple[Climb, ...]:
    return tuple(decision.climbs)
