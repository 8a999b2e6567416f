"""Runs the program: the API, the worker, and what both need around them."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from litestar.types import ASGIApp
from sqlalchemy import text

from service import composition, operations, schema, telemetry, worker
from service.app import create_app
from service.auditor import drive as auditor
from service.auditor.drive import Auditor, Gauges
from service.auditor.heartbeat import Heart
from service.db import API_TIMEOUTS, UNBOUNDED, WORKER_TIMEOUTS, Sessions, Timeouts
from service.errors import Unavailable
from service.operations import Database
from service.settings import Settings
from service.telemetry import Metrics

SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_SECONDS = 10
BACKLOG = 2_048
ROLE = text("select rolname, rolsuper or rolbypassrls from pg_roles where rolname = current_user")


class AddressInUse(Unavailable):
    """The address to listen on cannot be had; another program probably has it."""

    code = "address-in-use"

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"Cannot listen on {host}:{port}: {reason}. Choose another ROOTED_PORT; 0 takes a free one."
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `rooted doctor` looked at."""

    subject: str
    fine: bool
    detail: str


@asynccontextmanager
async def opened(
    settings: Settings, *, data_folder: Path, pool_size: int, timeouts: Timeouts = UNBOUNDED
) -> AsyncGenerator[Sessions]:
    """Sessions on the operator's database, or on the embedded one."""
    async with (
        operations.database(settings, data_folder=data_folder) as database,
        operations.sessions(database, pool_size=pool_size, timeouts=timeouts) as sessions,
    ):
        yield sessions


