"""Composition root for background work: wake-ups, jobs, audit chains and housekeeping, until told to stop.

Any number of workers run side by side, in one process with the API or in their own. Each part that fails is
begun again after a growing pause: a database that restarts is waited for.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from prometheus_client import Gauge

from service import composition, ids
from service.api import idempotency
from service.api.oauth.granted import store as granted
from service.audit import drive as audit_drive
from service.audit.drive import Sealer
from service.auditor import drive as auditor
from service.backtests import jobs as backtests_jobs
from service.backtests.drive import Staff
from service.clock import Clock, SystemClock
from service.db import Sessions, tenant_transaction
from service.jobs import runner
from service.jobs import service as jobs
from service.jobs.registry import Tools
from service.mail import drive as mail_drive
from service.mail import service as mail
from service.mail.drive import Outgoing
from service.outbox import jobs as outbox_jobs
from service.outbox.sender import Sender
from service.people import drive as people_drive
from service.people import service as people
from service.people.domain import Lifetimes
from service.people.drive import Errands
from service.platform import platform_transaction
from service.requests.repinning import jobs as repinning_jobs
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.settings import Settings
from service.telemetry import Metrics
from service.tenants import service as tenants
from service.vault import Vault
from service.wakeups import drive
from service.wakeups import jobs as wakeups_jobs
from service.wakeups import service as wakeups
from service.wakeups.drive import Meters, Round
from service.wakeups.service import Advance, Advances

JOBS = (backtests_jobs.run, outbox_jobs.deliver, repinning_jobs.repin, wakeups_jobs.move_clock)
"""Importing a job registers it; naming it here keeps the import from looking unused."""

PAUSE_MIN = timedelta(milliseconds=250)
PAUSE_MAX = timedelta(seconds=5)
MAIL_INTERVAL = timedelta(seconds=1)
ERRANDS_INTERVAL = timedelta(seconds=1)
HOUSEKEEPING_INTERVAL = timedelta(minutes=10)

TAKEN = 1
"""Connections that are out of the pool as long as a worker runs: the one on which it takes jobs."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """What is looked after now and then."""

    sessions: Sessions
    clock: Clock
    lifetimes: Lifetimes
    parked: Gauge
    held: Gauge
    unsent: Gauge


def pool_size(settings: Settings) -> int:
    """How many connections a worker needs, so that as many as are asked for are left to work with."""
    return settings.database_pool_size + TAKEN


async def run(
    settings: Settings,
    sessions: Sessions,
    *,
    vault: Vault,
    advances: Mapping[str, Advance],
    stop: asyncio.Event,
    metrics: Metrics | None = None,
) -> None:
    """Work until `stop` is set, and finish what was begun.

    Args:
        settings: as the operator wants it.
        sessions: on the login role; a worker uses one connection all the time, and as many as LANES at once.
        vault: opens what is sealed, such as the secrets that deliveries are signed with.
        advances: who looks at the subjects of wake-ups, by their kind.
        stop: set it on SIGTERM.
        metrics: shared with what else runs in this process.
    """
    clock, metrics = SystemClock(), metrics or Metrics()
    sender = Sender(loopback_allowed=settings.webhooks_allow_loopback)
    known, meters, poll = Advances(advances), Meters.of(metrics), settings.worker_poll_interval
    work = Round(sessions, known, meters, stop)
    staff = Staff(composition.backtest_processes(settings), stop)
    rulebook = composition.rulebook(ReferenceEngine())
    parts = {
        Advances: known,
        Meters: meters,
        Rulebook: rulebook,
        Sender: sender,
        Staff: staff,
        Vault: vault,
    }
    tools = Tools(sessions, clock, parts)
    outgoing = _outgoing(settings, sessions, clock, vault)
    worker_id = ids.new_id()
    sealer = Sealer(sessions, clock, audit_drive.gauge(metrics), stop)
    errands = Errands(sessions, clock, vault, settings.issuer)
    chores = _housekeeping(sessions, clock, composition.lifetimes(settings), metrics)
    log.info("worker started", jobs=len(JOBS), subjects=sorted(advances))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep("wake-ups", lambda: _watch(work, poll), stop))
            tasks.create_task(_keep("jobs", lambda: runner.run(tools, poll_interval=poll, stop=stop), stop))
            if outgoing is not None:
                tasks.create_task(_keep("mail", lambda: _post(outgoing, stop), stop))
            tasks.create_task(_keep("errands of people", lambda: _run_errands(errands, stop), stop))
            tasks.create_task(_keep("beats", lambda: auditor.keep_beating(sessions, worker_id, stop), stop))
            tasks.create_task(_keep("audit chains", lambda: _seal(sealer), stop))
            tasks.create_task(_keep("housekeeping", lambda: _keep_house(chores, stop), stop))
    finally:
        await sender.aclose()
    log.info("worker stopped")


async def _keep(name: str, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Do `work` until `stop`; when it fails, begin it again, the sooner the longer it went well."""
    now = asyncio.get_running_loop().time
    pause = PAUSE_MIN
    while not stop.is_set():
        began = now()
        try:
            await work()
        except Exception:
            log.exception("part of the worker failed", part=name)
            if now() - began > PAUSE_MAX.total_seconds():
                pause = PAUSE_MIN
            await _rest(stop, pause)
            pause = min(pause * 2, PAUSE_MAX)


