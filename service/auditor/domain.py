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

FAULTS_MAX = 100
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


class PlatformAlarm(StrEnum):
    WAKE_UPS_LATE = "wake_ups_late"
    """Wake-ups of live tenants are due and not fired."""
    WORKERS_SILENT = "workers_silent"
    """Work is due, and a worker that should do it is not heard of any more, or none is there."""
    JOBS_LATE = "jobs_late"
    """Jobs are due and not taken, or were taken by somebody who is not heard of any more."""


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
