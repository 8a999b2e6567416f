"""What follows from what is found of a verdict, and answered to it.

The one place for the API, the signed link and the wake-ups. Each holds the request's row locked first, and
changes what it changes before it calls here. What follows from decisions and reports is in `following`.
"""

from datetime import datetime
from uuid import UUID

from service.audit.domain import ROOTED, Actor
from service.db import TenantSession
from service.ids import ArrangementId, ClientId
from service.rationalization.arrangements import domain as standing
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import Accepted, Objected, Overturned, Refused, State
from service.rationalization.arrangements.errors import ArrangementNotOpen
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.involvement import service as involvement
from service.rationalization.involvement.domain import Hand
from service.rationalization.wording.domain import MessageKind
from service.requests import affairs, arranging, effects, following, messaging, settling, store
from service.requests.domain import Becoming, Request
from service.requests.effects import Effect, Occasion
from service.rules.service import Rulebook
from service.rules.vocabulary import RequestType


async def settle(
    session: TenantSession, rulebook: Rulebook, request: Request, actor: Actor, *, now: datetime
) -> Request:
    """See where the request's arrangement stands, with all that follows.

    The caller holds the request's row locked, and has changed something of its gates, approvals, special
    methods or objections.
    """
    return await settling.settle(session, Occasion(rulebook, actor, now), request)


async def overturn(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    actor: Actor,
    overturned: Overturned,
    *,
    arrangement_id: ArrangementId,
) -> Request:
    """An objection to the verdict was upheld: what was asked for is accepted as it was asked.

    Nothing follows where another verdict has taken its place, to which nobody objected, or where another
    objection to it was upheld before.
    """
    occasion, because = Occasion(rulebook, actor, overturned.at), overturned.because
    current = await settling.find(session, request)
    if current is None or current.id != arrangement_id or current.state is State.OVERTURNED:
        return request
    told = await messaging.compose(
        session, occasion, request, current, MessageKind.OBJECTION_UPHELD, reason=because
    )
    await arrangements.record(session, actor, affairs.matter(request), current, overturned, message=told)
    await settling.let_go(session, occasion, request, current, because)
    return await following.lives_again(session, occasion, request, current, because)


async def forbid(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    actor: Actor,
    refused: Refused,
    *,
    arrangement_id: ArrangementId,
) -> Request:
    """What a verdict would have allowed is not to be: while work waits for it, that is a refusal."""
    current = await settling.find(session, request)
    if current is None or current.id != arrangement_id or current.state is not State.HELD_UP:
        return request
    return await settling.refuse(
        session, Occasion(rulebook, actor, refused.at), request, current, refused.because
    )


async def objected(
    session: TenantSession, request: Request, actor: Actor, *, because: str = "", now: datetime
) -> Request:
    """The requester objected to the counter-proposal.

    Raises:
        ArrangementNotOpen
    """
    current = await settling.find(session, request)
    if current is not None and current.state is not State.OBJECTED:
        entry = Objected(at=now, by=actor.name, because=because)
        await arrangements.record(session, actor, affairs.matter(request), current, entry)
    return request


async def accept(
    session: TenantSession,
    rulebook: Rulebook,
    actor: Actor,
    arrangement_id: ArrangementId,
    *,
    client_id: ClientId | None,
    now: datetime,
) -> Arrangement:
    """The requester takes the counter-proposal: the request goes on as was agreed.

    Raises:
        ArrangementNotFound, ArrangementNotOpen
    """
    occasion = Occasion(rulebook, actor, now)
    found = await arrangements.get(session, arrangement_id, client_id=client_id)
    request = (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()
    before = await arrangements.hold(session, arrangement_id)
    told = await messaging.compose(session, occasion, request, before, MessageKind.ADJUST_AGREED)
    entry = Accepted(at=now, by=actor.name)
    agreed = await arrangements.record(session, actor, affairs.matter(request), before, entry, message=told)
    await _note_who_agreed(session, occasion, request, arrangement_id)
    recorded = await effects.take(session, occasion, request, _agreed(request, agreed))
    request = recorded.request
    if recorded.decision is not None:
        request = await following.follow(
            session, occasion, request, recorded.decision, before=recorded.decided_before
        )
    if request.arrangement_id == arrangement_id:
        await arranging.lay_gates(session, occasion, request, agreed)
        await settling.settle(session, occasion, request)
    return await arrangements.get(session, arrangement_id, client_id=client_id)


async def _note_who_agreed(
    session: TenantSession, occasion: Occasion, request: Request, arrangement_id: ArrangementId
) -> None:
    """Whoever agrees in the requester's place does not approve it, nor who could have done so by a link."""
    matter, actor = affairs.matter(request), occasion.actor
    if actor.member_id is not None:
        await involvement.wrote(session, matter, actor.member_id, Hand.AGREED, now=occasion.now)
    elif actor.application_id is None:
        await involvement.agreed_by_link(session, matter, arrangement_id, now=occasion.now)


async def check_is_offered(
    session: TenantSession, arrangement_id: ArrangementId, *, client_id: ClientId | None, now: datetime
) -> None:
    """Refuse an answer to what is no counter-proposal, or waits for none.

    Raises:
        ArrangementNotFound, ArrangementNotOpen
    """
    found = await arrangements.get(session, arrangement_id, client_id=client_id)
    refusal = standing.refusal(found.standing, Accepted(at=now))
    if refusal is not None:
        raise ArrangementNotOpen(found.id, standing.at(found.standing, now).state, refusal)


async def advance(session: TenantSession, subject_id: UUID, /, *, rulebook: Rulebook, now: datetime) -> None:
    """Look at an arrangement whose wake-up has come. Safe to repeat: it locks and decides again.

    Raises:
        ArrangementNotFound
    """
    found = await arrangements.get(session, ArrangementId(subject_id), client_id=None)
    request = (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()
    await settling.settle(session, Occasion(rulebook, ROOTED, now), request)
    await arrangements.look_again(session, await arrangements.hold(session, found.id))


def _agreed(request: Request, agreed: Arrangement) -> Effect:
    """What becomes of a request by what was agreed."""
    proposal = agreed.proposal
    becomes = RequestType(proposal.get("type", request.type))
    return Effect(
        facts=dict(proposal["facts"]) or None,
        becomes=None if becomes is request.type else Becoming(request.type, becomes),
        waits=False,
    )
