"""Records what must be known although the request that it belongs to is undone: who was refused, and why.

Each has a transaction of its own. A flood of refusals becomes a count, not a flood of rows.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.audit import service
from service.audit.domain import Actor, Deed
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import TenantId

NOT_NOW = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a database that is gone, or too busy, is met with."""

TimeOf = Callable[[TenantSession], Awaitable[datetime]]
"""What time it is for a tenant."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Witness:
    """Writes down, in a transaction of its own. One per process.

    Attributes:
        time_of: what time it is for a tenant.
    """

    sessions: Sessions
    time_of: TimeOf

    async def note(self, tenant_id: TenantId, actor: Actor, deed: Deed) -> None:
        """Record a refusal, or a failed log-in. Call it when the request's own transaction has ended.

        What cannot be recorded is logged: the answer stays what it is.
        """
        try:
            async with tenant_transaction(self.sessions, tenant_id) as session:
                now = await self.time_of(session)
                await service.record(session, actor, deed, now=now)
        except NOT_NOW as error:
            log.error(  # noqa: TRY400 - the reason is enough, and a traceback quotes rows
                "not recorded",
                tenant_id=str(tenant_id),
                actor=actor.name,
                action=deed.action,
                subject=deed.subject,
                reason=type(error).__name__,
            )
