"""Use cases of backtests: make one, show it, cancel it, remove it. Load, decide, save."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.backtests import comparing, progress, store
from service.backtests.domain import OPEN, Backtest, ChangeKind, State
from service.backtests.errors import BacktestEnded, BacktestUnderWay
from service.backtests.models import BacktestRow
from service.backtests.spec import BacktestSpec
from service.db import TenantSession
from service.ids import BacktestId
from service.jobs import service as jobs
from service.limits import service as limits
from service.limits.domain.table import BACKTESTS, BACKTESTS_AT_ONCE
from service.rules.service import Rulebook


async def create(
    session: TenantSession, rulebook: Rulebook, actor: Actor, spec: BacktestSpec, *, now: datetime
) -> Backtest:
    """Queue a backtest of what is in effect now against what is tried.

    Raises:
        BacktestInvalid, HistoryLogNotFound, BacktestsTooMany, BacktestsAtOnceTooMany
    """
    spec.check()
    await limits.make_room(session, BACKTESTS, lambda: store.count(session))
    await limits.make_room(session, BACKTESTS_AT_ONCE, lambda: store.open_count(session))
    total, until = await comparing.history(session, spec, now=now)
    row = BacktestRow(
        tenant_id=session.tenant_id,
        id=BacktestId(ids.new_id()),
        name=spec.name,
        state=State.QUEUED.value,
        spec=msgspec.to_builtins(spec),
        basis=(await comparing.basis(session, rulebook, spec, until=until, now=now)).to_json(),
        log_id=spec.history.log_id,
        total=total,
        done=0,
        parts=0,
        decisions=0,
        busy_seconds=0.0,
        changed=0,
        created_at=now,
    )
    await store.add(session, row)
    await jobs.enqueue(session, progress.RUN, backtest_id=row.id)
    after = {"name": row.name, "history": msgspec.to_builtins(spec.history), "requests": total}
    await audit.record(session, actor, Deed("backtest.created", _subject(row), after=after), now=now)
    return row.to_domain()


async def get(session: TenantSession, backtest_id: BacktestId) -> Backtest:
    return (await store.get(session, backtest_id)).to_domain()


async def list_all(session: TenantSession, *, after: UUID | None, limit: int) -> list[Backtest]:
    """Backtests, the newest first."""
    return [row.to_domain() for row in await store.listed(session, after=after, limit=limit)]


async def count(session: TenantSession) -> int:
    return await store.count(session)


async def open_count(session: TenantSession) -> int:
    """How many are queued or running."""
    return await store.open_count(session)


async def changes(
    session: TenantSession,
    backtest_id: BacktestId,
    *,
    kind: ChangeKind | None,
    after: int | None,
    limit: int,
) -> list[tuple[int, Mapping[str, Any]]]:
    """Requests that differ, each with its place. Raises BacktestNotFound."""
    await store.get(session, backtest_id)
    found = await store.changes(session, backtest_id, kind=kind, after=after, limit=limit)
    return [(row.place, row.change) for row in found]


async def cancel(session: TenantSession, actor: Actor, backtest_id: BacktestId, *, now: datetime) -> Backtest:
    """Stop a backtest; whoever works on it notices within a second or two. Twice is once.

    Raises:
        BacktestNotFound, BacktestEnded
    """
    row = await store.get(session, backtest_id, lock=True)
    if row.state == State.CANCELLED.value:
        return row.to_domain()
    if State(row.state) not in OPEN:
        raise BacktestEnded(backtest_id, row.state)
    before = {"state": row.state}
    await progress.end(session, row, State.CANCELLED, now=now)
    deed = Deed("backtest.cancelled", _subject(row), before=before, after={"state": row.state})
    await audit.record(session, actor, deed, now=now)
    return row.to_domain()


async def remove(session: TenantSession, actor: Actor, backtest_id: BacktestId, *, now: datetime) -> None:
    """Remove a backtest with all that it found.

    Raises:
        BacktestNotFound, BacktestUnderWay
    """
    row = await store.get(session, backtest_id, lock=True)
    if State(row.state) in OPEN:
        raise BacktestUnderWay(backtest_id)
    before = {"name": row.name, "state": row.state}
    await store.remove(session, backtest_id)
    await audit.record(session, actor, Deed("backtest.removed", _subject(row), before=before), now=now)


def _subject(row: BacktestRow) -> str:
    return f"backtest:{row.id}"
