"""Which server a command speaks to, and as whom: the same options for all commands that do."""

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from service.replay.client import Access, Client, open_http

CONNECTIONS = 4

T = TypeVar("T")

OPTIONS = (
    click.option(
        "--token", envvar="ROOTED_TOKEN", help="Of `rooted log-in`, instead of a client; or ROOTED_TOKEN."
    ),
    click.option(
        "--client-secret", envvar="ROOTED_CLIENT_SECRET", help="Of the application; or ROOTED_CLIENT_SECRET."
    ),
    click.option("--client-id", envvar="ROOTED_CLIENT_ID", help="An application; or ROOTED_CLIENT_ID."),
    click.option("--url", envvar="ROOTED_URL", help="The service's address; or ROOTED_URL."),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """What the options said."""

    url: str | None
    client_id: str | None
    client_secret: str | None = field(repr=False)
    token: str | None = field(repr=False)

    @property
    def access(self) -> Access:
        """Raises UsageError: an option is missing."""
        if self.url is None:
            raise click.UsageError("Say which server: --url, or ROOTED_URL.")
        if self.token:
            return Access(base_url=self.url, token=self.token)
        if self.client_id and self.client_secret:
            return Access(base_url=self.url, client_id=self.client_id, client_secret=self.client_secret)
        raise click.UsageError(
            "Say who you are: --client-id and ROOTED_CLIENT_SECRET, or the token of `rooted log-in` as"
            " ROOTED_TOKEN."
        )


@asynccontextmanager
async def opened(access: Access) -> AsyncGenerator[Client]:
    """A client of a server. Raises AddressUnusable."""
    async with open_http(access.base_url, connections=CONNECTIONS) as http:
        yield Client(http, access)


def tell_server(access: Access) -> None:
    """Say where something was written, beside what the command answers."""
    click.echo(f"The server is {access.base_url}", err=True)


def connected(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the options of a connection, which it takes as `connection`."""

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> T:
        said = {name: given.pop(name) for name in ("url", "client_id", "client_secret", "token")}
        return command(*args, connection=Connection(**said), **given)

    for option in OPTIONS:
        run = option(run)
    return run
