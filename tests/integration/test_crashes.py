"""kill -9 of the worker, the rules child and PostgreSQL during a replay, with a reader that tails the feed.

Nothing accepted is lost, no wake-up is lost, no event is doubled, and the reader misses none.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from service import operations, serving
from service.clock import SystemClock
from service.operations import NewTenant
from service.replay import commands, demo, run
from service.replay.client import Access, Client, key_of, open_http
from service.replay.commands import Prepared
from service.replay.run import Pace
from service.settings import Settings
from service.tenants.domain import SCOPES, Approval

pytestmark = pytest.mark.concurrent

Document = dict[str, Any]

TAKEOVER_MAX = timedelta(seconds=20)
SETTLED_SECONDS = 60
WORKERS = 2
LIVE_POLICY = {
    "rules": [
        {
            "id": "soon",
            "when": "true",
            "because": "Everything is promised within three seconds.",
            "then": {
                "promises": [
                    {
                        "metric": "resolve",
                        "target": {"unit": "elapsed_time", "seconds": 3},
                        "warn_before_seconds": 1,
                    }
                ]
            },
        }
    ]
}


@dataclass
class Site:
    """A server without a worker, and workers of their own, on one embedded database."""

    folder: Path
    url: str = ""
    server: Process | None = None
    workers: list[Process] = field(default_factory=list[Process])

    async def start(self) -> None:
        self.server = await self._spawn("serve", "--port", "0", "--no-worker", output=PIPE)
        assert self.server.stdout is not None
        line = (await self.server.stdout.readline()).decode()
        assert line, (self.folder / "log").read_text()
        self.url = line.split()[-1]
        self.workers = [await self._spawn("worker") for _ in range(WORKERS)]

    async def stop(self) -> None:
        processes = [*self.workers, *([] if self.server is None else [self.server])]
        for process in processes:
            if process.returncode is None:
                process.terminate()
        for process in processes:
            await process.wait()

    async def kill_worker(self) -> None:
        killed = self.workers.pop(0)
        killed.kill()
        await killed.wait()
        self.workers.append(await self._spawn("worker"))

    async def kill_rules_child(self) -> None:
        assert self.server is not None
        for pid in _pids(lambda command: b"service.rules.child" in command, parent=self.server.pid):
            os.kill(pid, signal.SIGKILL)

    async def kill_postgres(self) -> None:
        """The postmaster alone, as the out-of-memory killer would; its children end with it."""
        place = os.fsencode(self.folder)
        for pid in _pids(lambda command: b"/postgres\0" in command and place in command):
            os.kill(pid, signal.SIGKILL)

    async def _spawn(self, *command: str, output: int = DEVNULL) -> Process:
        with (self.folder / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", *command),
                env={"ROOTED_DATA_DIR": str(self.folder / "data"), "ROOTED_LOG_LEVEL": "warning"},
                stdin=DEVNULL,
                stdout=output,
                stderr=log,
            )


def _pids(wanted: Callable[[bytes], bool], *, parent: int | None = None) -> list[int]:
    """Processes whose command line is wanted."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if wanted(command) and parent in (None, ppid):
            found.append(int(entry.name))
    return found


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder that the server's account can enter; pytest's own cannot be."""
    path = Path(tempfile.mkdtemp(prefix="rooted-crash-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def site(folder: Path) -> AsyncGenerator[Site]:
    site = Site(folder)
    try:
        await site.start()
        yield site
    finally:
        await site.stop()


@asynccontextmanager
async def _client(site: Site, slug: str, *, sandbox_at: datetime | None) -> AsyncGenerator[Client]:
    """A client of a new tenant."""
    settings = Settings.model_validate({"data_dir": site.folder / "data"})
    async with serving.opened(settings, data_folder=site.folder / "data", pool_size=1) as sessions:
        clock = SystemClock()
        await operations.create_tenant(
            sessions,
            clock,
            NewTenant(slug=slug, name=slug, sandbox_at=sandbox_at, approval=Approval.GIT),
        )
        credentials = await operations.create_application(
            sessions, clock, tenant=slug, name="test", scopes=tuple(SCOPES)
        )
    access = Access(
        base_url=site.url, client_id=credentials.client_id, client_secret=credentials.client_secret
    )
    async with open_http(site.url, connections=run.CONCURRENCY) as http:
        yield Client(http, access)


class Tail:
    """Reads the feed as it grows."""

    def __init__(self, client: Client) -> None:
        self.seen: list[Document] = []
        self._client = client
        self._cursor: dict[str, str] = {}
        self._ending = asyncio.Event()

    async def follow(self) -> None:
        """Read until `end` was called and nothing more comes."""
        while True:
            ending = self._ending.is_set()
            part = await self._client.fetch("/v1/events", Document, limit=200, **self._cursor)
            self.seen += part["items"]
            self._cursor = {"cursor": part["next"]}
            if part["more"]:
                continue
            if ending:
                return
            await asyncio.wait([asyncio.create_task(self._ending.wait())], timeout=0.05)

    def end(self) -> None:
        self._ending.set()


class Chaos:
    """Kills each victim so many times, evenly over the steps of a replay."""

    def __init__(self, site: Site, *, kills: int, steps: int, live: Client) -> None:
        self.submitted = 0
        self._victims = [site.kill_worker, site.kill_rules_child, site.kill_postgres] * kills
        self._every = max(1, steps // (len(self._victims) + 1))
        self._steps = 0
        self._live = live
        self._tasks: list[asyncio.Task[None]] = []

    def advance(self, count: int, /) -> None:
        self._steps += count
        while self._victims and self._steps >= self._every * (len(self._tasks) + 1):
            self._tasks.append(asyncio.create_task(self._strike(self._victims.pop(0))))

    async def _strike(self, kill: Callable[[], Any]) -> None:
        """Let something fall due in a live tenant, and kill."""
        self.submitted += 1
        body = {"source": "chaos", "external_id": str(self.submitted), "type": "incident"}
        answer = await self._live.post("/v1/requests", body, key=key_of("chaos", str(self.submitted)))
        assert answer.problem is None, answer.problem
        await kill()

    async def end(self) -> None:
        while self._victims:
            self._tasks.append(asyncio.create_task(self._strike(self._victims.pop(0))))
        await asyncio.gather(*self._tasks)


@pytest.mark.parametrize(
    ("kills", "cases"), [(1, 25), pytest.param(10, 400, marks=pytest.mark.prove)], ids=["bounded", "full"]
)
async def test_kill_9_loses_nothing_and_doubles_nothing(site: Site, kills: int, cases: int) -> None:
    with commands.prepared(demo.sample(), limit=cases) as prepared:
        at = prepared.clock_at
        async with (
            _client(site, "quiet", sandbox_at=at) as quiet,
            _client(site, "struck", sandbox_at=at) as struck,
            _client(site, "live", sandbox_at=None) as live,
        ):
            await _replay(quiet, prepared, lambda _: None)
            await _publish(live)
            tails = [Tail(struck), Tail(live)]
            following = [asyncio.create_task(tail.follow()) for tail in tails]
            chaos = Chaos(site, kills=kills, steps=prepared.plan.steps.count, live=live)

            await _replay(struck, prepared, chaos.advance)
            await chaos.end()

            await _until_broken(live, chaos.submitted)
            for tail in tails:
                tail.end()
            await asyncio.gather(*following)
            assert await _outcomes(struck) == await _outcomes(quiet)
            assert await _events(struck) == await _events(quiet)
            for tail, client in zip(tails, (struck, live), strict=True):
                _check_feed(tail.seen, [event async for event in _feed(client)])
            _check_live(tails[1].seen, chaos.submitted)


async def _replay(client: Client, prepared: Prepared, advance: Callable[[int], None]) -> None:
    pace = Pace(stopwatch=monotonic, advance=advance)
    report, _ = await run.replay(client, prepared.plan, prepared.setup, pace)
    assert report.refused == 0, report.refusals
    assert report.decided == report.cases


async def _publish(client: Client) -> None:
    body = {"name": "soon", "kind": "commitment", "document": LIVE_POLICY}
    policy = (await client.post("/v1/policies", body, key="policy")).read(Document)
    answer = await client.post(f"/v1/policies/{policy['id']}/publish", {}, key="publish")
    assert answer.problem is None, answer.problem


async def _until_broken(client: Client, count: int) -> None:
    """Wait until every live promise is recorded as broken; how long that may take is part of the proof."""
    async with asyncio.timeout(SETTLED_SECONDS):
        while True:
            broken = [item async for item in client.items("/v1/commitments", Document, outcome="broken")]
            if len(broken) == count:
                return
            await client.wait(0.2)


async def _outcomes(client: Client) -> dict[str, tuple[Any, ...]]:
    """What became of each case."""
    cases = {item["id"]: item["external_id"] async for item in client.items("/v1/requests", Document)}
    keys = ("metric", "outcome", "clock", "due_at", "fulfilled_at", "broken_at", "warned_at")
    return {
        cases[item["request_id"]]: tuple(item[key] for key in keys)
        async for item in client.items("/v1/commitments", Document)
    }


async def _feed(client: Client) -> AsyncGenerator[Document]:
    cursor: dict[str, str] = {}
    more = True
    while more:
        part = await client.fetch("/v1/events", Document, limit=200, **cursor)
        cursor, more = {"cursor": part["next"]}, part["more"]
        for item in part["items"]:
            yield item


async def _events(client: Client) -> Counter[tuple[str, str, str]]:
    """What was told of each case, and when it came about."""
    cases = {item["id"]: item["external_id"] async for item in client.items("/v1/requests", Document)}
    return Counter(
        [
            (cases[event["payload"]["request_id"]], event["type"], event["occurred_at"])
            async for event in _feed(client)
            if event["subject_kind"] != "policy"
        ]
    )


def _check_feed(tailed: list[Document], read_again: list[Document]) -> None:
    """The reader that tailed saw what one sees who reads it all afterwards, in the same order, once."""
    assert [event["id"] for event in tailed] == [event["id"] for event in read_again]
    assert len({event["id"] for event in tailed}) == len(tailed)
    told = Counter((event["subject_id"], event["sequence"]) for event in tailed)
    assert set(told.values()) == {1}


def _check_live(events: list[Document], count: int) -> None:
    """Each live promise was told to be broken, once, and no worker's death delayed that too long.

    A warning that could not be told before the breach is left out.
    """
    told = Counter((event["type"], event["subject_id"]) for event in events)
    assert set(told.values()) == {1}
    assert sum(kind == "commitment.broken" for kind, _ in told) == count
    late = [
        datetime.fromisoformat(event["recorded_at"]) - datetime.fromisoformat(event["occurred_at"])
        for event in events
        if event["type"] in ("commitment.warned", "commitment.broken")
    ]
    assert min(late) >= timedelta(0)
    assert max(late) <= TAKEOVER_MAX, max(late)
