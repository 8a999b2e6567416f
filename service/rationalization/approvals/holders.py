"""Who holds the seats that approvals name: by role, by group, or for somebody who is away.

Only a transaction of the tenant itself sees members; one of a client organization sees none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.db import TenantSession
from service.ids import ContactId, GateId, MemberId
from service.people import directory
from service.people import service as people
from service.people.domain import Member, MemberState
from service.rationalization.approvals import seating, store
from service.rationalization.approvals.domain import Asked, Wanted
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.seating import GROUP, ROLE
from service.rationalization.approvals.store import Asker
from service.rationalization.involvement import domain as involvement_domain
from service.rationalization.involvement import service as involvement
from service.rationalization.involvement.domain import Hands
from service.tenants import contacts


@dataclass(frozen=True, slots=True)
class Capacity:
    """In which a member may answer: by itself, or for another.

    Attributes:
        on_behalf_of: for whom; None for itself.
        seats: what it holds then.
    """

    on_behalf_of: MemberId | None
    seats: frozenset[str]


@dataclass(frozen=True, slots=True)
class Involved:
    """Who does not decide: whoever wants what is to be approved, and whoever had a hand in it."""

    requesters: frozenset[MemberId]
    hands: Hands

    @property
    def everybody(self) -> frozenset[MemberId]:
        return self.requesters | involvement_domain.everybody(self.hands)

    def in_view_of(self, asked: Asked) -> Asked:
        """What was asked last, as it is answered now."""
        return replace(asked, requesters=asked.requesters | self.requesters, hands=self.hands)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The active members who hold any of some seats, with what each holds of them."""

    seats_of: dict[MemberId, frozenset[str]]

    def holders(self, seats: frozenset[str]) -> dict[MemberId, frozenset[str]]:
        """Those who hold one of these seats, with which."""
        held = {member_id: has & seats for member_id, has in self.seats_of.items()}
        return {member_id: has for member_id, has in held.items() if has}


async def capacities(session: TenantSession, member_id: MemberId, *, now: datetime) -> list[Capacity]:
    """In which capacities a member may answer at `now`: first by itself.

    Who answers for another has that one's own seats, and not what others delegated to it in turn.
    """
    delegated = [row.to_domain() for row in await store.delegations_to(session, member_id, at=now)]
    away = {each.member_id for each in delegated}
    held = await _held(session, {member_id, *away})
    own = Capacity(None, held.get(member_id, frozenset()))
    return [
        own,
        *(
            Capacity(each.member_id, each.covers(held[each.member_id]))
            for each in delegated
            if each.member_id in held
        ),
    ]


def chosen(
    found: Sequence[Capacity], wanted: Wanted, on_behalf_of: MemberId | None, own: frozenset[MemberId]
) -> Capacity:
    """In which of a member's capacities it answers: the one that it names, else the first that may.

    Args:
        found: the member's capacities, first by itself.
        wanted: whose consent.
        on_behalf_of: for whom it says that it answers; None where it says nothing of that.
        own: who does not decide on it, whatever it holds.
    """
    if on_behalf_of is not None:
        named = [each for each in found if each.on_behalf_of == on_behalf_of]
        held = frozenset[str]().union(*(each.seats for each in named))
        return Capacity(on_behalf_of, held)
    able = [each for each in found if each.seats & wanted.seats]
    return min(able, key=lambda each: each.on_behalf_of in own, default=found[0])


async def askers(session: TenantSession, member_id: MemberId, *, now: datetime) -> list[Asker]:
    """A member's capacities, with what tells in each whose requests are its own."""
    found = [each for each in await capacities(session, member_id, now=now) if each.seats]
    everybody = {member_id, *(each.on_behalf_of for each in found if each.on_behalf_of is not None)}
    emails = {each.id: each.email.lower() for each in (await people.members(session, everybody)).values()}
    known = await contacts.at_addresses(session, set(emails.values()))
    return [_asker(member_id, each, emails, known) for each in found]


async def crowd(session: TenantSession, seats: Collection[str]) -> Crowd:
    """Who holds any of these seats now."""
    roles = [seat.removeprefix(ROLE) for seat in seats if seat.startswith(ROLE)]
    groups = [seat.removeprefix(GROUP) for seat in seats if seat.startswith(GROUP)]
    found: dict[MemberId, set[str]] = {}
    for member in await directory.active(session, roles=roles) if roles else ():
        found.setdefault(member.id, set()).update(_roles_of(member))
    for name, team in (await directory.teams(session, groups)).items():
        for member_id in team.members:
            found.setdefault(member_id, set()).add(seating.of_group(name))
    return Crowd({member_id: frozenset(held) for member_id, held in found.items()})


async def involved(session: TenantSession, approvals: Sequence[Approval]) -> dict[GateId, Involved]:
    """Who may decide on none of these, as it is known now."""
    wanting = await _requesters(session, approvals)
    hands = await involvement.hands(session, {each.request_id for each in approvals})
    return {each.id: Involved(wanting[each.id], hands[each.request_id]) for each in approvals}


async def _requesters(
    session: TenantSession, approvals: Sequence[Approval]
) -> dict[GateId, frozenset[MemberId]]:
    """The members who want what is to be approved: by who submitted it, and by the asker's mail address."""
    contact_ids = {each.contact_id for each in approvals if each.contact_id is not None}
    addresses = await contacts.emails_of(session, contact_ids)
    named = {each.requester for each in approvals if each.requester is not None}
    members = await directory.named(session, {*addresses.values(), *named})
    found: dict[GateId, frozenset[MemberId]] = {}
    for each in approvals:
        emails = {each.requester, None if each.contact_id is None else addresses.get(each.contact_id)}
        ids = {member.id for email, member in members.items() if email in emails}
        found[each.id] = frozenset(ids if each.submitted_by is None else {*ids, each.submitted_by})
    return found


def cannot_be_met(wanted: Wanted, crowd: Crowd, own: frozenset[MemberId]) -> bool:
    """Are there too few members to grant it, whatever they answer?

    Args:
        wanted: whose consent.
        crowd: who holds its seats.
        own: who does not decide on it, whatever it holds.
    """
    others = {
        member_id: held for member_id, held in crowd.holders(wanted.seats).items() if member_id not in own
    }
    taken = frozenset[str]().union(*others.values())
    return len(others) < wanted.persons_min or (wanted.everyone and not wanted.seats <= taken)


async def _held(session: TenantSession, member_ids: Collection[MemberId]) -> dict[MemberId, frozenset[str]]:
    """What each of these members holds; only those who are active."""
    members = await people.members(session, member_ids)
    groups = await directory.groups_of(session, member_ids)
    return {
        member.id: _roles_of(member) | {seating.of_group(name) for name in groups[member.id]}
        for member in members.values()
        if member.state is MemberState.ACTIVE
    }


def _roles_of(member: Member) -> frozenset[str]:
    return frozenset(seating.of_role(role.value) for role in member.roles)


def _asker(
    member_id: MemberId,
    capacity: Capacity,
    emails: dict[MemberId, str],
    known: dict[ContactId, str],
) -> Asker:
    others = () if capacity.on_behalf_of is None else (capacity.on_behalf_of,)
    whose = frozenset({member_id, *others})
    addresses = frozenset(emails[each] for each in whose if each in emails)
    return Asker(
        member_id=member_id,
        on_behalf_of=capacity.on_behalf_of,
        seats=capacity.seats,
        people=whose,
        contacts=frozenset(contact_id for contact_id, email in known.items() if email in addresses),
        emails=addresses,
    )
