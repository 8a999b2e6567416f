"""How late wake-ups fire with a million promises open, and what it costs to find the few that are due.

Worker processes of their own, on rows as the service writes them: one request of each tenant is made by the
service, the others are copies of it with ids and times of their own. A wake-up counts as fired when the
transaction that tells of it has committed, by PostgreSQL's own record of that.
"""

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import asyncpg
import uvloop
from sqlalchemy import Table, make_url

from service import embedded, ids, operations, schema
from service.calendars import service as calendars
from service.clock import SystemClock
from service.commitments import service as commitments
from service.commitments import store as commitments_store
from service.commitments.domain import CalendarKey, WorkingTarget, usual_terms
from service.db import Sessions, create_engine, create_sessions, tenant_transaction
from service.embedded import EmbeddedDatabase
from service.ids import CommitmentId, RequestId, TenantId
from service.operations import NewTenant
from service.platform import platform_transaction
from service.requests.models import RequestRow
from service.wakeups import store as wakeups_store
from tests import factories

TARGET = timedelta(days=40)
"""Longer than it takes until the last promise is due: all of them began in the past."""

PROMISES_OF_A_REQUEST = ("respond", "resolve")
ROUND_THE_CLOCK = {
    "tz": "Europe/Berlin",
    "weekly": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
}
EXPONENT = 0.8
"""Of the sizes of tenants, by Zipf: of 200, the largest has a twentieth of all promises."""

FEW = 10_000
DUE_WHEN_FINDING = 200
WINDOW = timedelta(minutes=1)
PATIENCE = timedelta(minutes=10)
RATIO_GOAL, P50_GOAL, P99_GOAL = 1.5, 0.5, 5.0

PLAN = """
create temp table plan (
    tenant_id uuid, template_id uuid, template_request_id uuid,
    request_id uuid, commitment_id uuid, due_at timestamptz, leads boolean
)
"""
INTO_WAKE_UPS = (
    "insert into wake_up (tenant_id, subject_kind, subject_id, generation, fire_at, sandbox, attempts)"
)
WAKE_UPS_OF_PLAN = (
    f"{INTO_WAKE_UPS} select tenant_id, 'commitment', commitment_id, 1,"  # noqa: S608 - constants
    " due_at + interval '1 microsecond', false, 0 from plan"
)
FIRED = """
select occurred_at as due_at, pg_xact_commit_timestamp((tx % 4294967296)::text::xid) as fired_at from event
where type = 'commitment.broken' and occurred_at >= $1 and occurred_at < $2 order by 2
"""
LEFT = "select count(*) from wake_up where fire_at < $1"


@dataclass(frozen=True)
class Template:
    """A request of a tenant with its promises, as the service made them."""

    tenant_id: TenantId
    request_id: RequestId
    promises: tuple[CommitmentId, ...]


@dataclass(frozen=True)
class Site:
    """One database, as the service connects to it and as a superuser, who loads it and looks."""

    sessions: Sessions
    superuser: Any  # asyncpg has no types
    url: str


async def measure(folder: Path, *, promises: int, tenants: int, due: int, workers: int) -> bool:
    """Print what was seen; is it as it should be?"""
    await _record_commits(folder)
    async with AsyncExitStack() as stack:
        small = await stack.enter_async_context(embedded.running(folder / "data"))
        templates = await _templates(small, tenants)
        large = await embedded.clone(small, name="large")
        few, many = [await stack.enter_async_context(_site(each)) for each in (small, large)]
        for site, count in ((few, FEW), (many, promises)):
            began = perf_counter()
            await _load(site, templates, count, due_from=SystemClock().now() + timedelta(days=1))
            print(f"{count:,} open promises of {tenants} tenants loaded in {perf_counter() - began:.0f} s")
        good = await _finding(few, many, templates)
        async with _workers(many, workers, folder):
            await _drain(many, templates, due, workers)
            return await _minute(many, templates, due, workers) and good


async def _record_commits(folder: Path) -> None:
    """Have PostgreSQL keep when each transaction committed, which it only does after a restart."""
    async with embedded.running(folder / "data") as database:
        await schema.upgrade(database.owner_url)
        superuser = await _connect(database)
        await superuser.execute("alter system set track_commit_timestamp = on")
        await superuser.close()


async def _templates(database: EmbeddedDatabase, tenants: int) -> list[Template]:
    engine = create_engine(database.app_url, pool_size=1)
    sessions = create_sessions(engine)
    found = [await _template(sessions, f"tenant-{number}") for number in range(tenants)]
    await engine.dispose()
    return found


