"""Objections with all that follows: what is said comes one after another, and what is upheld is put right.

The one place for the API, the signed link, and the answer to a counter-proposal. Each holds the request's row
locked first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.audit.domain import Actor
from service.commitments.models import Commitment
from service.commitments.renegotiation import domain as renegotiation
from service.commitments.renegotiation import service as renegotiations
from service.commitments.renegotiation.domain import Withdrawn as RenegotiationWithdrawn
from service.db import TenantSession
from service.escalations.ladders import service as ladders
from service.ids import ArrangementId, ClientId, MemberId, ObjectionId, RenegotiationId, SpecialMethodId
from service.rationalization.arrangements.domain import Overturned, Refused
from service.rationalization.objections import promising
from service.rationalization.objections import service as objections
from service.rationalization.objections.domain import Decided, SubjectKind, Withdrawn
from service.rationalization.objections.errors import ObjectionDeciderUnknown, ObjectionSubjectPast
from service.rationalization.objections.models import Objection, Plea
from service.rationalization.objections.promising import ObjectionTerms
from service.rationalization.objections.service import Changed, Concern
from service.rationalization.specials import service as specials
from service.rationalization.specials.domain import OPEN as SPECIALS_OPEN
from service.rationalization.specials.models import SpecialMethod
from service.requests import affairs, contesting, rationalizing, renegotiating, store
from service.requests.domain import Request
from service.requests.intake import Caller
from service.rules.service import Rulebook


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a member decides on an objection, and why.

    Attributes:
        by: None where nobody is logged in, who cannot decide.
    """

    by: MemberId | None
    upholds: bool
    reason: str


async def raise_objection(
    session: TenantSession, rulebook: Rulebook, caller: Caller, plea: Plea, *, now: datetime
) -> Objection:
    """Object to a verdict, a promise or an arrangement, as somebody who is told of it.

    Args:
        session: of the tenant, or of one client organization.
        rulebook: decides anew where that follows.
        caller: who objects; its actor is a member, an application, a contact, or anonymous by a link.
        plea: what is held against it.
        now: the tenant's now.

    Raises:
        ArrangementNotFound, DecisionNotFound, CommitmentNotFound, RenegotiationNotFound,
        SpecialMethodNotFound, ObjectionSubjectPast, ObjectionFinal, ObjectionExists, OpenObjectionsTooMany
    """
    subject, actor = plea.subject, caller.actor
    named = await contesting.find(session, subject, client_id=caller.client_id, now=now)
    request = (await store.get(session, named.request_id, client_id=None, lock=True)).to_domain()
    found = await contesting.find(session, subject, client_id=caller.client_id, now=now)
    if not found.holds:
        raise ObjectionSubjectPast(subject.kind.value)
    concern = Concern(
        matter=affairs.matter(request), client_id=found.client_id, level=found.level, ruled=found.ruled
    )
    changed = await objections.raise_objection(
        session, actor, replace(plea, subject=found.subject), concern, now=now
    )
    await _follow(session, request, changed.commitments, now=now)
    if found.is_on_offer:
        request = await rationalizing.objected(session, request, actor, because=plea.words, now=now)
    await rationalizing.settle(session, rulebook, request, actor, now=now)
    return changed.objection


async def decide(
    session: TenantSession,
    rulebook: Rulebook,
    actor: Actor,
    objection_id: ObjectionId,
    judgement: Judgement,
    *,
    now: datetime,
) -> Objection:
    """Uphold an objection or reject it, as a member who has no part in it; what is upheld is put right.

    Raises:
        ObjectionNotFound, ObjectionSettled, ObjectionDeciderInvolved, ObjectionDeciderUnknown
    """
    request = await _lock(session, objection_id, client_id=None)
    if judgement.by is None:
        raise ObjectionDeciderUnknown
    found = await objections.get(session, objection_id, client_id=None)
    decided = Decided(at=now, by=judgement.by, upholds=judgement.upholds, reason=judgement.reason)
    changed = await objections.settle(
        session,
        actor,
        objection_id,
        decided,
        barred=await contesting.barred(session, found, now=now),
        matter=affairs.matter(request),
    )
    await _follow(session, request, changed.commitments, now=now)
    if judgement.upholds:
        request = await _put_right(session, rulebook, request, changed, actor, now=now)
    await rationalizing.settle(session, rulebook, request, actor, now=now)
    return changed.objection


