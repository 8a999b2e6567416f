"""How a command runs: on which database, how its failures are told, how what it found is printed."""

import os
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import click
import msgspec
import uvloop
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from service import embedded, serving
from service.db import Sessions
from service.errors import ServiceError
from service.people.domain import Link
from service.settings import Settings

T = TypeVar("T")

NO_DATABASE = (ConnectionError, socket.gaierror, ArgumentError, DBAPIError, asyncpg.PostgresError)
"""What a command meets when the database's address is wrong, or nobody answers there as it should."""


def data_folder(settings: Settings) -> Path:
    return settings.data_dir or embedded.default_data_folder(os.environ, Path.home())  # noqa: TID251


def opened(settings: Settings) -> AbstractAsyncContextManager[Sessions]:
    """Sessions of a command, which needs one connection."""
    return serving.opened(settings, data_folder=data_folder(settings), pool_size=1)


@asynccontextmanager
async def writing(settings: Settings) -> AsyncGenerator[Sessions]:
    """The same of a command that writes: it says where to, as the default is easily taken by mistake."""
    async with opened(settings) as sessions:
        yield sessions
    tell_written(place(settings))


def tell_written(where: str) -> None:
    """Say it beside what the command answers, which others may read."""
    click.echo(f"Written to {where}.", err=True)


def tell_worked_on(settings: Settings) -> None:
    click.echo(f"Works on {place(settings)}.", err=True)


def place(settings: Settings) -> str:
    """Where data is, in words and without a password."""
    if settings.database_url is not None:
        return f"the database {_address(settings.database_url.get_secret_value())}"
    hint = " (ROOTED_DATA_DIR names another)" if settings.data_dir is None else ""
    return f"the data folder {data_folder(settings)}{hint}"


def _address(url: str) -> str:
    """The same without who logs in, and how."""
    try:
        given = make_url(url)
    except ArgumentError:
        return "that ROOTED_DATABASE_URL names"
    named = {name: value for name, value in given.query.items() if name == "host"}
    shown = URL.create("postgresql", host=given.host, port=given.port, database=given.database, query=named)
    return shown.render_as_string()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to the end; a failure we foresaw is told with its faults, and becomes exit code 1."""
    try:
        return refusing(lambda: uvloop.run(work))
    except NO_DATABASE as error:
        raise click.ClickException(f"The database does not answer as it should: {error}") from error


def refusing(work: Callable[[], T]) -> T:
    try:
        return work()
    except ServiceError as error:
        untold = [fault.detail for fault in error.faults if fault.detail not in str(error)]
        raise click.ClickException("\n  ".join([str(error), *untold])) from error


def print_link(link: Link) -> None:
    click.echo(link.url)
    click.echo(f"The link works once, until {link.expires_at:%Y-%m-%d %H:%M} UTC.", err=True)


def print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
