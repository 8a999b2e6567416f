"""What one look of the auditor at one tenant costs, by how many promises are open; does it find lost ones?

The promises are copies of one that the service made, with wake-ups of their own, half of them paused.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from service import embedded, schema
from service.auditor import service
from service.clock import SystemClock
from service.commitments import service as commitments
from service.commitments.domain import ElapsedTarget, usual_terms
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.ids import TenantId
from tests import factories

LOOKS = 20
LOST = 10

COPY = """
insert into commitment (
    tenant_id, id, request_id, client_id, service_id, metric, origin, level, target, cycle, clock, outcome,
    started_at, due_at, flags, looked_at, sequence, silent
)
select
    tenant_id, gen_random_uuid(), request_id, client_id, service_id, metric, origin, level, target, cycle,
    case when n % 2 = 0 then 'paused' else 'running' end, outcome, started_at,
    case when n % 2 = 0 then null else due_at + n * interval '1 second' end,
    flags, looked_at, sequence, silent
from commitment, generate_series(1, :count) n where tenant_id = :tenant and id = :template
"""
WAKE = """
insert into wake_up (tenant_id, subject_kind, subject_id, generation, fire_at, sandbox, attempts)
select tenant_id, 'commitment', id, 1, due_at, false, 0 from commitment
where tenant_id = :tenant and clock = 'running' and id <> :template
"""
LOSE = """
delete from wake_up where ctid = any(array(select ctid from wake_up where tenant_id = :tenant limit :lost))
"""


async def measure(folder: Path, counts: list[int]) -> None:
    async with embedded.running(folder / "data") as database:
        await schema.upgrade(database.owner_url)
        engine = create_engine(database.app_url, pool_size=2)
        sessions = create_sessions(engine)
        medians = [await _measured(sessions, count) for count in counts]
        await engine.dispose()
    print(f"{counts[-1]:,} cost {medians[-1] / medians[0]:.1f} times what {counts[0]:,} do")


async def _measured(sessions: Sessions, count: int) -> float:
    """The median of several looks, in seconds."""
    tenant_id = await _loaded(sessions, count)
    spent: list[float] = []
    for _ in range(LOOKS):
        began = perf_counter()
        standing = await _look(sessions, tenant_id)
        spent.append(perf_counter() - began)
        if standing:
            raise SystemExit(f"{standing} alarms where all is well")
    async with tenant_transaction(sessions, tenant_id) as session:
        await session.db.execute(text(LOSE), {"tenant": tenant_id, "lost": LOST})
    began = perf_counter()
    found = await _look(sessions, tenant_id)
    mending, median = perf_counter() - began, statistics.median(spent)
    print(
        f"{count:>9,} open promises: {median * 1_000:.1f} ms a look (longest {max(spent) * 1_000:.1f} ms);"
        f" {found} of {LOST} lost wake-ups found and mended in {mending * 1_000:.1f} ms"
    )
    return median


async def _look(sessions: Sessions, tenant_id: TenantId) -> int:
    async with tenant_transaction(sessions, tenant_id) as session:
        return await service.look_at_tenant(session)


async def _loaded(sessions: Sessions, count: int) -> TenantId:
    """A tenant with so many open promises, half of them paused."""
    tenant_id, now = (await factories.tenant(sessions)).id, SystemClock().now()
    async with tenant_transaction(sessions, tenant_id) as session:
        request_id = await factories.request(session, opened_at=now)
        terms = usual_terms("resolve", ElapsedTarget(86_400), calendar=None)
        (made,) = await commitments.promise(session, [factories.offer(request_id, terms, at=now)], now=now)
        named = {"tenant": tenant_id, "template": made.id}
        await session.db.execute(text(COPY), {**named, "count": count})
        await session.db.execute(text(WAKE), named)
    return tenant_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promises", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    folder = Path(tempfile.mkdtemp(prefix="rooted-bench-"))
    folder.chmod(0o711)
    try:
        asyncio.run(measure(folder, parser.parse_args().promises))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
