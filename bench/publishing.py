"""Versions of a policy published while requests are decided by it: does each decision name the one in effect?

Two API processes on one database. First the accept rate is measured, then requests are sent at 60 % of it to
both while versions are published through the API, one after the other. A decision must not name a version
older than the last whose publication was answered before its request was sent, nor one whose publication had
not been asked for when its answer came.

`python -m bench.publishing [--versions N]`
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
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import uvloop
from httpx2 import AsyncClient, Response

from bench.accepts import PROCESSES, serving
from service import embedded, ids, operations, schema
from service.clock import SystemClock
from service.db import create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.operations import Credentials, NewTenant
from service.tenants.domain import SCOPES, Approval

CONNECTIONS = 16
MEASURED_SECONDS = 8.0
SHARE = 0.6
TOLD_EVERY = 50
RENEWED_SECONDS = 300.0
BODY = {"source": "bench", "type": "incident", "facts": {"priority": "P1", "category": "c7"}}
RULE_ID = re.compile(r"v(\d+)")


@dataclass(frozen=True, slots=True)
class Decision:
    """One request: when it was sent and answered, and by which version it was decided."""

    sent_at: float
    answered_at: float
    version: int


@dataclass(slots=True)
class Publications:
    """When each version's publication was asked for and answered. Versions count from 1, without a gap."""

    asked_at: list[float] = field(default_factory=list[float])
    answered_at: list[float] = field(default_factory=list[float])

    def begun_by(self, instant: float) -> int:
        """The last version whose publication had been asked for."""
        return sum(asked <= instant for asked in self.asked_at)

    def done_by(self, instant: float) -> int:
        """The last version whose publication had been answered."""
        return sum(answered <= instant for answered in self.answered_at)


def violations(publications: Publications, decisions: Sequence[Decision]) -> list[str]:
    """The decisions that name a version which was not in effect at any instant of their request."""
    told: list[str] = []
    for decision in decisions:
        oldest, newest = (
            publications.done_by(decision.sent_at),
            publications.begun_by(decision.answered_at),
        )
        if not oldest <= decision.version <= newest:
            told.append(f"decided by version {decision.version}, in effect were {oldest} to {newest}")
    return told


def document(version: int) -> dict[str, Any]:
    """A policy whose rules say which version they are of."""
    then = {
        "promises": [{"metric": "resolve", "target": {"unit": "elapsed_time", "seconds": 3600 + version}}]
    }
    rules = [
        {
            "id": f"c{number}-{version}",
            "when": f"request.category == 'd{number}'",
            "then": then,
            "because": "x",
        }
        for number in range(20)
    ]
    rules.append({"id": f"v{version}", "when": "true", "then": then, "because": "It is measured."})
    return {"rules": rules}


def version_of(answer: dict[str, Any]) -> int:
    """The version that an accepted request was decided by."""
    found = RULE_ID.fullmatch(str(answer["rule_id"]))
    if found is None:
        raise ValueError(f"decided by the rule {answer['rule_id']!r}")
    return int(found[1])


@dataclass(slots=True)
class Bearer:
    """The header that says who asks. A token lasts a quarter of an hour."""

    credentials: Credentials
    header: str = ""
    _renewed_at: float = 0.0

    async def renew(self, callers: Sequence[AsyncClient]) -> None:
        """Get a new token when the one there is old, and give it to the callers."""
        if self.header and monotonic() - self._renewed_at < RENEWED_SECONDS:
            return
        answer = await callers[0].post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(self.credentials.client_id, self.credentials.client_secret),
        )
        self.header = f"Bearer {answer.raise_for_status().json()['access_token']}"
        self._renewed_at = monotonic()
        for caller in callers:
            caller.headers["Authorization"] = self.header


