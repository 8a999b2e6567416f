"""Requests that go on as others: what belongs to a channel of the tenant's own is carried over to it."""

from service import ids
from service.db import TenantSession
from service.ids import EventId, RequestId
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.involvement import service as involvement
from service.rationalization.verdicts import Redirect
from service.requests import affairs, deciding, holding, recording
from service.requests.domain import CARRIED, EventType, Request, RequestEvent, State
from service.requests.effects import Occasion
from service.requests.holding import AFTER_ALL
from service.requests.recording import Accepted, Arrival
from service.rules.vocabulary import RequestType


async def carry_over(
    session: TenantSession, occasion: Occasion, request: Request, draft: Arrangement
) -> Accepted | None:
    """Accept what is redirected as a request of the type that it belongs to; None where it is not of ours."""
    verdict = draft.verdict
    if not isinstance(verdict, Redirect) or verdict.channel.type is None:
        return None
    goes_on = _as(request, draft, verdict.channel.type)
    arrival = Arrival(goes_on, _opened(goes_on), await deciding.context_of(session, goes_on))
    accepted = await recording.accept(session, occasion.rulebook, arrival, occasion.actor, now=occasion.now)
    await involvement.carry_over(session, request.id, affairs.matter(goes_on), now=occasion.now)
    return accepted


async def noted(session: TenantSession, occasion: Occasion, goes_on: Request, before: Request) -> Request:
    """Note of a request what it goes on in the place of."""
    event = RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.NOTED,
        occurred_at=occasion.now,
        source_sequence=AFTER_ALL,
        received_at=occasion.now,
        other=before.id,
    )
    recorded = await recording.append(
        session, occasion.rulebook, goes_on, event, occasion.actor, now=occasion.now
    )
    await holding.leave(session, recorded.request, now=occasion.now)
    return recorded.request


def _as(request: Request, draft: Arrangement, family: RequestType) -> Request:
    """The same demand, as a request of another type."""
    return Request(
        id=RequestId(ids.new_id()),
        client_id=request.client_id,
        service_id=request.service_id,
        source_client_id=request.source_client_id,
        contact_id=request.contact_id,
        source=CARRIED,
        external_id=str(draft.id),
        type=family,
        title=request.title,
        state=State.OPEN,
        facts=request.facts,
        opened_at=draft.made_at,
        received_at=draft.made_at,
        sequence=0,
        submitted_by=request.submitted_by,
    )


def _opened(request: Request) -> RequestEvent:
    return RequestEvent(
        id=EventId(ids.new_id()),
        type=EventType.OPENED,
        occurred_at=request.opened_at,
        source_sequence=0,
        received_at=request.received_at,
        state=request.state,
        facts=request.facts,
    )
