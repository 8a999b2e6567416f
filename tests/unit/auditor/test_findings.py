"""What the auditor calls wrong, and that each alarm is raised once and cleared once."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids
from service.api import health
from service.auditor import domain
from service.auditor.domain import AlarmKind, Fault, PlatformAlarm, Subject, Waiting, Work
from service.auditor.errors import HeartbeatAddressInvalid
from service.auditor.heartbeat import Heart
from service.auditor.models import Rounds
from service.ids import AlarmId, SubjectId

SUBJECTS = [SubjectId(ids.new_id()) for _ in range(4)]
FAULTS = st.lists(
    st.builds(
        Fault,
        kind=st.sampled_from(AlarmKind),
        subject_kind=st.sampled_from(["commitment", "escalation"]),
        subject_id=st.sampled_from(SUBJECTS),
        detail=st.just("found"),
    ),
    max_size=8,
)
ROUNDS = st.lists(st.tuples(FAULTS, st.sets(st.sampled_from(AlarmKind), max_size=1)), max_size=6)
SECONDS = st.integers(0, 600).map(lambda seconds: timedelta(seconds=seconds))


@given(rounds=ROUNDS)
def test_of_each_subject_one_alarm_stands_at_a_time_and_what_is_not_found_again_is_cleared(
    rounds: Sequence[tuple[list[Fault], set[AlarmKind]]],
) -> None:
    standing: dict[Subject, AlarmId] = {}
    for found, unfinished in rounds:
        subjects = {fault.subject for fault in found}
        course = domain.course(standing, found, unfinished=unfinished)
        raised = [fault.subject for fault in course.raised]
        assert len(raised) == len(set(raised))
        assert set(raised) == subjects - standing.keys()
        assert {*course.seen, *course.cleared} <= set(standing.values())
        assert not {*course.seen} & {*course.cleared}
        standing = {
            subject: alarm_id for subject, alarm_id in standing.items() if alarm_id not in course.cleared
        } | {subject: AlarmId(ids.new_id()) for subject in raised}
        assert subjects <= standing.keys()
        assert {subject[0] for subject in standing.keys() - subjects} <= unfinished


def waiting(*, leased_for: float | None, attempts: int = 1) -> Waiting:
    return Waiting(
        subject_kind="commitment",
        subject_id=SUBJECTS[0],
        late=timedelta(seconds=40),
        leased_for=None if leased_for is None else timedelta(seconds=leased_for),
        attempts=attempts,
    )


@pytest.mark.parametrize(
    ("found", "kind", "mended"),
    [
        (waiting(leased_for=None), AlarmKind.WAKE_UP_OVERDUE, False),
        (waiting(leased_for=-1), AlarmKind.WAKE_UP_OVERDUE, False),
        (waiting(leased_for=5), None, False),
        (waiting(leased_for=600, attempts=5), AlarmKind.WAKE_UP_PARKED, False),
        (waiting(leased_for=-1, attempts=5), AlarmKind.WAKE_UP_PARKED, False),
        (waiting(leased_for=721), AlarmKind.LEASE_STUCK, True),
        (waiting(leased_for=721, attempts=5), AlarmKind.LEASE_STUCK, True),
    ],
)
def test_a_late_wake_up_is_a_fault_unless_somebody_is_at_it(
    found: Waiting, kind: AlarmKind | None, *, mended: bool
) -> None:
    fault = domain.fault_of(found, attempts_max=5)
    assert (None if fault is None else fault.kind) == kind
    assert fault is None or fault.mended is mended


def work(
    *,
    wake_up: float = 0,
    held: bool = False,
    job: float = 0,
    taken: int = 0,
    heard: int = 1,
    silent: int = 0,
) -> Work:
    return Work(
        wake_up_late=timedelta(seconds=wake_up),
        wake_ups_held=held,
        job_late=timedelta(seconds=job),
        jobs_taken=taken,
        heard=heard,
        silent=silent,
    )


@pytest.mark.parametrize(
    ("found", "alarms"),
    [
        (work(), []),
        (work(heard=0), []),
        (work(heard=0, silent=3), []),
        (work(wake_up=60), []),
        (work(wake_up=61), [PlatformAlarm.WAKE_UPS_LATE]),
        (work(wake_up=3_600, held=True), []),
        (work(wake_up=31, heard=0), [PlatformAlarm.WORKERS_SILENT]),
        (work(wake_up=31, silent=1), [PlatformAlarm.WORKERS_SILENT]),
        (work(wake_up=30, silent=1), []),
        (work(job=3_600, taken=1), []),
        (work(job=61), [PlatformAlarm.JOBS_LATE]),
        (work(job=31, heard=0), [PlatformAlarm.WORKERS_SILENT]),
    ],
)
def test_what_concerns_every_tenant(found: Work, alarms: list[PlatformAlarm]) -> None:
    assert list(domain.alarms_of(found)) == alarms


@given(late=SECONDS, silence=SECONDS, held=st.booleans(), heard=st.integers(0, 3), silent=st.integers(0, 3))
def test_nothing_is_alarming_where_no_work_waits(
    late: timedelta, silence: timedelta, heard: int, silent: int, *, held: bool
) -> None:
    found = Work(
        wake_up_late=late,
        wake_ups_held=held,
        job_late=silence,
        jobs_taken=0,
        heard=heard,
        silent=silent,
    )
    assert bool(domain.alarms_of(found)) <= (max(late, silence) > domain.GRACE)


@pytest.mark.parametrize(
    ("rounds", "ok"),
    [
        (None, True),
        (Rounds(silence=timedelta(seconds=120), failure=None, alarms={}), True),
        (Rounds(silence=timedelta(seconds=121), failure="ProgrammingError", alarms={}), False),
        (Rounds(silence=timedelta(0), failure=None, alarms={"jobs_late": "nobody"}), False),
        (Rounds(silence=timedelta(0), failure="ProgrammingError", alarms={}), True),
    ],
)
def test_the_service_is_ready_as_long_as_somebody_can_say_that_all_is_well(
    rounds: Rounds | None, *, ok: bool
) -> None:
    assert health.check_rounds(rounds).ok is ok


@pytest.mark.parametrize(
    "url",
    [
        "https://monitor.example/ping/4f2c",
        "https://10.0.0.7:8443/beat",
        "http://127.0.0.1:9/",
        "http://localhost/x",
        "http://[::1]:80/",
    ],
)
async def test_a_heartbeat_goes_by_https_or_to_this_machine(url: str) -> None:
    await Heart(url).aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "monitor.example",
        "http://monitor.example/",
        "ftp://127.0.0.1/",
        "https://",
        "https://host:port/",
        "http://127.0.0.1.example/",
        "file:///etc/passwd",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(HeartbeatAddressInvalid):
        Heart(url)


def test_an_address_that_is_refused_is_not_shown() -> None:
    with pytest.raises(HeartbeatAddressInvalid) as refused:
        Heart("http://monitor.example/ping/4f2c")
    assert "4f2c" not in str(refused.value)


async def test_a_heartbeat_that_does_not_arrive_is_no_error() -> None:
    heart = Heart("http://127.0.0.1:1/")
    assert await heart.beat() is False
    await heart.aclose()
