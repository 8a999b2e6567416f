"""Queries of approvals and delegations. Every statement names the tenant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Text, and_, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from service import queries
from service.db import TenantSession, insert_rows, update_row
from service.ids import ContactId, DelegationId, GateId, MemberId, RequestId
from service.rationalization.approvals import models
from service.rationalization.approvals.domain import Entry, State
from service.rationalization.approvals.domain.delegations import Delegation
from service.rationalization.approvals.errors import ApprovalNotFound, DelegationNotFound
from service.rationalization.approvals.models import Approval, ApprovalEntryRow, ApprovalRow, DelegationRow
from service.rationalization.involvement import service as involvement

APPROVALS = cast("Table", ApprovalRow.__table__)
ENTRIES = cast("Table", ApprovalEntryRow.__table__)
DELEGATIONS = cast("Table", DelegationRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """In one capacity of a member: what it holds, and whose requests are its own then.

    Attributes:
        on_behalf_of: for whom it would answer; None for itself.
        people: the member, and for whom it would answer.
        contacts: the contacts that have the mail address of one of these people.
        emails: their mail addresses, in small letters.
    """

    member_id: MemberId
    on_behalf_of: MemberId | None
    seats: frozenset[str]
    people: frozenset[MemberId]
    contacts: frozenset[ContactId]
    emails: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which approvals of the list are asked for; None leaves a filter out.

    Attributes:
        open_to: those only that wait for an answer of a member in one of these capacities at `now`.
    """

    request_id: RequestId | None = None
    state: State | None = None
    open_to: Sequence[Asker] | None = None
    now: datetime


def _mine(session: TenantSession) -> Select[ApprovalRow]:
    return queries.mine(session, ApprovalRow)


async def get(session: TenantSession, gate_id: GateId, *, lock: bool = False) -> ApprovalRow:
    """Raises ApprovalNotFound."""
    query = _mine(session).where(ApprovalRow.id == gate_id)
    return await queries.one(session, query, or_else=ApprovalNotFound(gate_id), lock=lock)


async def these(
    session: TenantSession, gate_ids: Collection[GateId], *, lock: bool = False
) -> list[ApprovalRow]:
    """Those of these approvals that there are, in the order of their ids."""
    if not gate_ids:
        return []
    query = _mine(session).where(ApprovalRow.id.in_(gate_ids)).order_by(ApprovalRow.id)
    return list(await session.db.scalars(query.with_for_update() if lock else query))


async def ledgers(session: TenantSession, gate_ids: Collection[GateId]) -> dict[GateId, list[Entry]]:
    """The entries of these approvals, in the order in which they were recorded."""
    found: dict[GateId, list[Entry]] = {gate_id: [] for gate_id in gate_ids}
    if not found:
        return found
    row = ApprovalEntryRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.approval_id.in_(found))
        .order_by(row.approval_id, row.position)
    )
    for each in await session.db.scalars(query):
        found[GateId(each.approval_id)].append(each.to_domain())
    return found


