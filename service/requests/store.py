"""Queries of this slice. Every statement of a tenant names the tenant."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, select, update

from service.db import TenantSession, insert_new, insert_rows
from service.ids import ClientId, DecisionId, RequestId, ServiceId
from service.requests.domain import Request, State
from service.requests.errors import DecisionNotFound, RequestExists, RequestNotFound
from service.requests.models import DecisionRow, RequestEventRow, RequestRow, incomplete_column, typed_columns
from service.rules.vocabulary import RequestType

REQUESTS = cast("Table", RequestRow.__table__)
EVENTS = cast("Table", RequestEventRow.__table__)
DECISIONS = cast("Table", DecisionRow.__table__)

Rows = Mapping[Table, Sequence[Mapping[str, Any]]]
"""What is to be inserted, by table, in an order that satisfies the foreign keys."""


def _mine(session: TenantSession, client_id: ClientId | None) -> Select[RequestRow]:
    query = select(RequestRow).where(RequestRow.tenant_id == session.tenant_id)
    return query if client_id is None else query.where(RequestRow.client_id == client_id)


async def get(
    session: TenantSession, request_id: RequestId, *, client_id: ClientId | None, lock: bool = False
) -> RequestRow:
    """One request; with a `client_id`, only if it is that client's."""
    query = _mine(session, client_id).where(RequestRow.id == request_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise RequestNotFound(request_id)
    return row


async def these(session: TenantSession, request_ids: Collection[RequestId]) -> dict[RequestId, Request]:
    """Those of these requests that there are, by their ids."""
    if not request_ids:
        return {}
    found = await session.db.scalars(_mine(session, None).where(RequestRow.id.in_(request_ids)))
    return {RequestId(row.id): row.to_domain() for row in found}


async def listed(
    session: TenantSession,
    *,
    client_id: ClientId | None,
    external: tuple[str, str] | None,
    after: UUID | None,
    limit: int,
) -> list[RequestRow]:
    """Requests in the order in which they were accepted; `external` is (source, external id)."""
    query = _mine(session, client_id).order_by(RequestRow.id).limit(limit)
    if after is not None:
        query = query.where(RequestRow.id > after)
    if external is not None:
        query = query.where(RequestRow.source == external[0], RequestRow.external_id == external[1])
    return list(await session.db.scalars(query))


async def events(session: TenantSession, request_id: RequestId) -> list[RequestEventRow]:
    query = select(RequestEventRow).where(
        RequestEventRow.tenant_id == session.tenant_id, RequestEventRow.request_id == request_id
    )
    return list(await session.db.scalars(query))


async def decisions(session: TenantSession, request_id: RequestId) -> list[DecisionRow]:
    """The request's decisions, in the order in which they were made."""
    query = (
        select(DecisionRow)
        .where(DecisionRow.tenant_id == session.tenant_id, DecisionRow.request_id == request_id)
        .order_by(DecisionRow.decided_at, DecisionRow.id)
    )
    return list(await session.db.scalars(query))


async def decision(session: TenantSession, decision_id: DecisionId) -> DecisionRow:
    """One decision. Raises DecisionNotFound."""
    mine = DecisionRow.tenant_id == session.tenant_id
    row = await session.db.scalar(select(DecisionRow).where(mine, DecisionRow.id == decision_id))
    if row is None:
        raise DecisionNotFound(decision_id)
    return row


async def accept(session: TenantSession, request: Request, rows: Rows) -> None:
    """Write a request with its ledger, decision and promises; events and wake-ups have writers of their own.

    Args:
        session: of the tenant.
        request: the new one.
        rows: what follows from it.

    Raises:
        RequestExists: its source has already sent it.
    """
    if not await insert_new(session.db, REQUESTS, _columns(session, request)):
        raise RequestExists(request.source, request.external_id, await _namesake(session, request))
    await append(session, rows)


async def append(session: TenantSession, rows: Rows) -> None:
    """Insert rows table by table, one statement each."""
    for table, values in rows.items():
        await insert_rows(session.db, table, [{"tenant_id": session.tenant_id, **row} for row in values])


async def changes_done(
    session: TenantSession,
    family: RequestType,
    *,
    service_id: ServiceId | None,
    category: str | None,
    since: datetime,
    limit: int,
) -> list[RequestRow]:
    """Requests of a kind that were resolved or closed, the newest first, of one service and category."""
    row = RequestRow
    done = row.state.in_([State.RESOLVED.value, State.CLOSED.value])
    query = _mine(session, None).where(row.type == family.value, done, row.received_at >= since)
    query = query.where(row.service_id.is_not_distinct_from(service_id))
    if category is not None:
        query = query.where(row.category == category)
    return list(await session.db.scalars(query.order_by(row.received_at.desc()).limit(limit)))


async def has_merged(session: TenantSession, request_id: RequestId) -> bool:
    """Whether others were merged into it."""
    row = await session.db.scalar(_mine(session, None).where(RequestRow.merged_into == request_id).limit(1))
    return row is not None


async def known(session: TenantSession, request_ids: Collection[RequestId]) -> set[RequestId]:
    """Those of these requests that there are."""
    row = RequestRow
    query = select(row.id).where(row.tenant_id == session.tenant_id, row.id.in_(request_ids))
    return {RequestId(found) for found in await session.db.scalars(query)}


async def save(session: TenantSession, request: Request) -> None:
    """Write what an event may change of a request. The caller holds its lock."""
    await session.db.execute(
        update(RequestRow)
        .where(RequestRow.tenant_id == session.tenant_id, RequestRow.id == request.id)
        .values(
            state=request.state.value,
            facts=request.facts,
            sequence=request.sequence,
            merged_into=request.merged_into,
            type=request.type.value,
            arrangement_id=request.arrangement_id,
            incomplete=incomplete_column(request),
        )
    )


def _columns(session: TenantSession, request: Request) -> dict[str, Any]:
    return {
        "tenant_id": session.tenant_id,
        "id": request.id,
        "client_id": request.client_id,
        "service_id": request.service_id,
        "source_client_id": request.source_client_id,
        "contact_id": request.contact_id,
        "source": request.source,
        "external_id": request.external_id,
        "type": request.type.value,
        "title": request.title,
        "state": request.state.value,
        "facts": request.facts,
        "opened_at": request.opened_at,
        "received_at": request.received_at,
        "sequence": request.sequence,
        "merged_into": request.merged_into,
        "submitted_by": request.submitted_by,
        "arrangement_id": request.arrangement_id,
        **typed_columns(request.typed),
        "incomplete": incomplete_column(request),
    }


async def _namesake(session: TenantSession, request: Request) -> RequestId:
    """The request that was sent under the same name before. Only its own sender is ever told of it."""
    row = RequestRow
    mine = row.source_client_id.is_not_distinct_from(request.source_client_id)
    query = _mine(session, None).where(
        mine, row.source == request.source, row.external_id == request.external_id
    )
    return RequestId((await session.db.scalars(query)).one().id)
