"""Carries a backtest on: what is compared, the next chunk of the history, and what came of it.

Chunks are kept in the order of the history, each in one transaction, so that a backtest goes on where it was
left whatever happened to the process that worked on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

import msgspec

from service.backtests import recalling, store, weighing
from service.backtests.basis import Basis
from service.backtests.chunks import EVENTS_MAX, Chunk, Judged
from service.backtests.domain import CHANGES_KEPT_MAX, OPEN, State
from service.backtests.models import BacktestRow
from service.backtests.setup import Setup
from service.backtests.spec import BacktestSpec
from service.backtests.store import Place
from service.calendars import service as calendars
from service.db import Row, TenantSession
from service.ids import BacktestId
from service.jobs import service as jobs
from service.people import groups
from service.rationalization.catalogue import trying as trials
from service.rules import trying
from service.rules.domain import Saved
from service.tenants import registers

RUN = "backtests.run"
CASES_IN_CHUNK = 250
LABOUR_IN_CHUNK = 2 * 131_072**2
"""What the cases of a chunk may cost together; one that costs more by itself goes alone. See `affordable`."""
BEFORE_ALL: Place = (datetime(1900, 1, 1, tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a backtest has got, as whoever carries it on sees it.

    Attributes:
        parts: how many parts are kept; the next one has this number.
        after: the last request of those.
    """

    parts: int
    after: Place


@dataclass(frozen=True, slots=True)
class Portion:
    """A chunk of the history, and where the next one begins."""

    chunk: Chunk
    after: Place


async def begin(session: TenantSession, backtest_id: BacktestId, *, now: datetime) -> Setup | None:
    """What is compared, in full, if the backtest is to be carried on."""
    row = await store.get(session, backtest_id, lock=True)
    if State(row.state) not in OPEN:
        return None
    row.state, row.began_at = State.RUNNING.value, row.began_at or now
    await store.save(session)
    basis = Basis.read(row.basis)
    spec = msgspec.convert(row.spec, BacktestSpec)
    saved = await trying.saved(session, basis.saved)
    written = {
        each.version_id: Saved(spec.policies[each.candidate].document or {}, basis.declared)
        for each in basis.after
        if each.candidate is not None
    }
    return Setup(
        before=basis.before,
        after=basis.after,
        saved={**saved, **written},
        calendars=basis.calendars,
        tried=basis.tried,
        offered=basis.offered,
        types=basis.types,
        sources=basis.sources
        | {each: await calendars.source(session, each) for each in basis.calendar_versions},
        until=basis.until,
        escalations=basis.escalations,
    )


async def reached(session: TenantSession, backtest_id: BacktestId) -> Reached | None:
    """How far it has got; None when it is not to be carried on."""
    row = await store.get(session, backtest_id)
    if row.state != State.RUNNING.value:
        return None
    if row.reached_at is None or row.reached_id is None:
        return Reached(row.parts, BEFORE_ALL)
    return Reached(row.parts, (row.reached_at, row.reached_id))


async def portion(session: TenantSession, backtest_id: BacktestId, reached: Reached) -> Portion | None:
    """The next chunk of the history; None at its end. The first is there also if the history is empty."""
    row = await store.get(session, backtest_id)
    spec, basis = msgspec.convert(row.spec, BacktestSpec), Basis.read(row.basis)
    found = await _cases(session, spec, basis, reached.after)
    found = found[: affordable([len(each.written) for each in found])]
    if not found and reached.parts:
        return None
    clients = await registers.clients(session, {each.client for each in found} - {None})
    services = await registers.services(session, {each.service for each in found} - {None})
    cases = [msgspec.Raw(each.written.encode()) for each in found]
    if basis.history:
        cases = [
            await recalling.with_history(
                session,
                each.written,
                basis.history,
                client=clients.get(each.client),
                service=services.get(each.service),
            )
            for each in found
        ]
    chunk = Chunk(
        number=reached.parts,
        cases=cases,
        clients=clients,
        services=services,
        groups=await groups.calendars_of_groups(session),
        types=await trials.required(session, {each.type_version_id for each in found} - {None}),
    )
    return Portion(chunk, (found[-1].opened_at, found[-1].id) if found else reached.after)


async def keep(
    session: TenantSession, backtest_id: BacktestId, judged: Judged, after: Place, *, seconds: float
) -> bool:
    """Keep what came of the next chunk. False: it is not to be carried on, or somebody else carries it on.

    Args:
        session: of the tenant.
        backtest_id: which backtest.
        judged: of the chunk whose number is next.
        after: the last request of the chunk.
        seconds: how long it took.
    """
    row = await store.get(session, backtest_id, lock=True)
    if row.state != State.RUNNING.value or row.parts != judged.number:
        return False
    kept = judged.changes[: max(0, CHANGES_KEPT_MAX - row.changed)]
    await store.add_part(session, backtest_id, judged.number, judged.totals)
    await store.add_changes(session, backtest_id, row.changed, kept)
    row.parts, row.done = row.parts + 1, row.done + judged.cases
    row.reached_at, row.reached_id = after
    row.changed += len(judged.changes)
    row.decisions += sum(judged.totals[side]["decisions"] for side in weighing.SIDES)
    row.busy_seconds += seconds
    await store.save(session)
    return True


async def finish(session: TenantSession, backtest_id: BacktestId, *, now: datetime) -> None:
    """Add up all parts, once the end of the history is reached."""
    row = await store.get(session, backtest_id, lock=True)
    if row.state != State.RUNNING.value:
        return
    totals: weighing.Counts = {}
    async for part in store.parts(session, backtest_id):
        weighing.added(totals, part)
    row.result = weighing.result(totals, listed_max=CHANGES_KEPT_MAX)
    row.total = row.done
    await end(session, row, State.DONE, now=now)


async def fail(session: TenantSession, backtest_id: BacktestId, why: str, *, now: datetime) -> None:
    """Give a backtest up, and say why."""
    row = await store.get(session, backtest_id, lock=True)
    if State(row.state) in OPEN:
        row.failure = why
        await end(session, row, State.FAILED, now=now)


async def go_on_later(session: TenantSession, backtest_id: BacktestId, *, delay: timedelta) -> None:
    """Have it carried on by whoever comes to it."""
    await jobs.enqueue(session, RUN, delay=delay, backtest_id=backtest_id)


async def end(session: TenantSession, row: BacktestRow, state: State, *, now: datetime) -> None:
    row.state, row.ended_at = state.value, now
    await store.save(session)
    await store.remove_parts(session, BacktestId(row.id))


async def _cases(session: TenantSession, spec: BacktestSpec, basis: Basis, after: Place) -> Sequence[Row]:
    if spec.history.log_id is not None:
        return await store.cases_of_log(session, spec.history.log_id, after, limit=CASES_IN_CHUNK)
    return await store.own_cases(
        session,
        spec.period(basis.until),
        after,
        limit=CASES_IN_CHUNK,
        events_max=EVENTS_MAX + 1,  # so that who has more is known by it
    )


def affordable(sizes: Sequence[int]) -> int:
    """How many of these cases, given by their length, a process gets through in good time; at least one.

    What a case costs grows with the square of what happened to it, and so of its length.
    """
    spent = accumulate(size * size for size in sizes)
    return max(1, sum(labour <= LABOUR_IN_CHUNK for labour in spent))
