"""Use cases of separated duties: note who had a hand in a request, and say who did.

The caller holds the request's row locked. What follows from it is decided where somebody approves.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from service import ids
from service.db import TenantSession
from service.ids import ArrangementId, GateId, MemberId, RequestId
from service.rationalization.involvement import store
from service.rationalization.involvement.domain import Chance, Hand, Hands
from service.rationalization.matters import Matter

WRITTEN = (Hand.EDITED, Hand.AGREED)
"""What stays with the demand, wherever it goes on."""


async def wrote(
    session: TenantSession, matter: Matter, member_id: MemberId, hand: Hand, *, now: datetime
) -> None:
    """A member edited what is asked for, or agreed to it in the requester's place."""
    await _note(session, matter, member_id, hand, about=matter.request_id, now=now)


async def told_link(
    session: TenantSession,
    matter: Matter,
    arrangement_id: ArrangementId,
    member_id: MemberId,
    *,
    now: datetime,
) -> None:
    """A member was told a link by which whoever has it agrees as the requester."""
    await _note(session, matter, member_id, Chance.LINK, about=arrangement_id, now=now)


async def agreed_by_link(
    session: TenantSession, matter: Matter, arrangement_id: ArrangementId, *, now: datetime
) -> None:
    """Somebody agreed by a link: it may have been any of those who were told one."""
    for row in await store.listed(session, [matter.request_id], hands=[Chance.LINK]):
        if row.subject_id == arrangement_id:
            await wrote(session, matter, MemberId(row.member_id), Hand.AGREED, now=now)


async def assessed(
    session: TenantSession, matter: Matter, gate_id: GateId, member_id: MemberId | None, *, now: datetime
) -> None:
    """The risk was assessed by a member, or by none: whoever did before did so in vain."""
    await store.remove(session, matter.request_id, [gate_id])
    if member_id is not None:
        await _note(session, matter, member_id, Hand.ASSESSED, about=gate_id, now=now)


async def forget(session: TenantSession, matter: Matter, gate_ids: Collection[GateId]) -> None:
    """What was assessed for these gates counts no more."""
    if gate_ids:
        await store.remove(session, matter.request_id, gate_ids)


async def carry_over(session: TenantSession, before: RequestId, goes_on: Matter, *, now: datetime) -> None:
    """A demand goes on as another request: whoever wrote some of it wrote it still."""
    for row in await store.listed(session, [before], hands=WRITTEN):
        member_id, hand = MemberId(row.member_id), Hand(row.hand)
        await _note(session, goes_on, member_id, hand, about=goes_on.request_id, now=now)


async def hands(session: TenantSession, request_ids: Collection[RequestId]) -> dict[RequestId, Hands]:
    """Who had a hand in each of these requests."""
    found: dict[RequestId, dict[Hand, set[MemberId]]] = {each: defaultdict(set) for each in request_ids}
    for row in await store.listed(session, request_ids) if found else ():
        found[RequestId(row.request_id)][Hand(row.hand)].add(MemberId(row.member_id))
    return {
        request_id: {hand: frozenset(members) for hand, members in by_hand.items()}
        for request_id, by_hand in found.items()
    }


def involves(
    session: TenantSession, request_id: InstrumentedAttribute[UUID], people: Collection[MemberId]
) -> ColumnElement[bool]:
    """In SQL: whether one of these people had a hand in the request of a row."""
    return store.involves(session, request_id, people)


async def _note(
    session: TenantSession,
    matter: Matter,
    member_id: MemberId,
    hand: Hand | Chance,
    *,
    about: UUID,
    now: datetime,
) -> None:
    row = {
        "id": ids.new_id(),
        "request_id": matter.request_id,
        "client_id": matter.client_id,
        "member_id": member_id,
        "hand": hand.value,
        "subject_id": about,
        "at": now,
    }
    await store.add(session, row)