async def serve(
    settings: Settings,
    *,
    data_folder: Path,
    with_worker: bool,
    ready: Callable[[str], None],
    tied: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: as the operator wants it.
        data_folder: home of the embedded database.
        with_worker: whether a worker runs in this process too.
        ready: is told the address once requests are answered.
        tied: whether to end too when standard input ends, that is with the process that holds its other end.
    """
    telemetry.configure_logging(settings.log_level)
    listener = _listener(settings.host, settings.port)
    settings = _settled(_addressed(settings, listener.getsockname()[1]), data_folder)
    stop, metrics, pool_size = asyncio.Event(), Metrics(), settings.database_pool_size
    async with (
        operations.database(settings, data_folder=data_folder) as database,
        operations.sessions(database, pool_size=pool_size, timeouts=API_TIMEOUTS) as sessions,
        operations.sessions(
            database, pool_size=worker.pool_size(settings), timeouts=WORKER_TIMEOUTS
        ) as workers,
        operations.prepared_vault(settings, sessions, data_folder=data_folder) as vault,
        composition.rules_engine(settings, metrics) as engine,
        auditing(settings, database, stop=stop, metrics=metrics),
        asyncio.TaskGroup() as tasks,
    ):
        server = _Server(
            config(settings, create_app(settings, sessions, vault=vault, engine=engine, metrics=metrics)),
            on_ready=lambda: ready(f"http://{settings.host}:{settings.port}"),
        )
        if tied:
            await _at_end_of_input(lambda: server.handle_exit(signal.SIGTERM, None))
        if with_worker:
            advances = composition.ADVANCES
            tasks.create_task(
                worker.run(settings, workers, vault=vault, advances=advances, stop=stop, metrics=metrics)
            )
        await server.serve(sockets=[listener])
        stop.set()


def config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How requests are taken. Who calls is who connects, unless that is a proxy that the operator trusts."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        lifespan="on",
    )


async def work(settings: Settings, *, data_folder: Path) -> None:
    """Work until SIGTERM or SIGINT."""
    telemetry.configure_logging(settings.log_level)
    settings = _settled(settings, data_folder)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, stop.set)
    async with (
        operations.database(settings, data_folder=data_folder) as database,
        operations.sessions(
            database, pool_size=worker.pool_size(settings), timeouts=WORKER_TIMEOUTS
        ) as sessions,
        operations.prepared_vault(settings, sessions, data_folder=data_folder) as vault,
        auditing(settings, database, stop=stop, metrics=Metrics()),
    ):
        await worker.run(settings, sessions, vault=vault, advances=composition.ADVANCES, stop=stop)


async def audit(settings: Settings, *, data_folder: Path) -> None:
    """Make the auditor's rounds, and nothing else, until SIGTERM or SIGINT."""
    telemetry.configure_logging(settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, stop.set)
    async with (
        operations.database(settings, data_folder=data_folder) as database,
        auditing(settings, database, stop=stop, metrics=Metrics()),
    ):
        await stop.wait()


@asynccontextmanager
async def auditing(
    settings: Settings, database: Database, *, stop: asyncio.Event, metrics: Metrics
) -> AsyncGenerator[None]:
    """The auditor's rounds beside whatever else runs in this process, until the block ends.

    Raises:
        HeartbeatAddressInvalid
    """
    url = settings.heartbeat_url
    heart = None if url is None else Heart(url.get_secret_value())
    async with operations.sessions(
        database, pool_size=auditor.POOL_SIZE, timeouts=auditor.TIMEOUTS
    ) as sessions:
        watching = asyncio.create_task(
            auditor.watch(Auditor(sessions, heart, Gauges.of(metrics), stop)), name="auditor"
        )
        try:
            yield
        finally:
            stop.set()
            await watching
            if heart is not None:
                await heart.aclose()


async def examine(settings: Settings, *, data_folder: Path) -> list[Finding]:
    """Look at what the program stands on: the database, its schema, its roles."""
    async with opened(settings, data_folder=data_folder, pool_size=1) as sessions:
        async with sessions() as db:
            version = str((await db.execute(text("show server_version"))).scalar_one())
            at = await schema.revision(db)
            role = (await db.execute(ROLE)).one()
        keys = await _master_keys(settings, sessions, data_folder=data_folder)
    return [
        Finding("database", fine=True, detail=f"PostgreSQL {version} answers"),
        Finding("schema", fine=at == schema.head(), detail=f"at {at}, this program needs {schema.head()}"),
        Finding(
            "role",
            not role[1],
            f"{role[0]} bypasses row security; use one that does not"
            if role[1]
            else f"{role[0]} bypasses nothing",
        ),
        keys,
    ]


async def _master_keys(settings: Settings, sessions: Sessions, *, data_folder: Path) -> Finding:
    try:
        vault = operations.open_vault(settings, data_folder=data_folder)
        missing = await operations.missing_master_keys(sessions, vault)
    except Unavailable as error:
        return Finding("master keys", fine=False, detail=str(error))
    if missing:
        return Finding("master keys", fine=False, detail=f"missing: {', '.join(missing)}")
    return Finding("master keys", fine=True, detail=f"{vault.current_key_id} is the current one")


class _Server(uvicorn.Server):
    """Says when it answers, and ends without passing on the signal that ended it: others have to end too."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for each in SIGNALS:
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in SIGNALS:
                loop.remove_signal_handler(each)


async def _at_end_of_input(end: Callable[[], None]) -> None:
    """Call `end` once standard input ends; nothing is expected to come from it."""

    class Ending(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
            end()

    await asyncio.get_running_loop().connect_read_pipe(Ending, sys.stdin)


def _listener(host: str, port: int) -> socket.socket:
    """A socket bound before anything is started: a port in use is said at once. Raises AddressInUse."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise AddressInUse(host, port, error.strerror or str(error)) from error


def _settled(settings: Settings, data_folder: Path) -> Settings:
    """The settings with the data folder that was found, once it is known that mail can be sent with them.

    Raises:
        SmtpAddressMalformed, SenderMalformed
    """
    settled = settings.model_copy(update={"data_dir": data_folder})
    composition.post(settled)
    return settled


def _addressed(settings: Settings, port: int) -> Settings:
    """The settings with the port that was taken; the issuer follows unless the operator named one."""
    changes: dict[str, object] = {"port": port}
    if "issuer" not in settings.model_fields_set:
        changes["issuer"] = f"http://{settings.host}:{port}"
    return settings.model_copy(update=changes)
