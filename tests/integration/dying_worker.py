"""A worker that is killed in the middle of a transaction: `python -m tests.integration.dying_worker URL N`.

At the N-th wake-up it has written what follows from it, has not committed, and sends SIGKILL to itself.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from uuid import UUID

from service import worker
from service.db import TenantSession, create_engine, create_sessions
from service.settings import Settings
from tests.factories import VAULT
from tests.integration import subjects


async def main(url: str, lives: int) -> None:
    seen = 0

    async def advance(session: TenantSession, subject_id: UUID, /, *, now: datetime) -> None:
        nonlocal seen
        await subjects.tell(session, subject_id, now=now)
        seen += 1
        if seen == lives:
            os.kill(os.getpid(), signal.SIGKILL)

    sessions = create_sessions(create_engine(url, pool_size=8))
    await worker.run(
        Settings.model_validate({}),
        sessions,
        vault=VAULT,
        advances={subjects.KIND: advance},
        stop=asyncio.Event(),
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
