"""Runs the program: the API, the worker, and what both need around them."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from sqlalchemy import text

from service import composition, operations, schema, telemetry, worker
from service.app import create_app
from service.db import Sessions
from service.errors import Unavailable
from service.settings import Settings
from service.telemetry import Metrics

DRAIN_SECONDS = 10
BACKLOG = 2_048


class AddressInUse(Unavailable):
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
async def opened(settings: Settings, *, data_folder: Path, pool_size: int) -> AsyncGenerator[Sessions]:
    """Sessions on the operator's database, or on the embedded one."""
    async with (
        operations.database(settings, data_folder=data_folder) as database,
        operations.sessions(database, pool_size=pool_size) as sessions,
    ):
        yield sessions


async def serve(
    settings: Settings, *, data_folder: Path, with_worker: bool, ready: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: as the operator wants it.
        data_folder: home of the embedded database.
        with_worker: whether a worker runs in this process too.
        ready: is told the address once requests are answered.
    """
    telemetry.configure_logging(settings.log_level)
    listener = _listener(settings.host, settings.port)
    settings = _addressed(settings, listener.getsockname()[1])
    async with opened(settings, data_folder=data_folder, pool_size=settings.database_pool_size) as sessions:
        engine = composition.rules_engine(settings)
        stop, metrics = asyncio.Event(), Metrics()
        try:
            app = create_app(settings, sessions, engine=engine, metrics=metrics)
            server = _Server(
                uvicorn.Config(
                    app,
                    log_config=None,
                    access_log=False,
                    timeout_graceful_shutdown=DRAIN_SECONDS,
                    lifespan="on",
                ),
                on_ready=lambda: ready(settings.issuer),
            )
            async with asyncio.TaskGroup() as tasks:
                if with_worker:
                    tasks.create_task(
                        worker.run(settings, sessions, advances=composition.ADVANCES, stop=stop)
                    )
                await server.serve(sockets=[listener])
                stop.set()
        finally:
            await engine.close()


async def work(settings: Settings, *, data_folder: Path) -> None:
    """Work until SIGTERM or SIGINT."""
    telemetry.configure_logging(settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with opened(settings, data_folder=data_folder, pool_size=settings.database_pool_size) as sessions:
        await worker.run(settings, sessions, advances=composition.ADVANCES, stop=stop)


async def examine(settings: Settings, *, data_folder: Path) -> list[Finding]:
    """Look at what the program stands on: the database, its schema, its roles."""
    async with opened(settings, data_folder=data_folder, pool_size=1) as sessions, sessions() as db:
        version = str((await db.execute(text("show server_version"))).scalar_one())
        at = (await db.execute(text("select version_num from alembic_version"))).scalar()
        role = (
            await db.execute(
                text("select rolname, rolsuper or rolbypassrls from pg_roles where rolname = current_user")
            )
        ).one()
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
    ]


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _listener(host: str, port: int) -> socket.socket:
    """A socket bound before anything is started: a port in use is said at once. Raises AddressInUse."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise AddressInUse(host, port, error.strerror or str(error)) from error


def _addressed(settings: Settings, port: int) -> Settings:
    """The settings with the port that was taken; the issuer follows unless the operator named one."""
    changes: dict[str, object] = {"port": port}
    if "issuer" not in settings.model_fields_set:
        changes["issuer"] = f"http://{settings.host}:{port}"
    return settings.model_copy(update=changes)
