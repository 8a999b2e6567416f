"""Queries of this slice. Every statement of a tenant names the tenant."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, delete, func, select

from service import ids
from service.backtests.domain import OPEN, ChangeKind, Period
from service.backtests.errors import BacktestNotFound
from service.backtests.models import BacktestChangeRow, BacktestPartRow, BacktestRow
from service.db import Row, TenantSession, insert_rows, run
from service.ids import BacktestId

CHANGES = cast("Table", BacktestChangeRow.__table__)
PARTS = cast("Table", BacktestPartRow.__table__)
PARTS_AT_ONCE = 50

COUNT_OWN = """
select count(*) from request
where tenant_id = $1 and opened_at >= $2 and opened_at < $3 and received_at <= $4
"""
OWN_TYPES = """
select distinct type_version_id from request
where tenant_id = $1 and opened_at >= $2 and opened_at < $3 and received_at <= $4
    and type_version_id is not null
"""
OWN = """
select r.id, r.opened_at, c.name as client, s.name as service, r.type_version_id, json_build_object(
    'id', r.id,
    'received_at', r.received_at,
    'submission', jsonb_strip_nulls(jsonb_build_object(
        'source', r.source, 'external_id', r.external_id, 'title', r.title,
        'type', coalesce((
            select b.detail -> 'becomes' ->> 0 from request_event b
            where b.tenant_id = $1 and b.request_id = r.id
                and b.type = 'rationalized' and b.detail ? 'becomes'
            order by b.received_at, b.id limit 1), r.type),
        'occurred_at', r.opened_at, 'client', c.name, 'service', s.name, 'requester', r.contact_id,
        'typed', r.typed || jsonb_build_object('version_id', r.type_version_id),
        'sequence', o.source_sequence, 'state', o.detail -> 'state')) || jsonb_build_object(
        'facts', coalesce(o.detail -> 'facts', '{}')),
    'events', (
        select coalesce(json_agg(e.detail || jsonb_build_object(
            'type', e.type, 'occurred_at', e.occurred_at, 'received_at', e.received_at,
            'sequence', e.source_sequence) || coalesce(e.agreed, '{}') order by e.received_at, e.id), '[]')
        from (
            select e.*, a.agreed from request_event e
            left join lateral (
                select jsonb_build_object('agreed', jsonb_build_object(
                    'proposal', a.verdict -> 'proposal', 'terms', a.proposal)) as agreed
                from arrangement a
                join arrangement_entry x on x.tenant_id = $1 and x.arrangement_id = a.id
                where e.type = 'rationalized' and not e.detail ?| array['state', 'party']
                    and a.tenant_id = $1 and a.request_id = r.id
                    and x.kind = 'accepted' and x.at = e.received_at
                    and coalesce(e.detail -> 'facts', '{}') = a.proposal -> 'facts'
                limit 1
            ) a on true
            where e.tenant_id = $1 and e.request_id = r.id and e.received_at <= $4
                and e.type not in ('opened', 'repinned')
                and (e.type <> 'rationalized' or a.agreed is not null)
            order by e.received_at, e.id
            limit $8
        ) e)
    )::text as written
from request r
join request_event o on o.tenant_id = $1 and o.request_id = r.id and o.type = 'opened'
left join client c on c.tenant_id = $1 and c.id = r.client_id
left join service s on s.tenant_id = $1 and s.id = r.service_id
where r.tenant_id = $1 and r.opened_at >= $2 and r.opened_at < $3 and r.received_at <= $4
    and (r.opened_at, r.id) > ($5, $6)
order by r.opened_at, r.id
limit $7
"""
"""The tenant's own requests as cases: what was submitted, and the first so many things told after it.

That a request was put on another version as one of many is left out, and what its verdicts did to it: here
each side holds all along. What was agreed with whoever asked is told, with what they were offered.
"""

OF_LOG = """
select id, opened_at, submission ->> 'client' as client, submission ->> 'service' as service,
    null::uuid as type_version_id,
    json_build_object('id', id, 'submission', submission, 'events', events)::text as written
