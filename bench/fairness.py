"""What a tenant that floods the API costs the others: their p99 with it, as a multiple of theirs alone.

One server process, a limit of 10 requests/s for each tenant. Three tenants submit 5 requests/s each, a fourth
200/s, in alternating windows of one run, so that whatever else the machine does hits both alike. How long an
answer takes counts from when its request was due, not from when it was sent.
"""

import argparse
import asyncio
import json
import re
import shutil
import statistics
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from httpx2 import AsyncClient

from service import embedded, ids, operations, schema
from service.clock import SystemClock
from service.db import create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.limits.domain.table import APPLICATION_BURST, APPLICATION_RATE, BURST, RATE
from service.operations import Credentials, NewTenant
from service.tenants.domain import SCOPES, Approval

LIMIT_PER_SECOND = 10
QUIET_PER_SECOND = 5
FLOOD_PER_SECOND = 200
QUIET = ("north", "east", "south")
FLOODING = "flood"
LINES_MAX = 64
"""Connections of one tenant; none waits for another's answer."""

GOAL = 1.5
MASTER_KEYS = operations.new_master_key()


@dataclass
class Tally:
    """What a tenant's requests in windows of one kind came to."""

    seconds: list[float] = field(default_factory=list[float])
    statuses: Counter[int] = field(default_factory=Counter[int])

    def quantile(self, percent: int) -> float:
        return statistics.quantiles(self.seconds, n=100)[percent - 1]


class Tenant:
    """Sends one tenant's requests when they are due, over connections that it keeps."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        self._token = token
        self._idle: list[tuple[StreamReader, StreamWriter]] = []
        self._lines = asyncio.Semaphore(LINES_MAX)

    async def window(self, tally: Tally, *, per_second: float, seconds: float, offset: float) -> None:
        """Send for so long, the first request after `offset` seconds."""
        now = asyncio.get_running_loop().time
        began = now() + offset
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(per_second * (seconds - offset))):
                due = began + number / per_second
                await asyncio.sleep(max(0.0, due - now()))
                tasks.create_task(self._ask(tally, due))

    async def _ask(self, tally: Tally, due: float) -> None:
        async with self._lines:
            status = await self._submit()
        tally.seconds.append(asyncio.get_running_loop().time() - due)
        tally.statuses[status] += 1

    async def _submit(self) -> int:
        reader, writer = await self._line()
        name = ids.new_id().hex
        body = json.dumps({"source": "bench", "type": "incident", "external_id": name}).encode()
        writer.write(
            f"POST /v1/requests HTTP/1.1\r\nHost: bench\r\nAuthorization: {self._token}\r\n"
            f"Idempotency-Key: {name}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    async def _line(self) -> tuple[StreamReader, StreamWriter]:
        """A connection that is not in use, and that the server has not closed."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self._place)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def measure(folder: Path, *, rounds: int, seconds: float) -> bool:
    """Print what was seen; is it as it should be?"""
    async with embedded.running(folder / "data") as database:
        await schema.upgrade(database.owner_url)
        credentials = await _tenants(database)
        async with _serving(database, folder) as url:
            tenants = {name: Tenant(url, await _token(url, each)) for name, each in credentials.items()}
            alone, beside = ({name: Tally() for name in tenants} for _ in range(2))
            await _window(
                tenants, {name: Tally() for name in tenants}, flood=True, seconds=seconds
            )  # warms up
            for number in range(rounds):
                for flood in (number % 2 == 0, number % 2 == 1):
                    await _window(tenants, beside if flood else alone, flood=flood, seconds=seconds)
            for tenant in tenants.values():
                tenant.close()
    return report(alone, beside)


