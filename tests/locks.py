"""Tells when somebody waits for a lock, so that a test can let go of it then, not merely a while later."""

import asyncio

from sqlalchemy import text

from service.db import Sessions

WAITING = text(
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
PATIENCE_SECONDS = 10
POLL_SECONDS = 0.005


async def is_waited_for(sessions: Sessions) -> None:
    """Return once a transaction waits for a lock that another one has. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with sessions.begin() as db:
                if (await db.execute(WAITING)).scalar_one():
                    return
            await asyncio.sleep(POLL_SECONDS)
