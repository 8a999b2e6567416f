"""Looks at what an arrangement waits for: its gates, or an answer; with what the requester is told."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from service.db import TenantSession
from service.rationalization.arrangements import domain as standing
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.domain import Lapsed, Looked, Refused, Renewed, State
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.gates import domain as gating
from service.rationalization.gates import service as gates
from service.rationalization.gates.domain import GateStanding
from service.rationalization.objections import service as objections
from service.rationalization.objections.domain import State as ObjectionState
from service.rationalization.objections.domain import SubjectKind
from service.rationalization.objections.store import Sought
from service.rationalization.specials import service as specials
from service.rationalization.verdicts import Adjust, SpecialMethod
from service.rationalization.wording.domain import MessageKind
from service.requests import affairs, messaging, neighbours
from service.requests.domain import Request
from service.requests.effects import Occasion
from service.wakeups import service as wakeups


async def look(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> str | None:
    """See whether all is there that the verdict requires.

    Returns:
        Why it was refused, if a consent was.
    """
    matter = affairs.matter(request)
    found = await gates.standings(session, matter, current.id, changes=neighbours.changes, now=occasion.now)
    if any(each.has_turned and each.kind is gating.Kind.CHANGE_CONFLICT for each in found):
        await wakeups.schedule(session, neighbours.taken(request, now=occasion.now))
    if not found:
        return None  # what was agreed is being recorded: its gates are laid next
    refused = next((each for each in found if each.state is gating.State.REFUSED), None)
    if refused is not None:
        return " ".join(refused.missing)
    looked = Looked(at=occasion.now, by=occasion.actor.name, missing=_missing(found))
    if standing.after(current.standing, looked) != current.standing:
        await _looked(session, occasion, request, current, looked)
    return None


async def refuse(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement, because: str
) -> None:
    """Write that what is required was refused, with what the requester is told of it."""
    told = await messaging.compose(session, occasion, request, current, MessageKind.REFUSED, reason=because)
    entry = Refused(at=occasion.now, by=occasion.actor.name, because=because)
    matter = affairs.matter(request)
    await arrangements.record(session, occasion.actor, matter, current, entry, message=told)


async def _looked(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement, looked: Looked
) -> None:
    """Write what was found of the gates; a special method may be used from the instant on at which all is."""
    matter, told = affairs.matter(request), None
    if not looked.missing:
        if isinstance(current.verdict, SpecialMethod):
            await specials.allow(session, matter, current.id, now=occasion.now)
        told = await _ready(session, occasion, request, current)
    await arrangements.record(session, occasion.actor, matter, current, looked, message=told)


def _missing(found: Sequence[GateStanding]) -> tuple[str, ...]:
    """What holds work up, in words."""
    return tuple(
        f"{each.name}: {words}"
        for each in found
        if not gating.lets_work_start([each])
        for words in each.missing or (each.state.value,)
    )


async def look_at_silence(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> None:
    """See whether a counter-proposal has lapsed, or an objection to it is no longer to be decided."""
    matter = affairs.matter(request)
    if current.state is State.PROPOSED:
        if standing.at(current.standing, occasion.now).state is State.LAPSED:
            told = await messaging.compose(session, occasion, request, current, MessageKind.ADJUST_LAPSED)
            entry = Lapsed(at=occasion.now)
            await arrangements.record(session, occasion.actor, matter, current, entry, message=told)
        return
    is_decided = current.state is State.OBJECTED and not await _is_objected(session, current, occasion)
    if is_decided and isinstance(current.verdict, Adjust):
        span = timedelta(seconds=current.verdict.answer_within_seconds)
        renewed = Renewed(at=occasion.now, by=occasion.actor.name, answer_by=occasion.now + span)
        await arrangements.record(session, occasion.actor, matter, current, renewed)


async def _is_objected(session: TenantSession, current: Arrangement, occasion: Occasion) -> bool:
    """Whether an objection to it is still to be decided."""
    sought = Sought(subject_kind=SubjectKind.ARRANGEMENT, subject_id=current.id, state=ObjectionState.OPEN)
    found = await objections.list_objections(session, sought, before=None, limit=1, now=occasion.now)
    return bool(found)


async def _ready(
    session: TenantSession, occasion: Occasion, request: Request, current: Arrangement
) -> dict[str, Any]:
    """What the requester is told when work may start."""
    special = await specials.last_of(session, current.id)
    if special is None:
        return await messaging.compose(session, occasion, request, current, MessageKind.ACCEPT_READY)
    kind, ends_at = MessageKind.SPECIAL_METHOD_ALLOWED, special.standing.ends_at
    return await messaging.compose(session, occasion, request, current, kind, expires_at=ends_at)
