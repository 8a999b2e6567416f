"""What follows from a decision on a request, and from what its source says of it afterwards."""

from dataclasses import replace

from service.db import TenantSession
from service.ids import ArrangementId
from service.rationalization import verdicts
from service.rationalization.arrangements import courses
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.courses import Course
from service.rationalization.arrangements.domain import (
    AWAITING,
    ENDED_BY_VERDICT,
    GATED,
    OVER,
    WORKABLE,
    State,
    Superseded,
    Withdrawn,
)
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.gates import service as gates
from service.rationalization.specials import service as specials
from service.rationalization.verdicts import Decline, Redirect
from service.requests import (
    affairs,
    arranging,
    carrying,
    domain,
    effects,
    looking_back,
    renegotiating,
    settling,
    store,
    telling,
)
from service.requests.domain import DONE, Decision, EventType, Request
from service.requests.domain import State as RequestState
from service.requests.effects import Effect, Occasion
from service.requests.recording import Recorded


async def follow(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    decision: Decision,
    *,
    before: Decision | None = None,
) -> Request:
    """What follows from a decision on a request that is new, or whose row the caller holds locked.

    Args:
        session: of the tenant, or of one client organization.
        occasion: who brought it about, and when.
        request: as it is now.
        decision: what was decided on it.
        before: the decision that held before.
    """
    decision = arranging.arrived(request, decision)
    verdict = await arranging.verdict_of(session, request, decision)
    is_plain = verdicts.is_plain(verdict)
    if is_plain and request.arrangement_id is None:
        return await _told(session, occasion, request, decision, before)
    draft = None if is_plain else await arranging.drafted(session, request, decision, verdict, occasion)
    current = await settling.find(session, request)
    if current is None:
        return await _arrange(session, occasion, request, (decision, before), draft)
    if await settling.is_over_otherwise(session, request, current):
        return await _told(session, occasion, request, decision, before)
    is_edited = before is not None and domain.is_edited(
        await settling.followed(session, request, current, before), decision
    )
    match courses.course(current, draft, affairs.matter(request), is_edited=is_edited):
        case Course.KEEP:
            kept = await arrangements.confirm(session, current, decision.id)
            return await _kept(session, occasion, request, kept, is_edited=is_edited)
        case Course.REPLACE:
            request = await _superseded(session, occasion, request, current, by=draft)
            return await _arrange(session, occasion, request, (decision, before), draft)
        case Course.DROP:
            request = await _superseded(session, occasion, request, current, by=None)
            return await arranging.tell(session, occasion, request, decision)


async def happened(
    session: TenantSession, occasion: Occasion, before: Request, recorded: Recorded
) -> Request:
    """What follows from an event that was recorded of a request, whose row the caller holds locked."""
    request, event = recorded.request, recorded.event
    await looking_back.see_to(session, occasion, before, request)
    if recorded.decision is not None:
        request = await follow(session, occasion, request, recorded.decision, before=recorded.decided_before)
    if request.arrangement_id is None:
        goes_on = before.state is not RequestState.OPEN and request.state is RequestState.OPEN
        return await _goes_on(session, occasion, request) if goes_on else request
    if request.state is not before.state:
        return await _state_changed(session, occasion, before, request, request.arrangement_id)
    if event.type is EventType.RESUMED:
        current = await settling.find(session, request)
        if current is not None and current.state in AWAITING:
            return await effects.wait(session, occasion, request, on=True)
    return request


async def _arrange(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    decisions: tuple[Decision, Decision | None],
    draft: Arrangement | None,
) -> Request:
    """Have a verdict followed on a request of which nothing is arranged; one that is over is left alone."""
    if draft is None or (request.state is not RequestState.OPEN and not _ends_again(request, draft)):
        return await _told(session, occasion, request, *decisions)
    carried = await carrying.carry_over(session, occasion, request, draft)
    carried_to = None if carried is None else carried.request.id
    request, arrangement = await arranging.begin(
        session, occasion, request, decisions[0], draft, carried_to=carried_to
    )
    if carried is not None:
        goes_on = await carrying.noted(session, occasion, carried.request, request)
        await follow(session, occasion, goes_on, carried.decision)
    request = await _take_effect(session, occasion, request, arrangement)
    await arranging.propose_special_method(session, occasion, request, arrangement)
    if arrangement.state in GATED:
        await arranging.lay_gates(session, occasion, request, arrangement)
        return await settling.settle(session, occasion, request)
    return request


