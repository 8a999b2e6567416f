"""Is the service alive, and can it work? For load balancers and operators; open to all, without secrets."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from asyncpg import PostgresError
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service import schema
from service.auditor import service as auditor
from service.auditor.domain import SILENCE_MAX
from service.auditor.models import Rounds
from service.clock import Clock
from service.db import Sessions
from service.platform import PlatformSession, platform_transaction
from service.telemetry import METRICS_TYPE, Metrics
from service.wakeups import service as wakeups

ANSWER_WITHIN = timedelta(seconds=2)
SKEW_MAX = timedelta(seconds=2)
"""How far the database's clock and this process's may differ before promises would be judged wrongly."""

DATABASE_NOW = text("select clock_timestamp()")


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    ok: bool
    detail: str


class Liveness(msgspec.Struct, frozen=True):
    status: Literal["alive"]


class ReadinessView(msgspec.Struct, frozen=True):
    """Ready, when every check is."""

    status: Literal["ready", "not ready"]
    checks: dict[str, Check]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is looked at to see whether requests can be worked on.

    Attributes:
        head: the revision of the schema that this program needs.
    """

    sessions: Sessions
    clock: Clock
    head: str

    async def examine(self) -> dict[str, Check]:
        """Look at the database, its revision, its clock, its wake-ups and its auditor."""
        try:
            async with (
                asyncio.timeout(ANSWER_WITHIN.total_seconds()),
                platform_transaction(self.sessions) as session,
            ):
                return await self._examined(session)
        except (SQLAlchemyError, PostgresError, OSError, TimeoutError) as error:
            return {"database": Check(ok=False, detail=f"does not answer: {type(error).__name__}")}

    async def _examined(self, session: PlatformSession) -> dict[str, Check]:
        before = self.clock.now()
        database_now = (await session.db.execute(DATABASE_NOW)).scalar_one()
        between = before + (self.clock.now() - before) / 2
        revision = check_revision(await schema.revision(session.db), self.head)
        checks = {
            "database": Check(ok=True, detail="answers"),
            "migrations": revision,
            "clock": check_skew(database_now, between),
        }
        if revision.ok:
            checks["wake_ups"] = check_lateness(await wakeups.lateness(session))
            checks["auditor"] = check_rounds(await auditor.rounds(session))
        return checks


def check_skew(database_now: datetime, process_now: datetime) -> Check:
    skew = abs(database_now - process_now)
    return Check(skew <= SKEW_MAX, f"{skew.total_seconds():.3f} s between the database's clock and ours")


def check_revision(found: str | None, expected: str) -> Check:
    if found == expected:
        return Check(ok=True, detail=f"revision {expected}")
    return Check(ok=False, detail=f"revision {found}, but {expected} is needed: run `rooted migrate`")


def check_lateness(lateness: timedelta) -> Check:
    """Late wake-ups are shown and do not fail: they are the worker's, and refusing requests mends nothing."""
    return Check(ok=True, detail=f"the oldest due wake-up has waited {lateness.total_seconds():.3f} s")


def check_rounds(rounds: Rounds | None) -> Check:
    """Nobody can say that all is well unless the auditor can; what it finds wrong for every tenant fails."""
    if rounds is None:
        return Check(ok=True, detail="no round was begun yet")
    if rounds.silence > SILENCE_MAX:
        because = "" if rounds.failure is None else f"; the last one failed: {rounds.failure}"
        return Check(ok=False, detail=f"no good round for {rounds.silence.total_seconds():.0f} s{because}")
    if rounds.alarms:
        found = "; ".join(f"{kind}: {detail}" for kind, detail in sorted(rounds.alarms.items()))
        return Check(ok=False, detail=found)
    return Check(ok=True, detail=f"the last good round ended {rounds.silence.total_seconds():.0f} s ago")


class HealthController(Controller):
    tags = ("Health",)

    @get("/livez", operation_id="getLiveness")
    async def livez(self) -> Liveness:
        """Say that the process answers. Asks nobody else."""
        return Liveness("alive")

    @get(
        "/readyz",
        operation_id="getReadiness",
        responses={503: ResponseSpec(ReadinessView, description="Not ready: a check says why.")},
    )
    async def readyz(self, readiness: NamedDependency[Readiness]) -> Response[ReadinessView]:
        """Say whether requests can be worked on, with each check."""
        checks = await readiness.examine()
        ready = all(check.ok for check in checks.values())
        view = ReadinessView("ready" if ready else "not ready", checks)
        return Response(view, status_code=200 if ready else 503)

    @get("/metrics", operation_id="getMetrics", media_type=METRICS_TYPE)
    async def metrics(self, metrics: NamedDependency[Metrics]) -> bytes:
        """The metrics of this process, for Prometheus."""
        return metrics.exposition()