class Connection:
    """Submits requests to one process, one after the other."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, bearer: Bearer) -> None:
        self._reader = reader
        self._writer = writer
        self._bearer = bearer

    async def submit(self, name: str) -> Decision:
        """Raises ValueError when the request is not accepted."""
        sent_at = monotonic()
        body = json.dumps(BODY | {"external_id": name}).encode()
        self._writer.write(
            f"POST /v1/requests HTTP/1.1\r\nHost: bench\r\nAuthorization: {self._bearer.header}\r\n"
            f"Idempotency-Key: {name}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        answer = await self._reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith(b"HTTP/1.1 201"):
            raise ValueError(f"not accepted: {head.decode()}{answer.decode()}")
        return Decision(sent_at, monotonic(), version_of(json.loads(answer)))

    def close(self) -> None:
        self._writer.close()


@dataclass(slots=True)
class Load:
    """Requests over many connections: as many as fit, or so many a second."""

    connections: Sequence[Connection]
    decisions: list[Decision] = field(default_factory=list[Decision])
    errors: list[str] = field(default_factory=list[str])
    _run: str = field(default_factory=lambda: ids.new_id().hex)
    _numbers: "count[int]" = field(default_factory=count)

    async def run(self, is_over: asyncio.Event, *, per_second: float | None = None) -> None:
        began, ticks = monotonic(), count()
        await asyncio.gather(
            *(self._send(each, is_over, began, ticks, per_second) for each in self.connections)
        )

    async def _send(
        self,
        connection: Connection,
        is_over: asyncio.Event,
        began: float,
        ticks: "count[int]",
        per_second: float | None,
    ) -> None:
        while not is_over.is_set():
            if per_second is not None:
                await asyncio.sleep(began + next(ticks) / per_second - monotonic())
            try:
                self.decisions.append(await connection.submit(f"{self._run}-{next(self._numbers)}"))
            except ValueError as error:
                self.errors.append(str(error))


async def publish(caller: AsyncClient, policy_id: str, publications: Publications, version: int) -> None:
    """Add a version and put it into effect. Version 1 is there already."""
    if version > 1:
        tag = (await caller.get(f"/v1/policies/{policy_id}")).raise_for_status().headers["ETag"]
        revised = await caller.put(
            f"/v1/policies/{policy_id}", json={"document": document(version)}, headers={"If-Match": tag}
        )
        _expect_success(revised)
    publications.asked_at.append(monotonic())
    published = await caller.post(
        f"/v1/policies/{policy_id}/publish", headers={"Idempotency-Key": ids.new_id().hex}
    )
    _expect_success(published)
    publications.answered_at.append(monotonic())


def _expect_success(answer: Response) -> None:
    if answer.is_error:
        raise RuntimeError(f"version not published: {answer.status_code} {answer.text}")


async def created_policy(caller: AsyncClient) -> str:
    """The id of the policy, whose first version is a draft."""
    body = {"name": "measured", "kind": "commitment", "document": document(1)}
    answer = await caller.post("/v1/policies", json=body, headers={"Idempotency-Key": ids.new_id().hex})
    return answer.raise_for_status().json()["id"]


async def measure(folder: Path, *, versions: int) -> bool:
    """Whether all went as it must."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(embedded.running(folder / "data"))
        await schema.upgrade(database.owner_url)
        credentials = await _tenant(database)
        urls = [await stack.enter_async_context(serving(database, folder)) for _ in range(PROCESSES)]
        callers = [await stack.enter_async_context(AsyncClient(base_url=url, timeout=60)) for url in urls]
        bearer = Bearer(credentials)
        await bearer.renew(callers)
        policy_id, publications = await created_policy(callers[0]), Publications()
        await publish(callers[0], policy_id, publications, 1)
        connections = [await _connection(urls[n % len(urls)], bearer) for n in range(CONNECTIONS)]
        rate = await _accept_rate(connections)
        load, is_over = Load(connections), asyncio.Event()
        sending = asyncio.create_task(load.run(is_over, per_second=SHARE * rate))
        began, taken = monotonic(), list[float]()
        for version in range(2, versions + 1):
            await bearer.renew(callers)
            await publish(callers[version % len(callers)], policy_id, publications, version)
            taken.append(publications.answered_at[-1] - publications.asked_at[-1])
            if version % TOLD_EVERY == 0:
                print(f"{version:,} versions after {monotonic() - began:,.0f} s", flush=True)
        seconds = monotonic() - began
        is_over.set()
        await sending
        for connection in connections:
            connection.close()
    wrong = violations(publications, load.decisions)
    sent = len(load.decisions)
    latency = [decision.answered_at - decision.sent_at for decision in load.decisions]
    print(f"accepted {rate:,.0f}/s alone; {sent:,} requests at {sent / seconds:,.0f}/s beside")
    print(f"{len(publications.answered_at):,} versions published in {seconds:,.0f} s,")
    print(f"  each in {statistics.median(taken) * 1e3:,.0f} ms (median), {max(taken) * 1e3:,.0f} ms at most")
    print(f"requests: p50 {statistics.median(latency) * 1e3:,.0f} ms, p99 {_p99(latency) * 1e3:,.0f} ms")
    print(f"decided by {len({decision.version for decision in load.decisions}):,} different versions")
    print(f"errors: {len(load.errors)}   decided by a version not in effect: {len(wrong)}")
    for line in [*load.errors, *wrong][:5]:
        print(f"  {line}")
    return not load.errors and not wrong


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def _accept_rate(connections: Sequence[Connection]) -> float:
    """Accepted per second, once everything is warm."""
    rate = 0.0
    for seconds in (MEASURED_SECONDS / 2, MEASURED_SECONDS):
        load, is_over = Load(connections), asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, is_over.set)
        began = monotonic()
        await load.run(is_over)
        if load.errors:
            raise SystemExit(load.errors[0])
        rate = len(load.decisions) / (monotonic() - began)
    return rate


async def _connection(url: str, bearer: Bearer) -> Connection:
    parts = urlsplit(url)
    return Connection(*await asyncio.open_connection(parts.hostname, parts.port), bearer)


async def _tenant(database: EmbeddedDatabase) -> Credentials:
    """A tenant that reviews its policies in git, so that an application may publish."""
    engine = create_engine(database.app_url, pool_size=1)
    sessions, clock = create_sessions(engine), SystemClock()
    await operations.create_tenant(
        sessions, clock, NewTenant(slug="bench", name="Bench", approval=Approval.GIT)
    )
    await operations.lift_rates(sessions, clock, tenant="bench")
    credentials = await operations.create_application(
        sessions, clock, tenant="bench", name="bench", scopes=tuple(SCOPES)
    )
    await engine.dispose()
    return credentials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=500)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rooted-bench-"))
    folder.chmod(0o711)
    try:
        is_right = uvloop.run(measure(folder, versions=arguments.versions))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if is_right else 1)


if __name__ == "__main__":
    main()