async def _take_effect(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> Request:
    """What a verdict does to its request by itself: it ends, or waits for whoever asked."""
    if current.state in ENDED_BY_VERDICT:
        because = current.standing.because or current.reason
        ends = Effect(state=RequestState.CANCELLED, because=because, other=current.carried_to)
        return (await effects.take(session, occasion, request, ends)).request
    if current.state in AWAITING:
        return await effects.wait(session, occasion, request, on=True)
    return request


async def _kept(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement, *, is_edited: bool
) -> Request:
    """The same verdict again: what was answered of something else is to be answered anew."""
    if is_edited and current.state in GATED and current.standing.gated:
        matter = affairs.matter(request)
        asked = await gates.edited(session, matter, current.id, now=occasion.now)
        asked += await specials.edited(session, matter, current.id, now=occasion.now)
        await renegotiating.follow(session, asked, now=occasion.now)
    return await settling.settle(session, occasion, request)


async def _superseded(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    current: Arrangement,
    *,
    by: Arrangement | None,
) -> Request:
    """Another verdict takes the place of the one that is followed so far."""
    entry = Superseded(at=occasion.now, by=occasion.actor.name)
    await arrangements.record(session, occasion.actor, affairs.matter(request), current, entry)
    await settling.let_go(session, occasion, request, current, arranging.SUPERSEDED)
    request = replace(request, arrangement_id=None)
    stays_over = by is not None and isinstance(by.verdict, Decline | Redirect)
    stays_waiting = by is not None and isinstance(by.verdict, verdicts.Adjust)
    if (current.state in ENDED_BY_VERDICT and stays_over) or (current.state in AWAITING and stays_waiting):
        return request
    return await lives_again(session, occasion, request, current, arranging.SUPERSEDED)


async def lives_again(
    session: TenantSession, occasion: Occasion, request: Request, before: Arrangement, because: str
) -> Request:
    """Take back what a verdict did to its request, and have nothing go on in its place."""
    if before.state in AWAITING:
        return await effects.wait(session, occasion, request, on=False)
    if before.state not in ENDED_BY_VERDICT:
        return request
    if request.state is not RequestState.OPEN:
        effect = Effect(state=RequestState.OPEN, because=because)
        request = (await effects.take(session, occasion, request, effect)).request
    if before.carried_to is not None:
        found = await store.get(session, before.carried_to, client_id=None, lock=True)
        await _ended_for(session, occasion, found.to_domain(), request, because)
    return request


async def _ended_for(
    session: TenantSession, occasion: Occasion, carried: Request, request: Request, because: str
) -> None:
    """End the request that another was carried over to, since that one lives again."""
    if carried.state is not RequestState.OPEN:
        return
    effect = Effect(state=RequestState.CANCELLED, because=because, other=request.id)
    recorded = await effects.take(session, occasion, carried, effect)
    await happened(session, occasion, carried, recorded)


async def _state_changed(
    session: TenantSession,
    occasion: Occasion,
    before: Request,
    request: Request,
    arrangement_id: ArrangementId,
) -> Request:
    """Its source says that a request of which something is arranged has ended, or goes on."""
    current = await arrangements.hold(session, arrangement_id)
    if request.state is RequestState.OPEN:
        return await _reopened(session, occasion, request, current)
    if before.state in DONE or current.state in OVER | ENDED_BY_VERDICT:
        return request
    if request.state in DONE and current.state in WORKABLE:
        return await _done(session, occasion, request, current)
    if current.state is State.OVERTURNED:
        return request
    because = arranging.ENDED[request.state]
    entry = Withdrawn(at=occasion.now, by=occasion.actor.name, because=because)
    await arrangements.record(session, occasion.actor, affairs.matter(request), current, entry)
    await settling.let_go(session, occasion, request, current, because)
    if current.state in AWAITING:
        return await effects.wait(session, occasion, request, on=False)
    return request


async def _done(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> Request:
    """The work is done: what came of it is reviewed, where the verdict asked for that."""
    if current.state is not State.OVERTURNED:
        await looking_back.owe(session, occasion, request, current)
    return request


async def _reopened(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> Request:
    """Its source says that it goes on: the verdict holds as before, whatever its source makes of it."""
    if current.state is State.WITHDRAWN:
        return await _goes_on(session, occasion, request)
    request = await _goes_on(session, occasion, request, since=current)
    if request.arrangement_id != current.id or request.state is not RequestState.OPEN:
        return request
    current = await arrangements.hold(session, current.id)
    if current.state in ENDED_BY_VERDICT | AWAITING:
        return await _take_effect(session, occasion, request, current)
    return await settling.settle(session, occasion, request)


async def _goes_on(
    session: TenantSession, occasion: Occasion, request: Request, *, since: Arrangement | None = None
) -> Request:
    """Follow what was decided while the request was over, of which nothing was arranged then.

    Args:
        session: of the tenant, or of one client organization.
        occasion: on which it goes on.
        request: as it is now.
        since: what was arranged before it was over, if that still counts.
    """
    last = (await store.decisions(session, request.id))[-1].to_domain()
    if since is not None and since.decision_id == last.id:
        return request
    return await follow(session, occasion, request, last, before=last)


async def _told(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    decision: Decision,
    before: Decision | None,
) -> Request:
    """Tell of a verdict that nothing follows from, if it is another than before."""
    if not telling.differs(decision, before):
        return request
    return await arranging.tell(session, occasion, request, decision)


def _ends_again(request: Request, draft: Arrangement) -> bool:
    """Whether a request that a verdict ended is ended by another one."""
    return request.state is RequestState.CANCELLED and isinstance(draft.verdict, Decline | Redirect)
