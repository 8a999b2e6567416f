"""Transactions of the auditor: its rounds, one at a time in all processes, and the beats of a worker."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Gauge

from service.auditor import heartbeat, service
from service.auditor.domain import BEAT_INTERVAL, INTERVAL, PlatformAlarm
from service.auditor.heartbeat import Heart
from service.auditor.models import Turn
from service.db import Sessions, Timeouts, tenant_transaction
from service.ids import TenantId
from service.platform import platform_transaction
from service.telemetry import Metrics
from service.tenants import service as tenants

POOL_SIZE = 1
"""Its own connection: whatever holds up the others does not hold up the auditor."""

TIMEOUTS = Timeouts(
    statement=timedelta(seconds=10), lock=timedelta(seconds=2), idle_in_transaction=timedelta(seconds=30)
)
BUDGET = timedelta(seconds=10)
"""A round ends after so long; the next goes on with the tenant after the last that it looked at."""

LEASE = timedelta(seconds=40)
"""How long a round holds up others if its process dies: longer than one can take that does not."""

SPACING = INTERVAL * 0.8
"""However many processes take turns, rounds do not come thicker than that."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gauges:
    standing: Gauge
    platform: Gauge

    @classmethod
    def of(cls, metrics: Metrics) -> "Gauges":
        return cls(
            standing=metrics.gauge("rooted_alarms_standing", "Alarms of all tenants that stand."),
            platform=metrics.gauge("rooted_platform_alarms_standing", "Alarms that concern every tenant."),
        )


@dataclass(frozen=True, slots=True)
class Auditor:
    """What a round works with.

    Attributes:
        sessions: on a pool of its own.
        heart: None where nobody outside listens.
        stop: once set, no further tenant is looked at.
    """

    sessions: Sessions
    heart: Heart | None
    gauges: Gauges
    stop: asyncio.Event
    spacing: timedelta = SPACING


@dataclass(frozen=True, slots=True)
class Result:
    """How a round went.

    Attributes:
        failure: why it was none.
        platform: what is wrong for every tenant.
        standing: how many alarms of tenants stand.
        unseen: how many tenants could not be looked at, though others could.
    """

    failure: str | None
    platform: Sequence[PlatformAlarm] = ()
    standing: int = 0
    unseen: int = 0

    @property
    def is_good(self) -> bool:
        """Is all well, as far as can be seen?"""
        return self.failure is None and not self.platform and self.standing == self.unseen == 0


@dataclass(slots=True)
class _Looks:
    """How looking at tenants went.

    Attributes:
        error: the last that one failed with.
        got_to: the tenant that it got to; None once it has been through all.
    """

    succeeded: int = 0
    failed: int = 0
    error: str | None = None
    got_to: TenantId | None = None

    @property
    def failure(self) -> str | None:
        """Why it was none: where no tenant can be looked at, it is not the tenants that are broken."""
        return None if self.succeeded else self.error


async def watch(auditor: Auditor) -> None:
    """Make rounds until told to stop. What fails is logged and shows; it ends nothing."""
    while not auditor.stop.is_set():
        try:
            await audit(auditor)
        except Exception:
            log.exception("round of the auditor failed")
        await _rest(auditor.stop, INTERVAL)


async def audit(auditor: Auditor) -> Result | None:
    """One round, if it is our turn. Sends a heartbeat if it finds nothing wrong."""
    async with platform_transaction(auditor.sessions) as platform:
        turn = await service.claim(platform, spacing=auditor.spacing, lease=LEASE)
    if turn is None:
        return None
    result, got_to = await _round(auditor, turn)
    async with platform_transaction(auditor.sessions) as platform:
        await service.end(platform, turn, failure=result.failure, got_to=got_to)
    auditor.gauges.standing.set(result.standing)
    auditor.gauges.platform.set(len(result.platform))
    if result.is_good and auditor.heart is not None and _is_time(turn):
        await _send(auditor, auditor.heart)
    return result


async def keep_beating(sessions: Sessions, worker_id: UUID, stop: asyncio.Event) -> None:
    """Say again and again that this worker lives; once it ends as it should, that nobody need miss it."""
    while not stop.is_set():
        async with platform_transaction(sessions) as platform:
            await service.beat(platform, worker_id)
        await _rest(stop, BEAT_INTERVAL)
    async with platform_transaction(sessions) as platform:
        await service.stop_beating(platform, worker_id)


async def _round(auditor: Auditor, turn: Turn) -> tuple[Result, TenantId | None]:
    """How it went, and the tenant that it got to: None once it has been through all."""
    try:
        async with platform_transaction(auditor.sessions) as platform:
            found = dict(await service.look_at_platform(platform))
            everybody = sorted(await tenants.ids_of_all(platform))
    except Exception as error:
        log.exception("auditor could not look at the platform")
        return Result(type(error).__name__), turn.after
    for kind, detail in found.items():
        log.error("platform alarm", kind=kind.value, detail=detail)
    looks = await _look_at(auditor, _from(everybody, turn.after))
    async with platform_transaction(auditor.sessions) as platform:
        standing = await service.standing_count(platform)
    return Result(looks.failure, tuple(found), standing, unseen=looks.failed), looks.got_to


async def _look_at(auditor: Auditor, everybody: Sequence[TenantId]) -> _Looks:
    """Look at tenants for as long as there is time."""
    now = asyncio.get_running_loop().time
    end, looks = now() + BUDGET.total_seconds(), _Looks()
    for tenant_id in everybody:
        try:
            async with tenant_transaction(auditor.sessions, tenant_id) as session:
                standing = await service.look_at_tenant(session)
        except Exception as error:
            log.exception("auditor could not look at a tenant", tenant_id=str(tenant_id))
            looks.failed, looks.error = looks.failed + 1, type(error).__name__
        else:
            looks.succeeded += 1
            if standing:
                log.warning("alarms stand", tenant_id=str(tenant_id), standing=standing)
        if auditor.stop.is_set() or now() > end:
            looks.got_to = tenant_id
            break
    return looks


def _from(everybody: Sequence[TenantId], after: TenantId | None) -> list[TenantId]:
    """All tenants once, beginning with the one after the last that was looked at."""
    if after is None:
        return list(everybody)
    return [each for each in everybody if each > after] + [each for each in everybody if each <= after]


def _is_time(turn: Turn) -> bool:
    """Rounds come more often than heartbeats are to."""
    before: datetime | None = turn.heartbeat_at
    return before is None or turn.began_at - before >= heartbeat.INTERVAL - SPACING / 2


async def _send(auditor: Auditor, heart: Heart) -> None:
    if await heart.beat():
        async with platform_transaction(auditor.sessions) as platform:
            await service.note_heartbeat(platform)


async def _rest(stop: asyncio.Event, span: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(span.total_seconds()):
            await stop.wait()