from history_case
where tenant_id = $1 and log_id = $2 and (opened_at, id) > ($3, $4)
order by opened_at, id
limit $5
"""

Place = tuple[datetime, UUID]
"""Where a reader of the history stands: when the last request that it has read was opened, and its id."""


def _mine(session: TenantSession) -> Select[BacktestRow]:
    return select(BacktestRow).where(BacktestRow.tenant_id == session.tenant_id)


async def get(session: TenantSession, backtest_id: BacktestId, *, lock: bool = False) -> BacktestRow:
    query = _mine(session).where(BacktestRow.id == backtest_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise BacktestNotFound(backtest_id)
    return row


async def listed(session: TenantSession, *, after: UUID | None, limit: int) -> list[BacktestRow]:
    """Backtests, the newest first; `after` is the id of the one before."""
    query = _mine(session).order_by(BacktestRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(BacktestRow.id < after)
    return list(await session.db.scalars(query))


async def add(session: TenantSession, row: BacktestRow) -> None:
    session.db.add(row)
    await session.db.flush()


async def save(session: TenantSession) -> None:
    """Write what changed of the rows that were read."""
    await session.db.flush()


async def count(session: TenantSession) -> int:
    query = select(func.count()).select_from(BacktestRow).where(BacktestRow.tenant_id == session.tenant_id)
    return (await session.db.scalar(query)) or 0


async def open_count(session: TenantSession) -> int:
    """How many are queued or running."""
    states = [state.value for state in OPEN]
    query = (
        select(func.count())
        .select_from(BacktestRow)
        .where(BacktestRow.tenant_id == session.tenant_id, BacktestRow.state.in_(states))
    )
    return (await session.db.scalar(query)) or 0


async def own_count(session: TenantSession, period: Period) -> int:
    found = await run(session.db, COUNT_OWN, session.tenant_id, period.since, period.to, period.until)
    return found.scalar_one()


async def own_types(session: TenantSession, period: Period) -> list[UUID]:
    """The versions of types that took the tenant's own requests in."""
    found = await run(session.db, OWN_TYPES, session.tenant_id, period.since, period.to, period.until)
    return [each.type_version_id for each in found]


async def own_cases(
    session: TenantSession, period: Period, after: Place, *, limit: int, events_max: int
) -> Sequence[Row]:
    """A part of the tenant's own history, with so many events of each request at most."""
    bounds = period.since, period.to, period.until
    return (await run(session.db, OWN, session.tenant_id, *bounds, *after, limit, events_max)).rows


async def cases_of_log(session: TenantSession, log_id: UUID, after: Place, *, limit: int) -> Sequence[Row]:
    """A part of an imported log."""
    return (await run(session.db, OF_LOG, session.tenant_id, log_id, *after, limit)).rows


async def add_part(
    session: TenantSession, backtest_id: BacktestId, number: int, totals: Mapping[str, Any]
) -> None:
    row = {"tenant_id": session.tenant_id, "id": ids.new_id(), "backtest_id": backtest_id}
    await insert_rows(session.db, PARTS, [{**row, "number": number, "totals": totals}])


async def add_changes(
    session: TenantSession, backtest_id: BacktestId, first: int, changes: Sequence[Mapping[str, Any]]
) -> None:
    """Add changes whose places begin at `first`."""
    rows = [
        {
            "tenant_id": session.tenant_id,
            "id": ids.new_id(),
            "backtest_id": backtest_id,
            "place": place,
            "kinds": change["kinds"],
            "change": change,
        }
        for place, change in enumerate(changes, start=first)
    ]
    await insert_rows(session.db, CHANGES, rows)


async def parts(session: TenantSession, backtest_id: BacktestId) -> AsyncGenerator[Mapping[str, Any]]:
    """The totals of all parts, in their order, some at a time."""
    after = -1
    while True:
        query = (
            select(BacktestPartRow.number, BacktestPartRow.totals)
            .where(
                BacktestPartRow.tenant_id == session.tenant_id,
                BacktestPartRow.backtest_id == backtest_id,
                BacktestPartRow.number > after,
            )
            .order_by(BacktestPartRow.number)
            .limit(PARTS_AT_ONCE)
        )
        found = (await session.db.execute(query)).all()
        for row in found:
            yield row.totals
        if len(found) < PARTS_AT_ONCE:
            return
        after = found[-1].number


async def changes(
    session: TenantSession,
    backtest_id: BacktestId,
    *,
    kind: ChangeKind | None,
    after: int | None,
    limit: int,
) -> list[BacktestChangeRow]:
    """Requests that differ, in the order of the history; `after` is the place of the one before."""
    row = BacktestChangeRow
    query = (
        select(row)
        .where(row.tenant_id == session.tenant_id, row.backtest_id == backtest_id)
        .order_by(row.place)
        .limit(limit)
    )
    if kind is not None:
        query = query.where(row.kinds.contains([kind.value]))
    if after is not None:
        query = query.where(row.place > after)
    return list(await session.db.scalars(query))


async def remove_parts(session: TenantSession, backtest_id: BacktestId) -> None:
    row = BacktestPartRow
    await session.db.execute(
        delete(row).where(row.tenant_id == session.tenant_id, row.backtest_id == backtest_id)
    )


async def remove(session: TenantSession, backtest_id: BacktestId) -> None:
    """Remove a backtest with all that was found."""
    await remove_parts(session, backtest_id)
    change, row = BacktestChangeRow, BacktestRow
    mine = change.tenant_id == session.tenant_id, change.backtest_id == backtest_id
    await session.db.execute(delete(change).where(*mine))
    await session.db.execute(delete(row).where(row.tenant_id == session.tenant_id, row.id == backtest_id))
