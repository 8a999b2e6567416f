"""What both composition roots are made of: the kinds of policy, who looks at what wakes, the rules engine."""

import os
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from service.commitments import service as commitments
from service.commitments.forecasting import service as forecasting
from service.commitments.renegotiation import service as renegotiations
from service.db import TenantSession
from service.escalations.runs import service as runs
from service.mail import domain as mail_domain
from service.mail.errors import SenderMalformed
from service.mail.sender import FolderPost, Post, SmtpPost, SmtpServer
from service.people.domain import Lifetimes
from service.rationalization.approvals import service as approvals
from service.rationalization.arrangements import service as arrangements
from service.rationalization.specials import service as specials
from service.requests import approving, escalating, excepting, neighbours, rationalizing, renegotiating
from service.requests.kinds import KINDS
from service.requests.maintenance import service as maintenance
from service.requests.major_incidents import service as major_incidents
from service.rules import meters, publishing, recording, vetting
from service.rules.frames import Limits
from service.rules.library import Library
from service.rules.matching import Engine
from service.rules.pool import DurablePool, PoolLimits
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook
from service.settings import Settings
from service.telemetry import Metrics
from service.wakeups.service import Advance

BACKTEST_PROCESSES_MAX = 4


async def _held(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """Nothing is decided anew by it, so that no engine is asked."""
    await maintenance.look(session, subject_id, rulebook=rulebook(ReferenceEngine()), now=now)


async def _climbed(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """A step that gives a request to another group has it decided anew."""
    await escalating.advance(session, subject_id, rulebook=rulebook(ReferenceEngine()), now=now)


async def _approved(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """What follows from an approval that expired asks no engine."""
    await approving.advance(session, subject_id, rulebook=rulebook(ReferenceEngine()), now=now)


async def _arranged(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
    """What follows from a verdict may have a request decided anew."""
    await rationalizing.advance(session, subject_id, rulebook=rulebook(ReferenceEngine()), now=now)


ADVANCES: Mapping[str, Advance] = {
    approvals.SUBJECT_KIND: _approved,
    arrangements.SUBJECT_KIND: _arranged,
    commitments.SUBJECT_KIND: escalating.look_at_promise,
    runs.AFFAIR_KIND: escalating.look_at_request,
    runs.SUBJECT_KIND: _climbed,
    forecasting.SUBJECT_KIND: forecasting.advance,
    maintenance.REQUEST_KIND: _held,
    maintenance.SUBJECT_KIND: maintenance.advance,
    major_incidents.SUBJECT_KIND: major_incidents.advance,
    neighbours.SUBJECT_KIND: neighbours.advance,
    recording.SUBJECT_KIND: publishing.advance,
    renegotiations.SUBJECT_KIND: renegotiating.advance,
    specials.SUBJECT_KIND: excepting.advance,
}
"""What is looked at again when its wake-up fires, by kind of subject."""


def lifetimes(settings: Settings) -> Lifetimes:
    """How long people stay logged in."""
    return Lifetimes(absolute=settings.log_in_ttl, idle=settings.log_in_idle)


@asynccontextmanager
async def rules_engine(settings: Settings, metrics: Metrics) -> AsyncGenerator[Engine]:
    """The engine that decides, with its child processes, if it has any, until the block ends."""
    reference = ReferenceEngine()
    if settings.rules_engine == "reference":
        yield reference
        return
    pool = DurablePool(
        reference=reference,
        sample=random.random,
        limits=PoolLimits(children=settings.rules_children),
        child_limits=Limits.shared_by(settings.rules_children),
    )
    meters.watch(pool, metrics)
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


def rulebook(engine: Engine) -> Rulebook:
    vet = vetting.vet if isinstance(engine, DurablePool) else None
    return Rulebook(engine, KINDS, Library(), vet)


def backtest_processes(settings: Settings) -> int:
    """In how many processes a worker judges past requests."""
    return settings.backtest_processes or min(os.cpu_count() or 1, BACKTEST_PROCESSES_MAX)


def post(settings: Settings) -> Post | None:
    """What takes mail away: the SMTP server, else files in the data folder, else nothing.

    Raises:
        SmtpAddressMalformed, SenderMalformed
    """
    if not mail_domain.is_address(settings.mail_from):
        raise SenderMalformed(settings.mail_from)
    if settings.smtp_url is not None:
        return SmtpPost(SmtpServer.of(settings.smtp_url.get_secret_value()))
    return None if settings.data_dir is None else FolderPost(settings.data_dir / "mail")