async def listed(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[ApprovalRow]:
    """Approvals in the order of their ids, which is that of their asking."""
    query = queries.page(_mine(session), ApprovalRow, after=after, limit=limit)
    query = query.where(*queries.equal({ApprovalRow.request_id: sought.request_id}))
    if sought.state is not None:
        query = query.where(_stands(sought.state, sought.now))
    if sought.open_to is not None:
        open_to = [_is_open_to(session, asker) for asker in sought.open_to]
        query = query.where(_stands(State.PENDING, sought.now), or_(*open_to))
    return list(await session.db.scalars(query))


def _stands(state: State, now: datetime) -> ColumnElement[bool]:
    """What is pending after its deadline has expired, whether that was noticed or not."""
    row, is_late = ApprovalRow, and_(ApprovalRow.state == State.PENDING.value, ApprovalRow.deadline_at < now)
    match state:
        case State.PENDING:
            in_time = or_(row.deadline_at.is_(None), row.deadline_at >= now)
            return and_(row.state == State.PENDING.value, in_time)
        case State.EXPIRED:
            return or_(row.state == State.EXPIRED.value, is_late)
        case _:
            return row.state == state.value


def _is_open_to(session: TenantSession, asker: Asker) -> ColumnElement[bool]:
    """Does it wait for an answer of a member in this capacity, who gave none in it yet?"""
    row, entry = ApprovalRow, ApprovalEntryRow
    answered = exists().where(
        entry.tenant_id == session.tenant_id,
        entry.approval_id == row.id,
        entry.position > row.asked_position,
        entry.member_id == asker.member_id,
        entry.on_behalf_of.is_not_distinct_from(asker.on_behalf_of),
    )
    seats = literal(sorted(asker.seats), ARRAY(Text()))
    return and_(
        row.seats.op("?|")(seats),
        or_(row.submitted_by.is_(None), row.submitted_by.not_in(asker.people)),
        or_(row.contact_id.is_(None), row.contact_id.not_in(asker.contacts)),
        or_(row.requester.is_(None), row.requester.not_in(asker.emails)),
        ~involvement.involves(session, row.request_id, asker.people),
        ~answered,
    )


async def who_answered(session: TenantSession, request_id: RequestId) -> list[MemberId]:
    """The members who answered the approvals of a request, and those on whose behalf they did."""
    said, asked = ApprovalEntryRow, ApprovalRow
    query = (
        select(said.member_id, said.on_behalf_of)
        .join(asked, (asked.tenant_id == said.tenant_id) & (asked.id == said.approval_id))
        .where(
            said.tenant_id == session.tenant_id,
            asked.tenant_id == session.tenant_id,
            asked.request_id == request_id,
            said.member_id.is_not(None),
        )
    )
    found = {each for row in await session.db.execute(query) for each in row}
    return sorted(MemberId(each) for each in found if each is not None)


async def add(session: TenantSession, approval: Approval) -> None:
    await insert_rows(session.db, APPROVALS, [{"tenant_id": session.tenant_id, **models.columns(approval)}])


async def append(session: TenantSession, approval: Approval, entry: Entry, *, position: int) -> None:
    row = models.entry_columns(approval, entry, position)
    await insert_rows(session.db, ENTRIES, [{"tenant_id": session.tenant_id, **row}])


async def save(session: TenantSession, before: Approval, after: Approval) -> None:
    """Write what changed of one that the caller has locked."""
    was, is_now = models.changing_columns(before), models.changing_columns(after)
    changed: dict[str, Any] = {name: value for name, value in is_now.items() if was[name] != value}
    await update_row(session, APPROVALS, after.id, changed)


def _my_delegations(session: TenantSession) -> Select[DelegationRow]:
    return queries.mine(session, DelegationRow)


async def delegation(
    session: TenantSession, delegation_id: DelegationId, *, lock: bool = False
) -> DelegationRow:
    """Raises DelegationNotFound."""
    query = _my_delegations(session).where(DelegationRow.id == delegation_id)
    return await queries.one(session, query, or_else=DelegationNotFound(delegation_id), lock=lock)


async def delegations_of(
    session: TenantSession, member_id: MemberId, *, over_after: datetime
) -> list[DelegationRow]:
    """What a member has delegated that is not over at that instant."""
    query = _my_delegations(session).where(
        DelegationRow.member_id == member_id,
        DelegationRow.ended_at.is_(None),
        DelegationRow.until_at > over_after,
    )
    return list(await session.db.scalars(query))


async def delegations_to(session: TenantSession, deputy_id: MemberId, *, at: datetime) -> list[DelegationRow]:
    """What is delegated to a member at an instant, oldest first."""
    row = DelegationRow
    query = _my_delegations(session).where(
        row.deputy_id == deputy_id,
        row.from_at <= at,
        row.until_at > at,
        or_(row.ended_at.is_(None), row.ended_at > at),
    )
    return list(await session.db.scalars(query.order_by(row.id)))


async def listed_delegations(
    session: TenantSession, *, member_id: MemberId | None, after: UUID | None, limit: int
) -> list[DelegationRow]:
    """Delegations in the order of their making; with a member, those from it or to it."""
    row = DelegationRow
    query = queries.page(_my_delegations(session), row, after=after, limit=limit)
    if member_id is not None:
        query = query.where(or_(row.member_id == member_id, row.deputy_id == member_id))
    return list(await session.db.scalars(query))


async def delegation_count(session: TenantSession, *, now: datetime) -> int:
    """How many delegations are not over."""
    row = DelegationRow
    mine = row.tenant_id == session.tenant_id, row.ended_at.is_(None), row.until_at > now
    return (await session.db.execute(select(func.count()).select_from(row).where(*mine))).scalar_one()


async def add_delegation(session: TenantSession, delegation: Delegation) -> None:
    row = {
        "tenant_id": session.tenant_id,
        "id": delegation.id,
        "member_id": delegation.member_id,
        "deputy_id": delegation.deputy_id,
        "from_at": delegation.from_at,
        "until_at": delegation.until_at,
        "seats": None if delegation.seats is None else sorted(delegation.seats),
        "because": delegation.because,
        "given_by": delegation.given_by,
        "created_at": delegation.created_at,
        "ended_at": delegation.ended_at,
        "version": delegation.version,
    }
    await insert_rows(session.db, DELEGATIONS, [row])


async def end_delegation(session: TenantSession, row: DelegationRow, *, at: datetime) -> None:
    """Write that it is over; the caller has locked it."""
    row.ended_at, row.version = at, row.version + 1
    await session.db.flush()
