"""Records what must be known although the request that it belongs to is undone: who was refused, and why.

Each record has a transaction of its own. A flood of refusals becomes a count, not a flood of rows: of one
actor and one action a few in a minute are recorded one by one, the others by one record that says how many.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.audit import service
from service.audit.domain import Actor, Deed
from service.audit.tally import Repeated, Tally
from service.clock import Clock
from service.db import Sessions, TenantSession, tenant_transaction
from service.ids import TenantId

EACH_MAX = 5
"""How many refusals of one actor, with the same action, are recorded one by one in a minute."""

NOT_NOW = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a database that is gone, or too busy, is met with."""

TimeOf = Callable[[TenantSession], Awaitable[datetime]]
"""What time it is for a tenant."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be recorded, and in whose trail."""

    tenant_id: TenantId
    actor: Actor
    deed: Deed

    @property
    def kind(self) -> tuple[TenantId, str, str]:
        """What is counted together, wherever it comes from."""
        return self.tenant_id, self.actor.name, self.deed.action


class Witness:
    """Writes down what happened in a request that is undone. One per process."""

    def __init__(self, sessions: Sessions, clock: Clock, time_of: TimeOf) -> None:
        self._sessions = sessions
        self._clock = clock
        self._time_of = time_of
        self._tally: Tally[tuple[TenantId, str, str], Note] = Tally()

    async def note(self, tenant_id: TenantId, actor: Actor, deed: Deed, *, each_max: int = EACH_MAX) -> None:
        """Record a refusal, or count it if there were many. Call it when the request's transaction has ended.

        What cannot be recorded is logged: the answer stays what it is.

        Args:
            tenant_id: in whose trail.
            actor: who was refused.
            deed: what, and why; the action says what is counted together.
            each_max: how many of this actor and action are recorded one by one in a minute.
        """
        note = Note(tenant_id, actor, deed)
        tell, due = self._tally.note(note.kind, note, each_max=each_max, now=self._clock.now())
        await self._write([*_summaries(due), *([note] if tell else [])])

    async def settle(self, *, all_of_them: bool = False) -> None:
        """Record how often what was only counted has happened: in the minutes that are over, or till now."""
        await self._write(_summaries(self._tally.settle(None if all_of_them else self._clock.now())))

    async def _write(self, notes: Sequence[Note]) -> None:
        by_tenant: dict[TenantId, list[Note]] = {}
        for note in notes:
            by_tenant.setdefault(note.tenant_id, []).append(note)
        for tenant_id, theirs in by_tenant.items():
            await self._write_for(tenant_id, theirs)

    async def _write_for(self, tenant_id: TenantId, notes: Sequence[Note]) -> None:
        try:
            async with tenant_transaction(self._sessions, tenant_id) as session:
                now = await self._time_of(session)
                for note in notes:
                    await service.record(session, note.actor, note.deed, now=now)
        except NOT_NOW as error:
            reason = type(error).__name__
            for note in notes:
                log.error("not recorded", **_told(note), reason=reason)  # noqa: TRY400 - a traceback quotes rows


def _summaries(repeated: Sequence[Repeated[Note]]) -> list[Note]:
    """One record for what was only counted: the last of it, and how often it happened."""
    return [
        replace(
            each.last, deed=replace(each.last.deed, after={**each.last.deed.after, "repeated": each.times})
        )
        for each in repeated
    ]


def _told(note: Note) -> Mapping[str, object]:
    return {
        "tenant_id": str(note.tenant_id),
        "actor": note.actor.name,
        "action": note.deed.action,
        "subject": note.deed.subject,
        "after": dict(note.deed.after),
    }