async def _template(sessions: Sessions, slug: str) -> Template:
    clock = SystemClock()
    tenant = await operations.create_tenant(sessions, clock, NewTenant(slug=slug, name=slug))
    now = clock.now()
    async with tenant_transaction(sessions, tenant.id) as session:
        calendar = await calendars.create(
            session, factories.OPERATOR, name="always", raw=ROUND_THE_CLOCK, now=now
        )
        target, key = WorkingTarget(int(TARGET.total_seconds())), CalendarKey(str(calendar.current.id))
        terms = [usual_terms(metric, target, calendar=key) for metric in PROMISES_OF_A_REQUEST]
        request_id = await factories.request(session, opened_at=now)
        made = await commitments.promise(session, [factories.offer(request_id, *terms, at=now)], now=now)
    return Template(tenant.id, request_id, tuple(promise.id for promise in made))


@asynccontextmanager
async def _site(database: EmbeddedDatabase) -> AsyncGenerator[Site]:
    engine = create_engine(database.app_url, pool_size=2)
    superuser = await _connect(database)
    await superuser.execute("set session_replication_role = replica; set synchronous_commit = off")
    await superuser.execute(PLAN)
    yield Site(create_sessions(engine), superuser, database.app_url)
    await superuser.close()
    await engine.dispose()


async def _connect(database: EmbeddedDatabase) -> Any:
    name = make_url(database.app_url).database
    url = make_url(database.superuser_url).set(drivername="postgresql", database=name)
    driver: Any = asyncpg
    return await driver.connect(url.render_as_string(hide_password=False))


async def _load(
    site: Site,
    templates: Sequence[Template],
    count: int,
    *,
    due_from: datetime,
    within: timedelta = timedelta(days=30),
) -> None:
    """Add promises that are due in this time, and their wake-ups."""
    records = list(_planned(templates, count, due_from, within))
    async with site.superuser.transaction():
        await site.superuser.execute("truncate plan")
        await site.superuser.copy_records_to_table("plan", records=records)
        for statement in _copying():
            await site.superuser.execute(statement, TARGET)
        await site.superuser.execute(WAKE_UPS_OF_PLAN)
    await site.superuser.execute("analyze")


def _planned(
    templates: Sequence[Template], count: int, due_from: datetime, within: timedelta
) -> Iterator[tuple[object, ...]]:
    """The promises: of large tenants and small ones, due evenly over the time and in no order."""
    rng = random.Random(1)  # noqa: S311 test data
    weights = list(accumulate((place + 1) ** -EXPONENT for place in range(len(templates))))
    requests = rng.choices(templates, cum_weights=weights, k=count // len(PROMISES_OF_A_REQUEST))
    places = list(range(len(requests) * len(PROMISES_OF_A_REQUEST)))
    rng.shuffle(places)
    for template in requests:
        request_id = ids.new_id()
        for promise in template.promises:
            due_at = due_from + within * places.pop() / count
            leads = promise == template.promises[0]
            yield template.tenant_id, promise, template.request_id, request_id, ids.new_id(), due_at, leads


def _copying() -> list[str]:
    """Statements that copy the templates' rows: $1 is how long a promise runs."""
    started = "plan.due_at - $1::interval"
    changes: list[tuple[Table, Mapping[str, str], str]] = [
        (
            cast("Table", RequestRow.__table__),
            {"id": "plan.request_id", "external_id": "plan.request_id::text"}
            | dict.fromkeys(("opened_at", "received_at"), started),
            "t.id = plan.template_request_id and plan.leads",
        ),
        (
            commitments_store.COMMITMENTS,
            {"id": "plan.commitment_id", "request_id": "plan.request_id", "due_at": "plan.due_at"}
            | dict.fromkeys(("started_at", "looked_at"), started),
            "t.id = plan.template_id",
        ),
        (
            commitments_store.ENTRIES,
            {"id": "gen_random_uuid()", "commitment_id": "plan.commitment_id"}
            | {"request_id": "plan.request_id", "entry_id": "plan.request_id"}
            | dict.fromkeys(("occurred_at", "received_at"), started),
            "t.commitment_id = plan.template_id",
        ),
    ]
    return [_copied(table, changed, where) for table, changed, where in changes]


def _copied(table: Table, changed: Mapping[str, str], where: str) -> str:
    names = [column.name for column in table.columns if column.computed is None]
    values = ", ".join(changed.get(name, f"t.{name}") for name in names)
    return (
        f"insert into {table.name} ({', '.join(names)}) select {values}"  # noqa: S608 - names of ours
        f" from plan join {table.name} t on t.tenant_id = plan.tenant_id and {where}"
    )


async def _finding(few: Site, many: Site, templates: Sequence[Template]) -> bool:
    """What finding due work costs among many promises, as a multiple of the cost among few."""
    now = SystemClock().now()
    for site in (few, many):
        await site.superuser.executemany(
            f"{INTO_WAKE_UPS} values ($1, 'bench', $2, 1, $3, false, 0)",
            [
                (templates[number % len(templates)].tenant_id, ids.new_id(), now)
                for number in range(DUE_WHEN_FINDING)
            ],
        )
        await site.superuser.execute("analyze wake_up")
    seconds: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(60):
        seconds["few"].append(await _find(few))
        seconds["many"].append(await _find(many))
    for site in (few, many):
        await site.superuser.execute("delete from wake_up where subject_kind = 'bench'")
    before, after = (statistics.median(seconds[which][10:]) for which in ("few", "many"))
    print(
        f"finding the tenant that waits longest and claiming its batch, {DUE_WHEN_FINDING} wake-ups due:"
        f" {before * 1e3:.2f} ms of {FEW:,}, {after * 1e3:.2f} ms of all:"
        f" {after / before:.2f} times (goal {RATIO_GOAL})"
    )
    return after / before <= RATIO_GOAL


async def _find(site: Site) -> float:
    """How long a round takes to find a tenant and to claim what it has due, which is given back."""
    began = perf_counter()
    async with platform_transaction(site.sessions) as platform:
        tenants = await wakeups_store.due_tenants(platform, limit=64)
    async with tenant_transaction(site.sessions, tenants[0]) as session:
        claimed = await wakeups_store.claim(session, limit=20)
        spent = perf_counter() - began
        await wakeups_store.release(session, claimed)
    if not claimed:
        raise RuntimeError("nothing was due")
    return spent


@asynccontextmanager
async def _workers(site: Site, count: int, folder: Path) -> AsyncGenerator[None]:
    with (folder / "workers.log").open("ab") as log:
        started = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", "worker"),
                env={
                    "ROOTED_DATABASE_URL": embedded.over_tcp(site.url),
                    "ROOTED_MASTER_KEYS": operations.new_master_key(),
                    "ROOTED_LOG_LEVEL": "warning",
                },
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )
            for _ in range(count)
        ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            await process.wait()


