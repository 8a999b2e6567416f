"""Approvals for those who read them: where each stands, what is missing, and who may answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.db import TenantSession
from service.ids import MemberId, RequestId
from service.rationalization.approvals import domain, holders, service, store
from service.rationalization.approvals.domain import Answered, Entry, Standing, WhyNot
from service.rationalization.approvals.holders import Capacity, Involved
from service.rationalization.approvals.models import Approval
from service.rationalization.approvals.store import Sought


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An approval, and all that a member needs to know in order to answer.

    Attributes:
        entries: all that happened to it, answers that are void by now included.
        cannot_be_met: whether there are too few members to grant it, whatever they answer.
        capacities: those in which the reader may answer now.
        why_not: why the reader may not, if so.
    """

    approval: Approval
    entries: Sequence[Entry]
    standing: Standing
    cannot_be_met: bool
    capacities: tuple[Capacity, ...]
    why_not: WhyNot | None

    @property
    def people(self) -> frozenset[MemberId]:
        """All members whom it names."""
        answered = [entry for entry in self.entries if isinstance(entry, Answered)]
        away = [each.on_behalf_of for each in self.capacities if each.on_behalf_of is not None]
        return frozenset({*away, *(member_id for answer in answered for member_id in answer.people)})


async def who_answered(session: TenantSession, request_id: RequestId) -> list[MemberId]:
    """The members who answered the approvals of a request, and those on whose behalf they did."""
    return await store.who_answered(session, request_id)


async def accounts(
    session: TenantSession, found: Sequence[Approval], member_id: MemberId | None, *, now: datetime
) -> list[Account]:
    """These approvals, for a member, or for an application by itself."""
    ledgers = await store.ledgers(session, [each.id for each in found])
    own = await holders.involved(session, found)
    crowd = await holders.crowd(session, {seat for each in found for seat in each.seats})
    reader = (
        None
        if member_id is None
        else _Reader(member_id, await holders.capacities(session, member_id, now=now), now)
    )
    return [
        _account(
            each,
            ledgers[each.id],
            own[each.id],
            reader,
            now,
            cannot_be_met=holders.cannot_be_met(each.wanted, crowd, own[each.id].everybody),
        )
        for each in found
    ]


async def list_open_to(
    session: TenantSession,
    sought: Sought,
    member_id: MemberId,
    *,
    after: UUID | None,
    limit: int,
) -> list[Approval]:
    """Those that wait for an answer of this member, oldest first."""
    open_to = await holders.askers(session, member_id, now=sought.now)
    if not open_to:
        return []
    return await service.list_approvals(session, replace(sought, open_to=open_to), after=after, limit=limit)


@dataclass(frozen=True, slots=True)
class _Reader:
    member_id: MemberId
    capacities: Sequence[Capacity]
    now: datetime

    def consents(self, approval: Approval) -> list[tuple[Capacity, Answered]]:
        """What the reader would say if it consented, in each capacity."""
        return [
            (
                capacity,
                Answered(
                    at=self.now,
                    by=self.member_id,
                    seats=capacity.seats & approval.wanted.seats,
                    approves=True,
                    on_behalf_of=capacity.on_behalf_of,
                ),
            )
            for capacity in self.capacities
        ]


def _account(
    approval: Approval,
    entries: Sequence[Entry],
    own: Involved,
    reader: _Reader | None,
    now: datetime,
    *,
    cannot_be_met: bool,
) -> Account:
    standing, asked = domain.standing(entries, now), own.in_view_of(domain.asked_last(entries))
    consents = [] if reader is None else reader.consents(approval)
    return Account(
        approval=approval,
        entries=entries,
        standing=standing,
        cannot_be_met=cannot_be_met and standing.state in service.WAITING,
        capacities=tuple(
            replace(capacity, seats=consent.seats)
            for capacity, consent in consents
            if domain.why_not(asked, standing, [consent]) is None
        ),
        why_not=domain.why_not(asked, standing, [consent for _, consent in consents]),
    )
