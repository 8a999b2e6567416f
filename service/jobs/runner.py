"""Runs queued jobs in a worker, by pgqueuer's queue manager on a connection of its own."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.models import Job as QueuedJob
from pgqueuer.qm import QueueManager

from service.db import Sessions
from service.jobs import registry, service
from service.jobs.registry import Job, Tools
from service.jobs.turns import Turns

BATCH_SIZE = 10
JOBS_AT_ONCE_MAX = 20
JOBS_OF_A_TENANT_MAX = JOBS_AT_ONCE_MAX // 4
"""However many one tenant has waiting, and however long each takes, others find room."""

LOOK_AGAIN_AFTER = timedelta(milliseconds=25)
"""How soon at the earliest a worker looks for jobs again, while some are due and have to wait."""

SILENCE_MAX = timedelta(seconds=15)
"""A worker that has not been heard of for so long is taken for dead, and another takes its jobs over."""

RETRY_DELAY_MIN = timedelta(seconds=1)
RETRY_DELAY_MAX = timedelta(minutes=1)

log = structlog.stdlib.get_logger(__name__)


async def run(tools: Tools, *, poll_interval: timedelta, stop: asyncio.Event) -> None:
    """Run jobs until `stop` is set; those begun are then finished.

    Raises:
        Exception: whatever the database driver raises when the connection is lost. Jobs that were running are
            run again, by whoever notices that they have fallen silent.
    """
    async with _connection(tools.sessions) as connection:
        turns = Turns(AsyncpgDriver(connection), share=JOBS_OF_A_TENANT_MAX)
        manager = QueueManager(turns)
        manager.min_dequeue_poll_interval = LOOK_AGAIN_AFTER
        turns.under_way = manager.job_context
        for job in registry.registered().values():
            _register(manager, job, tools)
        stopping = asyncio.create_task(_pass_on(stop, manager.shutdown))
        try:
            await manager.run(
                dequeue_timeout=poll_interval,
                batch_size=BATCH_SIZE,
                max_concurrent_tasks=JOBS_AT_ONCE_MAX,
                heartbeat_timeout=SILENCE_MAX,
            )
        finally:
            stopping.cancel()


def _register(manager: QueueManager, job: Job, tools: Tools) -> None:
    async def execute(queued: QueuedJob) -> None:
        ids = service.decode(queued.payload or b"")
        with structlog.contextvars.bound_contextvars(job=job.name, tenant_id=str(ids.get("tenant_id"))):
            try:
                await job.run(tools, **ids)
            except Exception:
                log.exception("job failed", attempts=queued.attempts + 1, max_attempts=job.max_attempts)
                if job.given_up is not None and queued.attempts + 1 >= job.max_attempts:
                    await job.given_up(tools, **ids)
                raise

    executor = functools.partial(
        DatabaseRetryEntrypointExecutor,
        max_attempts=job.max_attempts - 1,  # pgqueuer counts those after the first
        initial_delay=RETRY_DELAY_MIN,
        max_delay=RETRY_DELAY_MAX,
    )
    manager.entrypoint(job.name, on_failure="hold", accepts_context=False, executor_factory=executor)(execute)


async def _pass_on(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()


@contextlib.asynccontextmanager
async def _connection(sessions: Sessions) -> AsyncGenerator[asyncpg.Connection]:
    """The driver's own connection, taken out of the pool for good, as pgqueuer listens on it."""
    async with sessions() as db:
        connection = await db.connection()
        try:
            driver_connection = (await connection.get_raw_connection()).driver_connection
            if not isinstance(driver_connection, asyncpg.Connection):
                raise TypeError(f"pgqueuer needs asyncpg, not {type(driver_connection)}")
            yield driver_connection
        finally:
            await connection.invalidate()
