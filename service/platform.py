"""Transactions in which no tenant is known yet; row security hides all but platform tables."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from service.db import Sessions

PLATFORM_TABLES = frozenset(
    {
        "alarm_tally",
        "alembic_version",
        "audit_unlinked",
        "auditor_round",
        "log_in_failure",
        "login_deed",
        "login_session",
        "mail",
        "membership",
        "password_reset",
        "password_reset_request",
        "person",
        "platform_alarm",
        "recovery_code",
        "signing_key",
        "tenant",
        "tenant_in_clear",
        "wake_up",
        "worker_beat",
    }
)
"""Tables without row security: what must be read before, or across, tenants. pgqueuer's are its own."""


@dataclass(frozen=True, slots=True)
class PlatformSession:
    """A transaction without a tenant."""

    db: AsyncSession


@asynccontextmanager
async def platform_transaction(sessions: Sessions) -> AsyncGenerator[PlatformSession]:
    async with sessions.begin() as db:
        yield PlatformSession(db)
