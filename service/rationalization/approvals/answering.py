"""The use case of answering an approval: who may, in which capacity, and what follows from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.audit import service as audit
from service.audit.domain import Actor
from service.commitments import duties
from service.db import TenantSession
from service.errors import Fault, ServiceError
from service.ids import GateId, MemberId
from service.rationalization.approvals import domain, holders, recording, telling
from service.rationalization.approvals.domain import Answered, Refusal, Standing, State
from service.rationalization.approvals.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalInvalid,
    ApprovalNotAsked,
    ApprovalOfOwnAgreement,
    ApprovalOfOwnAssessment,
    ApprovalOfOwnEdit,
    ApprovalOfOwnRequest,
    ApprovalWithdrawn,
)
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.recording import Changed

CLOSED = frozenset({State.EXPIRED, State.WITHDRAWN})
"""Nobody is heard any more, be it with what was said before."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """The member who answers, and as the audit trail calls it."""

    actor: Actor
    member_id: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a member answers.

    Attributes:
        on_behalf_of: for whom; None for itself, or else for whoever delegated it.
    """

    approves: bool
    because: str
    on_behalf_of: MemberId | None = None


async def answer(
    session: TenantSession, who: Answerer, gate_id: GateId, said: Said, *, now: datetime
) -> Changed:
    """Record what a member says. The same once more changes nothing; whoever approved may still refuse.

    Args:
        session: of the tenant; the caller holds the request's row locked.
        who: the member who answers.
        gate_id: of the approval.
        said: what it says.
        now: the tenant's now.

    Raises:
        ApprovalNotFound, ApprovalInvalid, ApprovalOfOwnRequest, ApprovalOfOwnAgreement, ApprovalOfOwnEdit,
        ApprovalOfOwnAssessment, ApprovalNotAsked, ApprovalDecided, ApprovalExpired, ApprovalWithdrawn
    """
    if not said.approves and not said.because.strip():
        raise ApprovalInvalid([Fault("/reason", "Say why it is refused: the requester is told.")])
    case = await recording.hold(session, gate_id, now=now)
    own = (await holders.involved(session, [case.approval]))[gate_id]
    entry = await _answered(session, case.approval, who.member_id, said, own.everybody, now=now)
    before = case.standing(now)
    if before.state not in CLOSED and any(entry.says_the_same(each) for each in before.answers):
        return Changed(case.approval, is_changed=False)
    refusal = domain.refusal(own.in_view_of(domain.asked_last(case.entries)), before, entry)
    if refusal is not None:
        raise _refused(refusal, case.approval, before)
    after = (await recording.record(session, case, case.approval, entry)).approval
    kept = [] if after.state is State.PENDING else await duties.fulfil(session, after.commitment_id, now=now)
    deed = telling.deed("answered", after, before=case.approval, answer=telling.answer_document(entry))
    await audit.record(session, who.actor, deed, now=now)
    return Changed(after, tuple(kept))


async def _answered(
    session: TenantSession,
    approval: Approval,
    member_id: MemberId,
    said: Said,
    own: frozenset[MemberId],
    *,
    now: datetime,
) -> Answered:
    """The answer in one of the member's capacities: by itself, if it holds a seat, else for another."""
    found = await holders.capacities(session, member_id, now=now)
    for_whom = None if said.on_behalf_of == member_id else said.on_behalf_of
    capacity = holders.chosen(found, approval.wanted, for_whom, own)
    return Answered(
        at=now,
        by=member_id,
        seats=capacity.seats & approval.wanted.seats,
        approves=said.approves,
        on_behalf_of=capacity.on_behalf_of,
        because=said.because.strip(),
    )


def _refused(refusal: Refusal, approval: Approval, standing: Standing) -> ServiceError:
    match refusal:
        case Refusal.DECIDED:
            return ApprovalDecided(approval.id, standing.state)
        case Refusal.EXPIRED:
            return ApprovalExpired(approval.id, standing.deadline_at)
        case Refusal.WITHDRAWN:
            return ApprovalWithdrawn(approval.id)
        case _:
            return _NOT_BY_THEM[refusal](approval.seats)


_NOT_BY_THEM: Mapping[Refusal, Callable[[Sequence[str]], ServiceError]] = {
    Refusal.OWN_REQUEST: ApprovalOfOwnRequest,
    Refusal.OWN_AGREEMENT: ApprovalOfOwnAgreement,
    Refusal.OWN_EDIT: ApprovalOfOwnEdit,
    Refusal.OWN_ASSESSMENT: ApprovalOfOwnAssessment,
    Refusal.NOT_ASKED: ApprovalNotAsked,
}
"""What is refused because of who answers: others may."""