async def _window(
    tenants: dict[str, Tenant], tallies: dict[str, Tally], *, flood: bool, seconds: float
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for place, name in enumerate(QUIET):
            sending = tenants[name].window(
                tallies[name],
                per_second=QUIET_PER_SECOND,
                seconds=seconds,
                offset=place / len(QUIET) / QUIET_PER_SECOND,
            )
            tasks.create_task(sending)
        if flood:
            sending = tenants[FLOODING].window(
                tallies[FLOODING], per_second=FLOOD_PER_SECOND, seconds=seconds, offset=0.0
            )
            tasks.create_task(sending)


def report(alone: dict[str, Tally], beside: dict[str, Tally]) -> bool:
    """Print each tenant's figures. Was no quiet tenant refused, and is each ratio within the goal?"""
    print(
        f"{'tenant':8}{'alone p50':>11}{'p99':>9}{'with p50':>11}{'p99':>9}{'p99 with/alone':>16}{'429':>6}"
    )
    good = True
    for name in QUIET:
        before, after = alone[name], beside[name]
        ratio = after.quantile(99) / before.quantile(99)
        refused = before.statuses[429] + after.statuses[429]
        good = good and refused == 0 and ratio <= GOAL and set(before.statuses | after.statuses) == {201}
        figures = (before.quantile(50), before.quantile(99), after.quantile(50), after.quantile(99))
        p50, p99, with_p50, with_p99 = (each * 1e3 for each in figures)
        print(
            f"{name:8}{p50:8.1f} ms{p99:6.1f} ms{with_p50:8.1f} ms{with_p99:6.1f} ms{ratio:16.2f}{refused:6}"
            f"   of {before.statuses.total()} + {after.statuses.total()}"
        )
    flood = beside[FLOODING]
    every = [sum((tallies[name].seconds for name in QUIET), list[float]()) for tallies in (alone, beside)]
    together = Tally(every[1]).quantile(99) / Tally(every[0]).quantile(99)
    print(f"all three together: p99 with/alone {together:.2f} (goal {GOAL})")
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(flood.statuses.items()))
    print(
        f"{FLOODING}: {answers}; p50 {flood.quantile(50) * 1e3:.1f} ms, p99 {flood.quantile(99) * 1e3:.1f} ms"
    )
    return good


async def _tenants(database: EmbeddedDatabase) -> dict[str, Credentials]:
    """Each tenant with an application, and the limit."""
    engine = create_engine(database.app_url, pool_size=1)
    sessions, clock, made = create_sessions(engine), SystemClock(), dict[str, Credentials]()
    values = {
        RATE.name: LIMIT_PER_SECOND,
        BURST.name: LIMIT_PER_SECOND,
        APPLICATION_RATE.name: LIMIT_PER_SECOND,
        APPLICATION_BURST.name: LIMIT_PER_SECOND,
    }
    for slug in (*QUIET, FLOODING):
        await operations.create_tenant(
            sessions, clock, NewTenant(slug=slug, name=slug, approval=Approval.GIT)
        )
        made[slug] = await operations.create_application(
            sessions, clock, tenant=slug, name="bench", scopes=tuple(SCOPES)
        )
        for name, value in values.items():
            await operations.change_limit(sessions, clock, tenant=slug, name=name, value=value)
    await engine.dispose()
    return made


async def _token(url: str, credentials: Credentials) -> str:
    async with AsyncClient(base_url=url, trust_env=False) as base:
        answer = await base.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(credentials.client_id, credentials.client_secret),
        )
        answer.raise_for_status()
        return f"Bearer {answer.json()['access_token']}"


@asynccontextmanager
async def _serving(database: EmbeddedDatabase, folder: Path) -> AsyncGenerator[str]:
    """One API process. Yields its address."""
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve", "--port", "0", "--no-worker"),
            env={
                "ROOTED_DATABASE_URL": embedded.over_tcp(database.app_url),
                "ROOTED_MASTER_KEYS": MASTER_KEYS,
                "ROOTED_LOG_LEVEL": "warning",
            },
            stdout=PIPE,
            stderr=log,
            stdin=DEVNULL,
        )
    try:
        if process.stdout is None:
            raise ValueError("the output is not piped")
        line = (await process.stdout.readline()).decode()
        if not line:
            raise SystemExit((folder / "server.log").read_text()[-2_000:])
        yield line.split()[-1]
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="windows of each kind")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each window")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rooted-bench-"))
    folder.chmod(0o711)
    try:
        good = uvloop.run(measure(folder, rounds=arguments.rounds, seconds=arguments.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
