"""Approvals with all that follows: what is said comes one after another, and ladders follow it.

The one place for the API and for the wake-up at which an approval expires. Each holds the request's row
locked first: so nothing that happens to the request misses an answer that is being given.
"""

from datetime import datetime
from uuid import UUID

from service.audit.domain import ROOTED, Actor
from service.db import TenantSession
from service.ids import GateId
from service.rationalization.approvals import answering
from service.rationalization.approvals import service as approvals
from service.rationalization.approvals.answering import Answerer, Said
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.recording import Changed
from service.requests import affairs, rationalizing, renegotiating, store
from service.requests.domain import Request
from service.rules.service import Rulebook


async def answer(
    session: TenantSession,
    rulebook: Rulebook,
    who: Answerer,
    gate_id: GateId,
    said: Said,
    *,
    now: datetime,
) -> Approval:
    """Record what a member says, with all that follows from it; see `answering.answer`."""
    request = await _locked(session, gate_id)
    changed = await answering.answer(session, who, gate_id, said, now=now)
    return await _settled(session, rulebook, request, changed, who.actor, now=now)


async def ask_anew(
    session: TenantSession, rulebook: Rulebook, actor: Actor, gate_id: GateId, *, now: datetime
) -> Approval:
    """Ask anew what nobody answered in time; see `approvals.ask_again`."""
    request = await _locked(session, gate_id)
    matter = affairs.matter(request)
    changed = await approvals.ask_again(session, actor, matter, gate_id, now=now)
    return await _settled(session, rulebook, request, changed, actor, now=now)


async def advance(
    session: TenantSession, subject_id: UUID, /, *, rulebook: Rulebook, now: datetime
) -> Approval:
    """Tell what a client's own transaction left untold, and see whether the approval has expired."""
    gate_id = GateId(subject_id)
    request = await _locked(session, gate_id)
    changed = await approvals.advance(session, gate_id, now=now)
    return await _settled(session, rulebook, request, changed, ROOTED, now=now)


async def _locked(session: TenantSession, gate_id: GateId) -> Request:
    """The request of an approval, locked before it. Raises ApprovalNotFound."""
    found = await approvals.get(session, gate_id)
    return (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()


async def _settled(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    changed: Changed,
    actor: Actor,
    *,
    now: datetime,
) -> Approval:
    if changed.is_changed:
        await renegotiating.follow(session, changed.commitments, now=now)
        await rationalizing.settle(session, rulebook, request, actor, now=now)
    return changed.approval
