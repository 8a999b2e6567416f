"""Queries of logs of past requests. Every statement of a tenant names the tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Select, Table, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from service import ids
from service.backtests.domain import OPEN
from service.backtests.logs import models
from service.backtests.logs.domain import HistoryCase, HistoryLog
from service.backtests.logs.errors import HistoryLogExists, HistoryLogNotFound
from service.backtests.logs.models import HistoryCaseRow, HistoryLogRow
from service.backtests.models import BacktestRow
from service.db import TenantSession, insert_rows
from service.ids import HistoryLogId

CASES_REMOVED_AT_ONCE = 5_000
"""So many rows are deleted well within the time that a statement may take."""
CASES = cast("Table", HistoryCaseRow.__table__)


def _mine(session: TenantSession) -> Select[HistoryLogRow]:
    return select(HistoryLogRow).where(HistoryLogRow.tenant_id == session.tenant_id)


async def get(session: TenantSession, log_id: HistoryLogId, *, lock: bool = False) -> HistoryLogRow:
    query = _mine(session).where(HistoryLogRow.id == log_id)
    row = await session.db.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise HistoryLogNotFound(log_id)
    return row


async def listed(
    session: TenantSession, *, name: str | None, after: UUID | None, limit: int
) -> list[HistoryLogRow]:
    query = _mine(session).order_by(HistoryLogRow.id).limit(limit)
    if name is not None:
        query = query.where(HistoryLogRow.name == name)
    if after is not None:
        query = query.where(HistoryLogRow.id > after)
    return list(await session.db.scalars(query))


async def add(session: TenantSession, log: HistoryLog) -> None:
    values = {"tenant_id": session.tenant_id, **msgspec.to_builtins(log, builtin_types=(datetime, UUID))}
    added = await session.db.execute(
        upsert(HistoryLogRow).values(values).on_conflict_do_nothing().returning(HistoryLogRow.id)
    )
    if added.first() is None:
        raise HistoryLogExists(log.name)


async def save(session: TenantSession) -> None:
    await session.db.flush()


async def log_count(session: TenantSession) -> int:
    query = (
        select(func.count()).select_from(HistoryLogRow).where(HistoryLogRow.tenant_id == session.tenant_id)
    )
    return (await session.db.scalar(query)) or 0


async def case_count(session: TenantSession) -> int:
    """How many cases all logs of the tenant have together."""
    query = select(func.sum(HistoryLogRow.cases)).where(HistoryLogRow.tenant_id == session.tenant_id)
    return (await session.db.scalar(query)) or 0


async def digests(
    session: TenantSession, log_id: HistoryLogId, external_ids: Sequence[str]
) -> dict[str, bytes]:
    """What the log has of these cases already."""
    rows = await session.db.execute(
        select(HistoryCaseRow.external_id, HistoryCaseRow.digest).where(
            HistoryCaseRow.tenant_id == session.tenant_id,
            HistoryCaseRow.log_id == log_id,
            HistoryCaseRow.external_id.in_(external_ids),
        )
    )
    return {row.external_id: row.digest for row in rows}


async def add_cases(session: TenantSession, log_id: HistoryLogId, cases: Sequence[HistoryCase]) -> None:
    """Add cases of which the log, which the caller holds locked, has none."""
    await insert_rows(session.db, CASES, [_row(session, log_id, case) for case in cases])


async def is_in_use(session: TenantSession, log_id: HistoryLogId) -> bool:
    """Does a backtest run on this log, or wait to?"""
    query = select(BacktestRow.id).where(
        BacktestRow.tenant_id == session.tenant_id,
        BacktestRow.log_id == log_id,
        BacktestRow.state.in_([state.value for state in OPEN]),
    )
    return await session.db.scalar(query.limit(1)) is not None


async def remove(session: TenantSession, row: HistoryLogRow) -> None:
    """Remove a log with its cases, a part of them at a time."""
    mine = HistoryCaseRow.tenant_id == session.tenant_id
    some = select(HistoryCaseRow.id).where(mine, HistoryCaseRow.log_id == row.id).limit(CASES_REMOVED_AT_ONCE)
    while True:
        removed = await session.db.execute(
            delete(HistoryCaseRow).where(mine, HistoryCaseRow.id.in_(some)).returning(HistoryCaseRow.id)
        )
        if len(removed.all()) < CASES_REMOVED_AT_ONCE:
            break
    await session.db.execute(
        delete(HistoryLogRow).where(HistoryLogRow.tenant_id == session.tenant_id, HistoryLogRow.id == row.id)
    )


def _row(session: TenantSession, log_id: HistoryLogId, case: HistoryCase) -> dict[str, Any]:
    return {
        "tenant_id": session.tenant_id,
        "id": ids.new_id(),
        "log_id": log_id,
        "external_id": case.external_id,
        "opened_at": case.opened_at,
        "last_at": case.last_at,
        "submission": case.submission,
        "events": case.events,
        "digest": models.digest_of(case),
    }
