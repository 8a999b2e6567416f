"""Use cases of the auditor: look at one tenant, look at the platform, say what was found.

It finds what nobody else can: they all wait for a wake-up, and this looks whether there is one. What has none
gets one, which is safe: whoever is woken decides again; but it was missing, so it is an alarm all the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from service.auditor import domain, store
from service.auditor.domain import FAULTS_MAX, STEPLESS_MAX, AlarmKind, Fault, PlatformAlarm, Subject
from service.auditor.models import Alarm, AlarmRow, Rounds, Turn
from service.db import TenantSession
from service.escalations.runs import service as runs
from service.ids import AlarmId, SubjectId, TenantId
from service.outbox import service as outbox
from service.outbox.models import EventDraft
from service.platform import PlatformSession
from service.wakeups import service as wakeups
from service.wakeups.domain import ATTEMPTS_MAX
from service.wakeups.models import WakeUp

SUBJECT_KIND = "alarm"
DEAD_AFTER = timedelta(minutes=10)
"""A worker that is not heard of for so long, while no work waits, is not missed."""

RAISED, CLEARED = 1, 2
"""The sequence of an alarm's events."""


async def look_at_tenant(session: TenantSession) -> int:
    """Raise, keep and clear the alarms of one tenant. Returns how many stand."""
    now = await store.time(session)
    late = await store.waiting(session, now, attempts_max=ATTEMPTS_MAX, limit=FAULTS_MAX)
    missing = await store.unwatched(session, now, limit=FAULTS_MAX)
    found = [fault for each in late if (fault := domain.fault_of(each, attempts_max=ATTEMPTS_MAX))]
    found += [_missing(subject_kind, subject_id) for subject_kind, subject_id in missing]
    found += await _stepless(session, now=now)
    standing = await store.standing(session)
    if not found and not standing:
        return 0
    await _mend(session, found, now=now)
    unfinished = _unfinished(late=len(late), missing=len(missing))
    return await _follow(session, standing, found, unfinished, now=now)


async def look_at_platform(platform: PlatformSession) -> Mapping[PlatformAlarm, str]:
    """Raise and clear what concerns every tenant. Returns what stands, each with how it was found."""
    work = await store.work(platform, attempts_max=ATTEMPTS_MAX)
    found = domain.alarms_of(work)
    for kind, detail in found.items():
        await store.put_platform_alarm(platform, kind, detail)
    for kind in (await store.platform_alarms(platform)).keys() - found.keys():
        await store.drop_platform_alarm(platform, kind)
    if max(work.wake_up_late, work.job_late) <= domain.GRACE:
        await store.forget_silent(platform, silent_for=DEAD_AFTER)
    return found


async def claim(platform: PlatformSession, *, spacing: timedelta, lease: timedelta) -> Turn | None:
    """Make the next round ours, unless somebody is at one, or the last began less than `spacing` ago."""
    return await store.claim(platform, spacing=spacing, lease=lease)


async def end(platform: PlatformSession, turn: Turn, *, failure: str | None, got_to: TenantId | None) -> None:
    """Write down how our round went: a round that failed is none."""
    await store.end(platform, turn, failure=failure, got_to=got_to)


async def note_heartbeat(platform: PlatformSession) -> None:
    await store.note_heartbeat(platform)


async def standing_count(platform: PlatformSession) -> int:
    """How many alarms of all tenants stand."""
    return await store.standing_count(platform)


async def rounds(platform: PlatformSession) -> Rounds | None:
    """How the rounds went; None as long as there was none."""
    return await store.rounds(platform)


async def beat(platform: PlatformSession, worker_id: UUID) -> None:
    """Say that a worker lives."""
    await store.beat(platform, worker_id)


async def stop_beating(platform: PlatformSession, worker_id: UUID) -> None:
    """Say that a worker ends: nobody misses it."""
    await store.drop_beat(platform, worker_id)


async def get(session: TenantSession, alarm_id: AlarmId) -> Alarm:
    """One alarm. Raises AlarmNotFound."""
    return (await store.get(session, alarm_id)).to_domain()


async def list_alarms(
    session: TenantSession, *, stands: bool | None, before: UUID | None, limit: int
) -> list[Alarm]:
    """Alarms, the youngest first; only those that stand, or that were cleared, where that is asked."""
    rows = await store.listed(session, stands=stands, before=before, limit=limit)
    return [row.to_domain() for row in rows]


def _missing(subject_kind: str, subject_id: SubjectId) -> Fault:
    return Fault(
        kind=AlarmKind.WAKE_UP_MISSING,
        subject_kind=subject_kind,
        subject_id=subject_id,
        detail="nothing looked at it in time; it is looked at now",
        mended=True,
    )


async def _stepless(session: TenantSession, *, now: datetime) -> list[Fault]:
    """Runs whose own ledger says that somebody is to be told, and whose row says that nobody is."""
    found: list[Fault] = []
    for run_id in await store.stepless(session, limit=STEPLESS_MAX):
        account = await runs.get(session, run_id, now=now)
        if account.standing.look_at is not None:
            found.append(
                Fault(
                    kind=AlarmKind.STEP_MISSING,
                    subject_kind=runs.SUBJECT_KIND,
                    subject_id=SubjectId(run_id),
                    detail="somebody is to be told, and nothing was planned; it is looked at now",
                    mended=True,
                )
            )
    return found


def _unfinished(*, late: int, missing: int) -> set[AlarmKind]:
    """The kinds of which there may be more than a round looked at."""
    of_waiting = {AlarmKind.WAKE_UP_OVERDUE, AlarmKind.WAKE_UP_PARKED, AlarmKind.LEASE_STUCK}
    found = of_waiting if late >= FAULTS_MAX else set[AlarmKind]()
    return found | {AlarmKind.WAKE_UP_MISSING} if missing >= FAULTS_MAX else found


async def _mend(session: TenantSession, found: Sequence[Fault], *, now: datetime) -> None:
    """Have it looked at at once, by whoever looks at its kind; a lease that it was held by counts no more."""
    await wakeups.schedule(
        session, [WakeUp(fault.subject_kind, fault.subject_id, now) for fault in found if fault.mended]
    )


async def _follow(
    session: TenantSession,
    standing: Mapping[Subject, AlarmId],
    found: Sequence[Fault],
    unfinished: set[AlarmKind],
    *,
    now: datetime,
) -> int:
    course = domain.course(standing, found, unfinished=unfinished)
    raised = await store.add(session, course.raised, now=now)
    await store.touch(session, course.seen, now=now)
    cleared = await store.clear(session, course.cleared, now=now) if course.cleared else []
    drafts = [_event("alarm.raised", row, RAISED, now) for row in raised]
    await outbox.append(session, [*drafts, *(_event("alarm.cleared", row, CLEARED, now) for row in cleared)])
    count = len(standing) + len(raised) - len(cleared)
    await store.tally(session, count)
    return count


def _event(kind: str, row: AlarmRow, sequence: int, now: datetime) -> EventDraft:
    return EventDraft(
        type=kind,
        subject_kind=SUBJECT_KIND,
        subject_id=row.id,
        sequence=sequence,
        occurred_at=now,
        payload={
            "alarm_id": row.id,
            "kind": row.kind,
            "subject_kind": row.subject_kind,
            "subject_id": row.subject_id,
            "detail": row.detail,
            "mended": row.mended,
            "first_seen_at": row.first_seen_at,
        },
    )
