"""Transactions around wake-ups: a worker's rounds over live tenants, and moves of a sandbox's clock."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice

import structlog
from prometheus_client import Counter, Histogram

from service.audit.domain import Actor
from service.db import Sessions, tenant_transaction
from service.ids import TenantId
from service.platform import platform_transaction
from service.telemetry import Metrics
from service.wakeups import domain, service, store
from service.wakeups.models import Due
from service.wakeups.service import Advances, ClockProgress, WakeUpFailed

TENANTS_PER_ROUND_MAX = 64
BATCH_SIZE = 20
"""How many wake-ups of one tenant are claimed before the next tenant has its turn."""

LANES = 4
"""How many tenants, or batches of one tenant, are worked on at once. Each lane needs one connection."""

WORKING_SHARE_OF_LEASE = 0.6
"""What has not been begun by then is given back, so that no other worker finds it claimed in vain."""

WAKE_UPS_IN_ANSWER_MAX = 100
"""How many wake-ups fire while a caller waits for a sandbox's clock."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Meters:
    """What a worker measures of its wake-ups."""

    outcomes: Counter
    lateness: Histogram

    @classmethod
    def of(cls, metrics: Metrics) -> "Meters":
        return cls(
            outcomes=metrics.counter("rooted_wake_ups", "Wake-ups by what became of them.", ["outcome"]),
            lateness=metrics.histogram(
                "rooted_wake_up_lateness_seconds", "How long after its time a live tenant's wake-up fired."
            ),
        )


@dataclass(frozen=True, slots=True)
class Round:
    """What a round works with.

    Attributes:
        stop: once set, no further wake-up is begun.
    """

    sessions: Sessions
    advances: Advances
    meters: Meters
    stop: asyncio.Event


async def fire_due(work: Round) -> int:
    """One round: a batch of wake-ups from each live tenant that has some due. Returns how many were tried.

    A tenant with a long backlog has one turn in a round like any other; only when fewer tenants are due than
    there are lanes does it have several.
    """
    async with platform_transaction(work.sessions) as platform:
        tenants = await store.due_tenants(platform, limit=TENANTS_PER_ROUND_MAX)
    if not tenants:
        return 0
    turns = islice(cycle(tenants), max(len(tenants), LANES))
    async with asyncio.TaskGroup() as group:
        lanes = [group.create_task(_lane(work, turns)) for _ in range(LANES)]
    return sum(lane.result() for lane in lanes)


async def move_clock(
    sessions: Sessions, tenant_id: TenantId, actor: Actor, *, to: datetime, advances: Advances
) -> ClockProgress:
    """Move a sandbox's clock in one transaction, or leave it to a job if a wake-up on the way fails.

    Raises:
        SandboxOnly, ClockMovesForward, ClockOutOfRange
    """
    try:
        async with tenant_transaction(sessions, tenant_id) as session:
            return await service.move_clock(
                session, actor, to=to, advances=advances, wake_ups_max=WAKE_UPS_IN_ANSWER_MAX
            )
    except WakeUpFailed as failure:
        log.warning("sandbox clock left to a job", tenant_id=str(tenant_id), exc_info=failure)
    async with tenant_transaction(sessions, tenant_id) as session:
        return await service.aim_clock(session, actor, to=to)


async def _lane(work: Round, turns: Iterator[TenantId]) -> int:
    tried = 0
    for tenant_id in turns:
        if work.stop.is_set():
            break
        tried += await _fire_batch(work, tenant_id)
    return tried


async def _fire_batch(work: Round, tenant_id: TenantId) -> int:
    now = asyncio.get_running_loop().time
    end = now() + domain.LEASE.total_seconds() * WORKING_SHARE_OF_LEASE
    async with tenant_transaction(work.sessions, tenant_id) as session:
        dues = await store.claim(session, limit=BATCH_SIZE)
    for tried, due in enumerate(dues):
        if work.stop.is_set() or now() > end:
            async with tenant_transaction(work.sessions, tenant_id) as session:
                await store.release(session, dues[tried:])
            return tried
        await _fire(work, tenant_id, due)
    return len(dues)


async def _fire(work: Round, tenant_id: TenantId, due: Due) -> None:
    """Fire one wake-up in a transaction of its own; one that fails is put off and holds up no other."""
    try:
        async with tenant_transaction(work.sessions, tenant_id) as session:
            late = await service.fire(session, due, work.advances)
    except Exception as error:  # noqa: BLE001 - a lost database fails the next statement too, and ends the round
        async with tenant_transaction(work.sessions, tenant_id) as session:
            parked = await service.put_off(session, due)
        report(due, error, tenant_id, work.meters, parked=parked)
    else:
        work.meters.outcomes.labels(outcome="fired").inc()
        work.meters.lateness.observe(late.total_seconds())


def report(due: Due, error: Exception, tenant_id: TenantId, meters: Meters, *, parked: bool) -> None:
    """Log and count a wake-up that failed; a parked one is an error for somebody to look into."""
    outcome = "parked" if parked else "failed"
    meters.outcomes.labels(outcome=outcome).inc()
    log.log(
        logging.ERROR if parked else logging.WARNING,
        "wake-up not fired",
        outcome=outcome,
        tenant_id=str(tenant_id),
        subject_kind=due.subject_kind,
        subject_id=str(due.subject_id),
        attempts=due.attempts,
        exc_info=error,
    )
