"""A repinning whose process is killed: `python -m tests.api.dying_repinner URL TENANT REPINNING N`.

Each request is matched twice: to foresee what changes, and when its event is written. At the N-th match the
process sends SIGKILL to itself, in the middle of the transaction.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from uuid import UUID

from service import composition
from service.clock import SystemClock
from service.db import create_engine, create_sessions
from service.jobs.registry import Tools
from service.requests.repinning import jobs
from service.rules.matching import Matches, RuleSet
from service.rules.reference import ReferenceEngine
from service.rules.service import Rulebook


class DyingEngine(ReferenceEngine):
    """Matches as the reference does, so many times."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self._lives = lives

    async def match(self, ruleset: RuleSet, facts: Mapping[str, object]) -> Matches:
        self._lives -= 1
        if self._lives == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().match(ruleset, facts)


async def main(url: str, tenant: str, repinning: str, lives: int) -> None:
    engine = create_engine(url, pool_size=2)
    rulebook = composition.rulebook(DyingEngine(lives))
    tools = Tools(create_sessions(engine), SystemClock(), {Rulebook: rulebook})
    await jobs.repin(tools, tenant_id=UUID(tenant), repinning_id=UUID(repinning))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
