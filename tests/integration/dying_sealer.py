"""A worker that is killed while it links: `python -m tests.integration.dying_sealer URL N`.

In the transaction of the N-th batch it has written links, has not committed, and sends SIGKILL to itself.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from service.audit import drive, store
from service.audit.domain import Link
from service.audit.drive import Sealer
from service.clock import SystemClock
from service.db import TenantSession, create_engine, create_sessions
from service.ids import AuditRecordId
from service.telemetry import Metrics


async def main(url: str, lives: int) -> None:
    seen = 0
    add_links = store.add_links

    async def dying(session: TenantSession, links: Sequence[tuple[AuditRecordId, Link]]) -> None:
        nonlocal seen
        await add_links(session, links)
        seen += 1
        if seen == lives:
            os.kill(os.getpid(), signal.SIGKILL)

    store.add_links = dying
    sessions = create_sessions(create_engine(url, pool_size=2))
    sealer = Sealer(sessions, SystemClock(), drive.gauge(Metrics()), asyncio.Event())
    while await sealer.round():
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
