"""Use cases of logs of past requests: bring one in, case by case, and remove it. Load, decide, save."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service import ids
from service.audit import service as audit
from service.audit.domain import Actor, Deed
from service.backtests.logs import domain, models, store
from service.backtests.logs.domain import HistoryCase, HistoryLog, LogEntry, LogState
from service.backtests.logs.errors import HistoryLogComplete, HistoryLogInUse, HistoryLogInvalid
from service.backtests.logs.models import HistoryLogRow
from service.db import TenantSession
from service.errors import Fault
from service.ids import HistoryLogId
from service.limits import service as limits
from service.limits.domain.table import HISTORY_CASES, HISTORY_LOGS
from service.names import faults_of_name


class Fate(StrEnum):
    """What became of a case that was brought in."""

    ADDED = "added"
    KNOWN = "known"
    """The log has exactly this case already."""
    DIFFERENT = "different"
    """The log has another case of this name, which stays as it is."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Taken:
    """A case that was brought in: what became of it, and what is wrong with it if it was refused."""

    external_id: str
    fate: Fate
    faults: tuple[Fault, ...] = ()


async def create(session: TenantSession, actor: Actor, entry: LogEntry, *, now: datetime) -> HistoryLog:
    """Begin a log.

    Raises:
        HistoryLogInvalid, HistoryLogExists, HistoryLogsTooMany
    """
    if faults := faults_of_name(entry.name):
        raise HistoryLogInvalid(faults)
    await limits.make_room(session, HISTORY_LOGS, lambda: store.log_count(session))
    log = HistoryLog(
        id=HistoryLogId(ids.new_id()),
        name=entry.name,
        source=entry.source,
        mapping_sha256=entry.mapping_sha256,
        state=LogState.OPEN,
        cases=0,
        events=0,
        bad_rows=0,
        first_at=None,
        last_at=None,
        version=1,
        created_at=now,
        completed_at=None,
    )
    await store.add(session, log)
    after = {"name": log.name, "source": log.source, "mapping_sha256": log.mapping_sha256}
    await audit.record(session, actor, Deed("history_log.created", _subject(log), after=after), now=now)
    return log


async def get(session: TenantSession, log_id: HistoryLogId, *, lock: bool = False) -> HistoryLog:
    """A log. Raises HistoryLogNotFound."""
    return (await store.get(session, log_id, lock=lock)).to_domain()


async def list_logs(
    session: TenantSession, *, name: str | None, after: UUID | None, limit: int
) -> list[HistoryLog]:
    """Logs, oldest first; with a `name`, the one that is called so."""
    return [row.to_domain() for row in await store.listed(session, name=name, after=after, limit=limit)]


async def log_count(session: TenantSession) -> int:
    return await store.log_count(session)


async def case_count(session: TenantSession) -> int:
    """How many cases all logs have together."""
    return await store.case_count(session)


async def fill(
    session: TenantSession, actor: Actor, log_id: HistoryLogId, cases: Sequence[HistoryCase], *, now: datetime
) -> tuple[HistoryLog, list[Taken]]:
    """Add cases to a log, each of them once; say of each what became of it, in their order.

    Raises:
        HistoryLogNotFound, HistoryLogComplete, HistoryCasesTooMany
    """
    row = await store.get(session, log_id, lock=True)
    if row.state != LogState.OPEN:
        raise HistoryLogComplete(row.name)
    known = await store.digests(session, log_id, [case.external_id for case in cases])
    added: list[HistoryCase] = []
    taken: list[Taken] = []
    for case in cases:
        found = _look(case, known, source=row.source)
        if found.fate is Fate.ADDED:
            known[case.external_id] = models.digest_of(case)
            added.append(case)
        taken.append(found)
    if added:
        await _add(session, actor, row, added, now=now)
    return row.to_domain(), taken


async def complete(
    session: TenantSession, actor: Actor, log_id: HistoryLogId, *, bad_rows: int, now: datetime
) -> HistoryLog:
    """Let a log change no more. One that is complete stays as it is.

    Args:
        session: of the tenant.
        actor: who says so.
        log_id: which log.
        bad_rows: how many rows of its file could not be used.
        now: the tenant's now.

    Raises:
        HistoryLogNotFound
    """
    row = await store.get(session, log_id, lock=True)
    if row.state == LogState.COMPLETE:
        return row.to_domain()
    row.state = LogState.COMPLETE.value
    row.bad_rows = bad_rows
    row.completed_at = now
    row.version += 1
    await store.save(session)
    log = row.to_domain()
    after = {"state": row.state, "cases": row.cases, "events": row.events, "bad_rows": bad_rows}
    deed = Deed("history_log.completed", _subject(log), before={"state": LogState.OPEN.value}, after=after)
    await audit.record(session, actor, deed, now=now)
    return log


async def remove(session: TenantSession, actor: Actor, log_id: HistoryLogId, *, now: datetime) -> None:
    """Remove a log with its cases. Raises HistoryLogNotFound, HistoryLogInUse."""
    row = await store.get(session, log_id, lock=True)
    if await store.is_in_use(session, log_id):
        raise HistoryLogInUse(row.name)
    log = row.to_domain()
    await store.remove(session, row)
    before = {"name": log.name, "source": log.source, "cases": log.cases}
    await audit.record(session, actor, Deed("history_log.removed", _subject(log), before=before), now=now)


async def _add(
    session: TenantSession, actor: Actor, row: HistoryLogRow, cases: Sequence[HistoryCase], *, now: datetime
) -> None:
    await limits.make_room(session, HISTORY_CASES, lambda: _count_before_last(session, cases))
    await store.add_cases(session, HistoryLogId(row.id), cases)
    before = {"cases": row.cases}
    row.cases += len(cases)
    row.events += sum(len(case.events) for case in cases)
    row.first_at = min(filter(None, (row.first_at, *(case.opened_at for case in cases))))
    row.last_at = max(filter(None, (row.last_at, *(case.last_at for case in cases))))
    row.version += 1
    await store.save(session)
    deed = Deed("history_log.filled", f"history_log:{row.id}", before=before, after={"cases": row.cases})
    await audit.record(session, actor, deed, now=now)


async def _count_before_last(session: TenantSession, cases: Sequence[HistoryCase]) -> int:
    """How many cases there are once all of these but the last are added."""
    return await store.case_count(session) + len(cases) - 1


def _look(case: HistoryCase, known: Mapping[str, bytes], *, source: str) -> Taken:
    faults = domain.faults_of_case(case, source=source)
    if faults:
        return Taken(case.external_id, Fate.REFUSED, tuple(faults))
    if case.external_id not in known:
        return Taken(case.external_id, Fate.ADDED)
    is_same = known[case.external_id] == models.digest_of(case)
    return Taken(case.external_id, Fate.KNOWN if is_same else Fate.DIFFERENT)


def _subject(log: HistoryLog) -> str:
    return f"history_log:{log.id}"
