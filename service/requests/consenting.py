"""Approvals for those who decide on them: with the request, its verdict, and its other gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.db import TenantSession
from service.ids import GateId, MemberId
from service.people import service as people
from service.people.domain import Member
from service.rationalization.approvals import reading
from service.rationalization.approvals import service as approvals
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.reading import Account
from service.rationalization.approvals.service import Sought
from service.rationalization.arrangements import service as arrangements
from service.rationalization.arrangements.models import Arrangement
from service.rationalization.gates import service as gates
from service.rationalization.gates.models import Gate
from service.requests import store
from service.requests.domain import Request

GATES_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An approval with what it is about.

    Attributes:
        members: those whom it names, by their ids.
        arrangement: of the verdict that requires it; None in lists.
        gates: what else the verdict requires, with where that stands; none in lists.
    """

    account: Account
    request: Request
    members: Mapping[MemberId, Member]
    arrangement: Arrangement | None = None
    gates: Sequence[Gate] = ()

    @property
    def approval(self) -> Approval:
        return self.account.approval


async def list_approvals(
    session: TenantSession,
    sought: Sought,
    member_id: MemberId | None,
    *,
    open_to: MemberId | None,
    after: UUID | None,
    limit: int,
) -> list[Shown]:
    """Approvals, oldest first, as a member, or an application by itself, sees them.

    Args:
        session: of the tenant.
        sought: which of them.
        member_id: who reads them.
        open_to: those only that wait for an answer of this member.
        after: the last one of the page before.
        limit: how many at most.
    """
    if open_to is None:
        found = await approvals.list_approvals(session, sought, after=after, limit=limit)
    else:
        found = await reading.list_open_to(session, sought, open_to, after=after, limit=limit)
    return await _shown(session, found, member_id, now=sought.now)


async def get(session: TenantSession, gate_id: GateId, member_id: MemberId | None, *, now: datetime) -> Shown:
    """One, with the verdict that requires it and all that this verdict requires. Raises ApprovalNotFound."""
    approval = await approvals.get(session, gate_id)
    (shown,) = await _shown(session, [approval], member_id, now=now)
    gate = await gates.get(session, gate_id)
    arrangement = await arrangements.get(session, gate.arrangement_id, client_id=None)
    beside = gates.Sought(arrangement_id=gate.arrangement_id)
    found = await gates.list_gates(session, beside, after=None, limit=GATES_SHOWN)
    return replace(shown, arrangement=arrangement, gates=found)


async def _shown(
    session: TenantSession, found: Sequence[Approval], member_id: MemberId | None, *, now: datetime
) -> list[Shown]:
    accounts = await reading.accounts(session, found, member_id, now=now)
    named = frozenset[MemberId]().union(*(account.people for account in accounts))
    members = await people.members(session, named)
    requests = await store.these(session, {each.request_id for each in found})
    return [
        Shown(account=account, request=requests[account.approval.request_id], members=members)
        for account in accounts
    ]
