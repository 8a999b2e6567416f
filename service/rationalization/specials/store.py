"""Queries of special methods. Every statement names the tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import Select, Table, func, select

from service import ids, queries
from service.db import TenantSession, insert_rows, update_row
from service.ids import ArrangementId, ClientId, RequestId, ServiceId, SpecialMethodId
from service.rationalization.specials import models
from service.rationalization.specials.domain import OPEN, Entry, Precedent, State
from service.rationalization.specials.errors import SpecialMethodNotFound
from service.rationalization.specials.models import (
    SpecialMethod,
    SpecialMethodEntryRow,
    SpecialMethodRow,
    SpecialMethodUseRow,
    Use,
)

SPECIAL_METHODS = cast("Table", SpecialMethodRow.__table__)
ENTRIES = cast("Table", SpecialMethodEntryRow.__table__)
USES = cast("Table", SpecialMethodUseRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which special methods of the list are asked for; None leaves a filter out.

    Attributes:
        client_id: the client organization whose application asks, which sees its own only.
        of_client: those of this client organization.
        expiring_before: those that may be used, but at that instant no more.
    """

    client_id: ClientId | None = None
    of_client: ClientId | None = None
    request_id: RequestId | None = None
    service_id: ServiceId | None = None
    state: State | None = None
    expiring_before: datetime | None = None


def _mine(session: TenantSession, client_id: ClientId | None = None) -> Select[SpecialMethodRow]:
    return queries.of_client(queries.mine(session, SpecialMethodRow), SpecialMethodRow.client_id, client_id)


async def get(
    session: TenantSession,
    special_method_id: SpecialMethodId,
    *,
    client_id: ClientId | None = None,
    lock: bool = False,
) -> SpecialMethod:
    """One; with a `client_id`, only if it is that client's. Raises SpecialMethodNotFound."""
    query = _mine(session, client_id).where(SpecialMethodRow.id == special_method_id)
    return (
        await queries.one(session, query, or_else=SpecialMethodNotFound(special_method_id), lock=lock)
    ).to_domain()


async def hold_open(session: TenantSession, arrangement_id: ArrangementId) -> SpecialMethod | None:
    """The one of an arrangement that is proposed or allowed, locked."""
    query = _mine(session).where(
        SpecialMethodRow.arrangement_id == arrangement_id,
        SpecialMethodRow.state.in_([state.value for state in OPEN]),
    )
    row = await session.db.scalar(query.with_for_update())
    return None if row is None else row.to_domain()


async def last_of(session: TenantSession, arrangement_id: ArrangementId) -> SpecialMethod | None:
    """The one of an arrangement that was proposed last."""
    query = (
        _mine(session)
        .where(SpecialMethodRow.arrangement_id == arrangement_id)
        .order_by(SpecialMethodRow.id.desc())
        .limit(1)
    )
    row = await session.db.scalar(query)
    return None if row is None else row.to_domain()


async def listed(
    session: TenantSession, sought: Sought, *, after: UUID | None, limit: int
) -> list[SpecialMethod]:
    """Special methods in the order of their ids, which is that of their making."""
    row = SpecialMethodRow
    asked = queries.equal(
        {
            row.client_id: sought.of_client,
            row.request_id: sought.request_id,
            row.service_id: sought.service_id,
            row.state: sought.state,
        }
    )
    if sought.expiring_before is not None:
        asked += [row.state == State.ALLOWED.value, row.ends_at < sought.expiring_before]
    query = queries.page(_mine(session, sought.client_id), row, after=after, limit=limit)
    return [each.to_domain() for each in await session.db.scalars(query.where(*asked))]


async def precedents(session: TenantSession, special: SpecialMethod, *, within: timedelta) -> list[Precedent]:
    """Those that the same rule allowed for the same service, approved so long before it or after it."""
    row, approved_at = SpecialMethodRow, special.standing.approved_at
    if approved_at is None:
        return []
    query = select(row.approved_at, row.id).where(
        row.tenant_id == session.tenant_id,
        row.policy_id == special.ruling.policy_id,
        row.rule_id == special.ruling.rule_id,
        row.service_id.is_not_distinct_from(special.service_id),
        row.approved_at.between(approved_at - within, approved_at + within),
    )
    found = await session.db.execute(query)
    return [Precedent(at, SpecialMethodId(each)) for at, each in found if at is not None]


async def entries(session: TenantSession, special_method_id: SpecialMethodId) -> list[Entry]:
    """All that happened to it, in the order in which it was recorded."""
    row = SpecialMethodEntryRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.special_method_id == special_method_id)
        .order_by(row.number)
    )
    return [each.to_domain() for each in await session.db.scalars(query)]


async def uses(
    session: TenantSession, special_method_id: SpecialMethodId, *, after: UUID | None, limit: int
) -> list[Use]:
    """Its uses, in the order in which they were recorded."""
    row = SpecialMethodUseRow
    query = queries.mine(session, row).where(row.special_method_id == special_method_id)
    found = await session.db.scalars(queries.page(query, row, after=after, limit=limit))
    return [each.to_domain() for each in found]


async def use_count(session: TenantSession, special_method_id: SpecialMethodId) -> int:
    row = SpecialMethodUseRow
    query = select(func.count()).where(
        row.tenant_id == session.tenant_id, row.special_method_id == special_method_id
    )
    return (await session.db.execute(query)).scalar_one()


async def add(session: TenantSession, special: SpecialMethod) -> None:
    """Write a new one, with the entry that it begins with."""
    await insert_rows(
        session.db, SPECIAL_METHODS, [{"tenant_id": session.tenant_id, **models.columns(special)}]
    )
    await add_entry(session, special, special.proposed)


async def add_entry(session: TenantSession, special: SpecialMethod, entry: Entry) -> None:
    """Append to the ledger of one, whose version counts the entry already."""
    row = models.entry_columns(special, entry, ids.new_id())
    await insert_rows(session.db, ENTRIES, [{"tenant_id": session.tenant_id, **row}])


async def add_use(session: TenantSession, special_method_id: SpecialMethodId, use: Use) -> None:
    row = {
        "tenant_id": session.tenant_id,
        "id": use.id,
        "special_method_id": special_method_id,
        "at": use.at,
        "who": use.who,
        "what_for": use.what_for,
        "recorded_at": use.recorded_at,
        "recorded_by": use.recorded_by,
    }
    await insert_rows(session.db, USES, [row])


async def save(session: TenantSession, before: SpecialMethod, after: SpecialMethod) -> None:
    """Write what changed of one that the caller has locked."""
    was, is_now = models.changing_columns(before), models.changing_columns(after)
    changed = {name: value for name, value in is_now.items() if was[name] != value}
    await update_row(session, SPECIAL_METHODS, after.id, changed)