async def _drain(site: Site, templates: Sequence[Template], due: int, workers: int) -> None:
    """How fast a backlog is worked off: the rate at which the machine keeps up."""
    since = SystemClock().now() - WINDOW
    await _load(site, templates, due // 2, due_from=since, within=WINDOW)
    fired = await _fired(site, since)
    spent = fired[-1][1] - fired[0][1]
    print(
        f"a backlog of {len(fired):,}: {len(fired) / spent.total_seconds():,.0f} wake-ups a second"
        f" by {workers} workers"
    )


async def _minute(site: Site, templates: Sequence[Template], due: int, workers: int) -> bool:
    """How late wake-ups fire that are due one after the other within a minute."""
    since = SystemClock().now() + timedelta(seconds=15)
    await _load(site, templates, due, due_from=since, within=WINDOW)
    late = sorted((fired_at - due_at).total_seconds() for due_at, fired_at in await _fired(site, since))
    p50, p99 = (statistics.quantiles(late, n=100)[percent - 1] for percent in (50, 99))
    early = sum(each < 0 for each in late)
    print(
        f"{len(late):,} due within {WINDOW.total_seconds():.0f} s, {workers} workers: {early} early;"
        f" late p50 {p50:.2f} s (goal {P50_GOAL}), p99 {p99:.2f} s (goal {P99_GOAL}), most {late[-1]:.2f} s"
    )
    return len(late) == due and early == 0 and p50 <= P50_GOAL and p99 <= P99_GOAL


async def _fired(site: Site, since: datetime) -> list[tuple[datetime, datetime]]:
    """When each wake-up of this window was due and had fired, in the order of firing, once none is left.

    Only the database knows that, so it is asked again and again.
    """
    until = since + WINDOW
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while await site.superuser.fetchval(LEFT, until):  # noqa: ASYNC110 - a database sets no events
            await asyncio.sleep(0.2)
    return [(row["due_at"], row["fired_at"]) for row in await site.superuser.fetch(FIRED, since, until)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promises", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--due", type=int, default=10_000, help="how many are due within a minute")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rooted-bench-"))
    folder.chmod(0o711)
    try:
        good = uvloop.run(measure(folder, **vars(arguments)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