async def withdraw(
    session: TenantSession, rulebook: Rulebook, caller: Caller, objection_id: ObjectionId, *, now: datetime
) -> Objection:
    """Object no more, as whoever objected.

    Raises:
        ObjectionNotFound, ObjectionOfAnother, ObjectionSettled
    """
    request = await _lock(session, objection_id, client_id=caller.client_id)
    changed = await objections.withdraw(
        session, caller.actor, objection_id, Withdrawn(at=now), matter=affairs.matter(request)
    )
    await _follow(session, request, changed.commitments, now=now)
    await rationalizing.settle(session, rulebook, request, caller.actor, now=now)
    return changed.objection


async def change_terms(
    session: TenantSession, actor: Actor, wanted: ObjectionTerms, *, now: datetime
) -> ObjectionTerms:
    """Say how soon objections are decided that are raised from now on; the caller holds the terms.

    Raises:
        ObjectionTermsInvalid
    """
    known = await ladders.effective(session, [] if wanted.ladder is None else [wanted.ladder])
    return await promising.change_terms(session, actor, wanted, known, now=now)


async def _lock(session: TenantSession, objection_id: ObjectionId, *, client_id: ClientId | None) -> Request:
    """Lock the request that it is about, before it itself. Raises ObjectionNotFound."""
    found = await objections.get(session, objection_id, client_id=client_id)
    return (await store.get(session, found.request_id, client_id=None, lock=True)).to_domain()


async def _follow(
    session: TenantSession, request: Request, commitments: Sequence[Commitment], *, now: datetime
) -> None:
    """Have the promises followed by ladders, also by those of a request that had none to climb."""
    await renegotiating.follow(session, commitments, affair=affairs.of(request, None), now=now)


async def _put_right(
    session: TenantSession,
    rulebook: Rulebook,
    request: Request,
    changed: Changed,
    actor: Actor,
    *,
    now: datetime,
) -> Request:
    """What follows by itself from an objection that was upheld; a promise is put right by people."""
    subject, because = changed.objection.plea.subject, changed.objection.standing.reason or ""
    match subject.kind:
        case SubjectKind.ARRANGEMENT:
            overturned, named = Overturned(at=now, by=actor.name, because=because), ArrangementId(subject.id)
            return await rationalizing.overturn(
                session, rulebook, request, actor, overturned, arrangement_id=named
            )
        case SubjectKind.RENEGOTIATION:
            await _take_back(session, actor, RenegotiationId(subject.id), because, now=now)
        case SubjectKind.SPECIAL_METHOD:
            special_method_id = SpecialMethodId(subject.id)
            found = await _end_special(session, actor, request, special_method_id, because, now=now)
            refused, named = Refused(at=now, by=actor.name, because=because), found.arrangement_id
            return await rationalizing.forbid(
                session, rulebook, request, actor, refused, arrangement_id=named
            )
        case SubjectKind.COMMITMENT | SubjectKind.DECISION:
            pass
    return request


async def _take_back(
    session: TenantSession, actor: Actor, renegotiation_id: RenegotiationId, because: str, *, now: datetime
) -> None:
    """What is proposed instead of a promise is proposed no more; what was agreed by it stays promised."""
    found = await renegotiations.get(session, renegotiation_id, client_id=None)
    if renegotiation.standing(found.entries, now).state in renegotiation.OPEN:
        withdrawn = RenegotiationWithdrawn(at=now, because=because, by=actor.name)
        await renegotiating.withdraw(session, actor, renegotiation_id, withdrawn)


async def _end_special(
    session: TenantSession,
    actor: Actor,
    request: Request,
    special_method_id: SpecialMethodId,
    because: str,
    *,
    now: datetime,
) -> SpecialMethod:
    """What is allowed, or proposed to be, is allowed no more."""
    found = await specials.get(session, special_method_id, client_id=None)
    if found.state in SPECIALS_OPEN:
        ended = await specials.end(
            session, actor, affairs.matter(request), special_method_id, because, now=now
        )
        await _follow(session, request, ended.commitments, now=now)
    return found
