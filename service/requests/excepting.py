"""Special methods with all that follows: what is done with one comes one after another, and ladders follow.

The one place for the API and the wake-up. Each holds the request's row locked first.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.audit.domain import Actor
from service.db import TenantSession
from service.ids import MemberId, SpecialMethodId
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import State as ArrangementState
from service.rationalization.specials import service as specials
from service.rationalization.specials import using
from service.rationalization.specials.domain import Checked, State
from service.rationalization.specials.errors import (
    SpecialMethodNotApproved,
    SpecialMethodNotInForce,
    SpecialMethodOfOthers,
)
from service.rationalization.specials.models import SpecialMethod, Use
from service.rationalization.specials.using import Usage
from service.requests import affairs, domain, renegotiating, store
from service.requests.domain import Request
from service.requests.errors import BackdatingForbidden
from service.requests.intake import Caller

HELD_UP = "work is held up again by what its verdict requires; see its gates."


@dataclass(frozen=True, slots=True)
class Ender:
    """Who ends a special method before its time.

    Attributes:
        member_id: None for an application that acts by itself.
        leads: whether it may end what others asked for.
    """

    actor: Actor
    member_id: MemberId | None
    leads: bool


async def use(
    session: TenantSession,
    caller: Caller,
    special_method_id: SpecialMethodId,
    usage: Usage,
    *,
    now: datetime,
) -> Use:
    """Record a use; see `using.use`. While work is held up again, nothing that is allowed may be used.

    Raises:
        BackdatingForbidden, and as `using.use`
    """
    request = await _lock(session, special_method_id)
    found = await specials.get(session, special_method_id, client_id=None)
    arranged = await arrangements.get(session, found.arrangement_id, client_id=None)
    is_held_up = arranged.state is ArrangementState.HELD_UP and usage.at >= arranged.standing.since
    if found.state is State.ALLOWED and is_held_up:
        raise SpecialMethodNotInForce(special_method_id, usage.at, HELD_UP)
    if domain.is_backdated(usage.at, now) and not caller.may_backdate:
        raise BackdatingForbidden
    matter = affairs.matter(request)
    return await using.use(session, caller.actor, matter, special_method_id, usage, now=now)


async def end(
    session: TenantSession, ender: Ender, special_method_id: SpecialMethodId, because: str, *, now: datetime
) -> SpecialMethod:
    """End what is allowed before its time, as a lead or as whoever asked for it.

    Raises:
        SpecialMethodNotFound, SpecialMethodOfOthers, SpecialMethodNotApproved, SpecialMethodOver
    """
    request = await _lock(session, special_method_id)
    found = await specials.get(session, special_method_id, client_id=None)
    if not ender.leads and (ender.member_id is None or ender.member_id != found.asked_by):
        raise SpecialMethodOfOthers
    if found.state is State.PROPOSED:
        raise SpecialMethodNotApproved(special_method_id)
    matter = affairs.matter(request)
    ended = await specials.end(session, ender.actor, matter, special_method_id, because, now=now)
    await renegotiating.follow(session, ended.commitments, now=now)
    return ended.special


async def check(
    session: TenantSession, actor: Actor, special_method_id: SpecialMethodId, checked: Checked
) -> SpecialMethod:
    """Record what was found after its end; see `specials.check`."""
    request = await _lock(session, special_method_id)
    found = await specials.check(session, actor, affairs.matter(request), special_method_id, checked)
    await renegotiating.follow(session, found.commitments, now=checked.at)
    return found.special


async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Remind of its end, or end it, whatever is due; see `specials.advance`."""
    special_method_id = SpecialMethodId(subject_id)
    request = await _lock(session, special_method_id)
    owed = await specials.advance(session, affairs.matter(request), special_method_id, now=now)
    await renegotiating.follow(session, owed, now=now)


async def _lock(session: TenantSession, special_method_id: SpecialMethodId) -> Request:
    """Lock the request that it was allowed for, always before it itself. Raises SpecialMethodNotFound."""
    found = await specials.get(session, special_method_id, client_id=None)
    return (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()
