"""Use cases of delegations: a member answers for another one who is away."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service import ids, instants
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.db import TenantSession
from service.errors import Fault, pointer_to
from service.ids import DelegationId, MemberId
from service.limits import service as limits
from service.limits.domain.table import DELEGATIONS
from service.people import directory
from service.people import service as people
from service.people.domain import MemberState
from service.rationalization.approvals import seating, store
from service.rationalization.approvals.domain import delegations as domain
from service.rationalization.approvals.domain.delegations import Delegation
from service.rationalization.approvals.errors import DelegationEnded, DelegationInvalid, DelegationNotFound
from service.tenants import service as tenants

FAULTS = {
    domain.Fault.TO_ITSELF: Fault("/deputy_id", "Name somebody else: nobody answers for itself."),
    domain.Fault.NO_TIME: Fault("/until_at", "It ends before it begins; `until_at` lies after `from_at`."),
    domain.Fault.PAST: Fault("/until_at", "It is over before it is made; name a time ahead."),
    domain.Fault.TOO_LONG: Fault("/until_at", f"Nobody is away for more than {domain.SPAN_MAX.days} days."),
    domain.Fault.OVERLAPS: Fault(
        "/from_at",
        "For a part of this time another answers already; end that delegation, or leave the part out.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A delegation that is to be.

    Attributes:
        roles: those that it is for; with `groups` empty too, all that the member holds.
    """

    member_id: MemberId
    deputy_id: MemberId
    from_at: datetime
    until_at: datetime
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    because: str = ""

    @property
    def seats(self) -> frozenset[str] | None:
        return seating.of(self.roles, self.groups) or None


async def give(session: TenantSession, actor: Actor, wish: Wish, *, now: datetime) -> Delegation:
    """Let a member answer for another one for a while.

    Raises:
        DelegationInvalid, DelegationsTooMany
    """
    await _vet(session, wish)
    await limits.make_room(session, DELEGATIONS, lambda: store.delegation_count(session, now=now))
    new = Delegation(
        id=DelegationId(ids.new_id()),
        member_id=wish.member_id,
        deputy_id=wish.deputy_id,
        from_at=wish.from_at,
        until_at=wish.until_at,
        seats=wish.seats,
        because=wish.because,
        given_by=actor.name,
        created_at=now,
    )
    known = await store.delegations_of(session, wish.member_id, over_after=wish.from_at)
    wrong = domain.faults(new, [row.to_domain() for row in known], now)
    if wrong:
        raise DelegationInvalid([FAULTS[fault] for fault in wrong])
    await store.add_delegation(session, new)
    deed = Deed("delegation.given", f"delegation:{new.id}", after=_fields(new))
    await audit.record(session, actor, deed, now=now)
    return new


async def end(
    session: TenantSession, actor: Actor, delegation_id: DelegationId, *, now: datetime
) -> Delegation:
    """Take a delegation back. Answers that were given by it stay.

    Raises:
        DelegationNotFound, DelegationEnded
    """
    row = await store.delegation(session, delegation_id, lock=True)
    before = row.to_domain()
    if domain.state(before, now) in (domain.State.OVER, domain.State.ENDED):
        raise DelegationEnded(delegation_id)
    await store.end_delegation(session, row, at=now)
    after = row.to_domain()
    deed = Deed("delegation.ended", f"delegation:{after.id}", before=_fields(before), after=_fields(after))
    await audit.record(session, actor, deed, now=now)
    return after


async def count(session: TenantSession) -> int:
    """How many delegations are not over."""
    return await store.delegation_count(session, now=await tenants.now(session))


async def end_all_of(session: TenantSession, actor: Actor, member_id: MemberId, *, now: datetime) -> None:
    """End what a member has delegated: nobody answers for one who may do nothing any more."""
    for row in await store.delegations_of(session, member_id, over_after=now):
        await end(session, actor, DelegationId(row.id), now=now)


async def get(
    session: TenantSession,
    delegation_id: DelegationId,
    *,
    concerning: MemberId | None,
    lock: bool = False,
) -> Delegation:
    """One; with a member, only if it is from it or to it. Raises DelegationNotFound."""
    found = (await store.delegation(session, delegation_id, lock=lock)).to_domain()
    if concerning is not None and concerning not in (found.member_id, found.deputy_id):
        raise DelegationNotFound(delegation_id)
    return found


async def list_delegations(
    session: TenantSession, *, concerning: MemberId | None, after: UUID | None, limit: int
) -> list[Delegation]:
    """Delegations, oldest first; with a member, those from it or to it."""
    found = await store.listed_delegations(session, member_id=concerning, after=after, limit=limit)
    return [row.to_domain() for row in found]


async def _vet(session: TenantSession, wish: Wish) -> None:
    """Raises DelegationInvalid."""
    faults = [
        Fault(pointer, instants.refusal(at))
        for pointer, at in (("/from_at", wish.from_at), ("/until_at", wish.until_at))
        if not instants.is_usable(at)
    ]
    members = await people.members(session, {wish.member_id, wish.deputy_id})
    for pointer, member_id in (("/member_id", wish.member_id), ("/deputy_id", wish.deputy_id)):
        member = members.get(member_id)
        if member is None or member.state is not MemberState.ACTIVE:
            faults.append(Fault(pointer, "There is no active member of this id."))
    faults += _unknown_groups(wish, await directory.team_names(session) if wish.groups else ())
    if faults:
        raise DelegationInvalid(faults)


def _unknown_groups(wish: Wish, known: Collection[str]) -> list[Fault]:
    return [
        Fault(pointer_to("/groups", at), f"There is no group {name!r}.")
        for at, name in enumerate(wish.groups)
        if name not in known
    ]


def _fields(delegation: Delegation) -> dict[str, object]:
    return {
        "member_id": delegation.member_id,
        "deputy_id": delegation.deputy_id,
        "from_at": delegation.from_at,
        "until_at": delegation.until_at,
        "seats": None if delegation.seats is None else sorted(delegation.seats),
        "reason": delegation.because,
        "ended_at": delegation.ended_at,
    }