async def _watch(work: Round, poll_interval: timedelta) -> None:
    """Fire what is due; go on at once while there is something, else look again after `poll_interval`."""
    while not work.stop.is_set():
        if await drive.fire_due(work) == 0:
            await _rest(work.stop, poll_interval)


async def _post(outgoing: Outgoing, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if await mail_drive.send_due(outgoing) == 0:
            await _rest(stop, MAIL_INTERVAL)


async def _run_errands(errands: Errands, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if await people_drive.run_errands(errands) == 0:
            await _rest(stop, ERRANDS_INTERVAL)


def _outgoing(settings: Settings, sessions: Sessions, clock: Clock, vault: Vault) -> Outgoing | None:
    """What mail is sent with; None where there is neither a server nor a folder for it."""
    post = composition.post(settings)
    if post is None:
        log.warning("mail is not sent: set ROOTED_SMTP_URL or ROOTED_DATA_DIR")
        return None
    return Outgoing(sessions, clock, vault, post, settings.mail_from)


async def _seal(sealer: Sealer) -> None:
    """Link audit records; go on at once while there are many, else look again after a while."""
    while not sealer.stop.is_set():
        if not await sealer.round():
            await _rest(sealer.stop, audit_drive.INTERVAL)


async def _keep_house(chores: Housekeeping, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await _tidy(chores)
        await _rest(stop, HOUSEKEEPING_INTERVAL)


async def _tidy(chores: Housekeeping) -> None:
    """Drop what need not be kept, and count what waits for an operator."""
    async with platform_transaction(chores.sessions) as platform:
        await jobs.tidy(platform)
        await mail.tidy(platform, now=chores.clock.now())
        await people.tidy_log_in(platform, now=chores.clock.now(), lifetimes=chores.lifetimes)
        chores.unsent.set(await mail.failed(platform))
        chores.held.set(await jobs.held(platform))
        chores.parked.set(await wakeups.parked(platform))
        everybody = await tenants.ids_of_all(platform)
    for tenant_id in everybody:
        async with tenant_transaction(chores.sessions, tenant_id) as session:
            await idempotency.purge(session, now=chores.clock.now())
            await granted.purge(session, now=chores.clock.now())
            await people.tidy(session, now=chores.clock.now())


def _housekeeping(sessions: Sessions, clock: Clock, lifetimes: Lifetimes, metrics: Metrics) -> Housekeeping:
    return Housekeeping(
        sessions,
        clock,
        lifetimes,
        parked=metrics.gauge("rooted_wake_ups_parked", "Wake-ups that failed too often to be tried soon."),
        held=metrics.gauge("rooted_jobs_held", "Jobs that failed for good and wait for an operator."),
        unsent=metrics.gauge("rooted_mails_given_up", "Mails that could not be sent in the last 30 days."),
    )


async def _rest(stop: asyncio.Event, span: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(span.total_seconds()):
            await stop.wait()
