"""Where the arrangement that counts stands now, with all that follows; and letting go of what it required."""

from service.commitments.models import Commitment
from service.db import TenantSession
from service.rationalization import verdicts
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import AWAITING, ENDED_BY_VERDICT, GATED, OVER, State
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.gates import service as gates
from service.rationalization.specials import service as specials
from service.requests import affairs, domain, effects, gating, neighbours, recording, renegotiating, store
from service.requests.domain import Decision, Request
from service.requests.domain import State as RequestState
from service.requests.effects import Effect, Occasion
from service.wakeups import service as wakeups


async def find(session: TenantSession, request: Request) -> Arrangement | None:
    """What became of the verdict that holds, locked; None where nothing more can."""
    if request.arrangement_id is None:
        return None
    found = await arrangements.hold(session, request.arrangement_id)
    return None if found.state in OVER else found


async def followed(
    session: TenantSession, request: Request, current: Arrangement, before: Decision
) -> Decision:
    """The decision that was followed last: of what was decided while a request was over nothing was."""
    if current.decision_id == before.id:
        return before
    made = (row.to_domain() for row in await store.decisions(session, request.id))
    return next((each for each in made if each.id == current.decision_id), before)


async def is_over_otherwise(session: TenantSession, request: Request, current: Arrangement) -> bool:
    """Whether more than the verdict ended a request: what its source ended is its source's to open again."""
    if request.state is RequestState.OPEN:
        return False
    if current.state not in ENDED_BY_VERDICT:
        return True
    ledger = await recording.ledger_of(session, request)
    return domain.state_told(ledger) is not RequestState.OPEN


async def settle(session: TenantSession, occasion: Occasion, request: Request) -> Request:
    """See where it stands by its gates and by the time, and do what follows; see `rationalizing.settle`.

    In a client organization's own transaction gates cannot be looked at, and the worker is left to.
    """
    current = await find(session, request)
    if current is None:
        return request
    if session.client_id is not None:
        if current.state in GATED | {State.OBJECTED}:
            await arrangements.leave(session, current, now=occasion.now)
        return request
    if current.state in AWAITING:
        await gating.look_at_silence(session, occasion, request, current)
        return request
    if current.state not in GATED or not current.standing.gated or request.state is not RequestState.OPEN:
        return request
    refused = await gating.look(session, occasion, request, current)
    return request if refused is None else await refuse(session, occasion, request, current, refused)


async def refuse(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement, because: str
) -> Request:
    """What is required before work starts was refused: the request ends, for that reason."""
    await gating.refuse(session, occasion, request, current, because)
    await let_go(session, occasion, request, current, because, is_refused=True)
    ends = Effect(state=RequestState.CANCELLED, because=because)
    return (await effects.take(session, occasion, request, ends)).request


async def let_go(
    session: TenantSession,
    occasion: Occasion,
    request: Request,
    current: Arrangement,
    because: str,
    *,
    is_refused: bool = False,
) -> None:
    """Nothing is wanted any more of what was required, and what was to be allowed is not."""
    matter, found = affairs.matter(request), list[Commitment]()
    if current.standing.gated:
        found += await gates.close(session, matter, current.id, now=occasion.now)
        if any(isinstance(gate, verdicts.ChangeConflict) for gate in current.verdict.requires):
            await wakeups.schedule(session, neighbours.taken(request, now=occasion.now))
    if isinstance(current.verdict, verdicts.SpecialMethod):
        end = specials.refuse if is_refused else specials.withdraw
        found += await end(session, matter, current.id, because=because, now=occasion.now)
    await renegotiating.follow(session, found, now=occasion.now)
