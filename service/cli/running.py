"""How a command runs: on which database, how its failures are told, how what it found is printed."""

import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import click
import msgspec
import uvloop
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
