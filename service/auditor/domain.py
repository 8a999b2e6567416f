"""What the auditor calls wrong, and what becomes of its alarms from one round to the next. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from service.ids import AlarmId, SubjectId

INTERVAL = timedelta(seconds=15)
"""How often a round begins, by whichever process."""

SILENCE_MAX = timedelta(minutes=2)
"""How long the last good round may be past before nobody can say that all is well."""

GRACE = timedelta(seconds=30)
"""How late what is due may be: it may be in work, or wait for its turn."""

BEAT_INTERVAL = timedelta(seconds=5)
BEAT_MISSED_AFTER = timedelta(seconds=30)
"""A worker that has said nothing for so long is stuck, or dead."""

LEASE_MAX = timedelta(minutes=12)
"""No worker leases, or puts off, a wake-up for so long."""

STANDSTILL = timedelta(minutes=1)
"""How long nothing that is due may be taken up before that is an alarm for every tenant."""

STEPLESS_MAX = 20
"""How many runs that have nothing to tell are asked in one round whether that is so: others in the next."""

FAULTS_MAX = 50
"""Of one kind, in one round and tenant: more of them are found when these are in order."""


class AlarmKind(StrEnum):
    WAKE_UP_OVERDUE = "wake_up_overdue"
    """It should have fired, and nobody holds it."""
    WAKE_UP_PARKED = "wake_up_parked"
    """It failed so often that it is tried now and then only."""
    LEASE_STUCK = "lease_stuck"
    """A worker holds it until an instant that no lease reaches."""
    WAKE_UP_MISSING = "wake_up_missing"
    """What will change by itself at an instant has nothing that looks at it then."""
    STEP_MISSING = "step_missing"
    """A run of a ladder has somebody to tell, and does not know it."""


class PlatformAlarm(StrEnum):
    WAKE_UPS_LATE = "wake_ups_late"
    """Wake-ups of live tenants are due, and nobody is at any. Where a tenant has so many that somebody who is
    at them takes longer, that is an alarm of that tenant alone."""
    WORKERS_SILENT = "workers_silent"
    """Work is due, and a worker that should do it is not heard of any more, or none is there."""
    JOBS_LATE = "jobs_late"
    """Jobs are due and not taken, or were taken by somebody who is not heard of any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A wake-up that has been due for longer than GRACE.

    Attributes:
        leased_for: how much longer somebody holds it; None, or not above zero, where nobody does.
    """

    subject_kind: str
    subject_id: SubjectId
    late: timedelta
    leased_for: timedelta | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How work goes in all of the platform.

    Attributes:
        wake_up_late: for how long the oldest wake-up that nobody holds has been due.
        wake_ups_held: whether some worker is at others that are due.
        job_late: the same of jobs.
        jobs_taken: how many jobs somebody is at who is heard of.
        heard: how many workers are heard of.
        silent: how many are not any more.
    """

    wake_up_late: timedelta
    wake_ups_held: bool
    job_late: timedelta
    jobs_taken: int
    heard: int
    silent: int


Subject: TypeAlias = tuple[AlarmKind, str, SubjectId]
"""What an alarm is about: at most one stands for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that a round found wrong.

    Attributes:
        mended: whether it is looked at again at once for that.
    """

    kind: AlarmKind
    subject_kind: str
    subject_id: SubjectId
    detail: str
    mended: bool = False

    @property
    def subject(self) -> Subject:
        return (self.kind, self.subject_kind, self.subject_id)


@dataclass(frozen=True, slots=True)
class Course:
    """What a round does to the alarms of a tenant."""

    raised: list[Fault]
    seen: list[AlarmId]
    cleared: list[AlarmId]


def course(
    standing: Mapping[Subject, AlarmId], found: Sequence[Fault], *, unfinished: Collection[AlarmKind]
) -> Course:
    """Raise what is new, once; keep what is still so; clear what is in order again.

    Args:
        standing: the alarms that stand.
        found: what the round found.
        unfinished: kinds of which there are more than it found: none of these is cleared.
    """
    faults = {fault.subject: fault for fault in found}
    return Course(
        raised=[fault for subject, fault in faults.items() if subject not in standing],
        seen=[alarm_id for subject, alarm_id in standing.items() if subject in faults],
        cleared=[
            alarm_id
            for subject, alarm_id in standing.items()
            if subject not in faults and subject[0] not in unfinished
        ],
    )


def fault_of(waiting: Waiting, *, attempts_max: int) -> Fault | None:
    """What is wrong with a wake-up that is late; nothing, if somebody is at it.

    Args:
        waiting: the wake-up.
        attempts_max: after how many attempts it is parked.
    """
    late = f"due for {_seconds(waiting.late)}"
    leased_for = waiting.leased_for or timedelta(0)
    if leased_for > LEASE_MAX:
        detail = f"{late}, and held for {_seconds(leased_for)} more; it was taken from whoever holds it"
        return _fault(AlarmKind.LEASE_STUCK, waiting, detail, mended=True)
    if waiting.attempts >= attempts_max:
        detail = f"{late}; {waiting.attempts} attempts failed, and the worker's log says how"
        return _fault(AlarmKind.WAKE_UP_PARKED, waiting, detail)
    if leased_for > timedelta(0):
        return None
    return _fault(AlarmKind.WAKE_UP_OVERDUE, waiting, f"{late}, and nobody is at it")


def _fault(kind: AlarmKind, waiting: Waiting, detail: str, *, mended: bool = False) -> Fault:
    return Fault(
        kind=kind,
        subject_kind=waiting.subject_kind,
        subject_id=waiting.subject_id,
        detail=detail,
        mended=mended,
    )


def alarms_of(work: Work) -> dict[PlatformAlarm, str]:
    """What is wrong for every tenant."""
    found: dict[PlatformAlarm, str] = {}
    if work.wake_up_late > STANDSTILL and not work.wake_ups_held:
        found[PlatformAlarm.WAKE_UPS_LATE] = (
            f"the oldest due wake-up has waited {_seconds(work.wake_up_late)}, and nobody is at any"
        )
    if work.job_late > STANDSTILL and work.jobs_taken == 0:
        found[PlatformAlarm.JOBS_LATE] = (
            f"the oldest due job has waited {_seconds(work.job_late)}, and nobody is at any"
        )
    waits = max(work.wake_up_late, work.job_late)
    if waits > GRACE and (work.heard == 0 or work.silent > 0):
        found[PlatformAlarm.WORKERS_SILENT] = (
            f"{work.silent} workers are not heard of any more and {work.heard} are, while work has waited"
            f" {_seconds(waits)}"
        )
    return found


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
