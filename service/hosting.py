"""A server of our own in another process, for a command that needs one for as long as it runs."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretStr

from service import embedded, operations, schema, serving
from service.clock import SystemClock
from service.errors import Unavailable
from service.operations import Credentials, NewTenant
from service.people.invitations import Invitee
from service.settings import Settings
from service.tenants.domain import SCOPES


class HostedServerFailed(Unavailable):
    """The server that a command started for itself ended before it answered."""

    code = "hosted-server-failed"

    def __init__(self, log: Path) -> None:
        super().__init__(f"The server ended before it answered; {log} says why.")


@dataclass(frozen=True, slots=True)
class Hosted:
    """A server of our own: where it answers, and an application of its sandbox tenant."""

    url: str
    credentials: Credentials


@asynccontextmanager
async def hosted_in_passing(
    settings: Settings, *, data_folder: Path, slug: str, clock_at: datetime, members: Sequence[Invitee] = ()
) -> AsyncGenerator[Hosted]:
    """The same as `hosted`, on an embedded database of its own; nothing is left but the server's log."""
    with _passing_folder() as place:
        async with embedded.running(place, fast=True) as database:
            await schema.upgrade(database.owner_url)
            own = {"database_url": database.app_url, "master_keys": operations.new_master_key()}
            async with hosted(
                settings.model_copy(update={name: SecretStr(value) for name, value in own.items()}),
                data_folder=data_folder,
                slug=slug,
                clock_at=clock_at,
                members=members,
                environment={f"ROOTED_{name.upper()}": value for name, value in own.items()},
            ) as found:
                yield found


@contextmanager
def _passing_folder() -> Generator[Path]:
    """A data folder to be, in one that is removed with all that is in it."""
    with tempfile.TemporaryDirectory(prefix="rooted-") as place:
        Path(place).chmod(0o711)  # PostgreSQL may run as another account, which goes through here
        yield Path(place) / "passing"


@asynccontextmanager
async def hosted(
    settings: Settings,
    *,
    data_folder: Path,
    slug: str,
    clock_at: datetime,
    members: Sequence[Invitee] = (),
    environment: Mapping[str, str] | None = None,
) -> AsyncGenerator[Hosted]:
    """A server of our own in another process, with a new sandbox tenant whose clock starts at `clock_at`.

    Args:
        settings: as the operator wants them.
        data_folder: where the server writes its log.
        slug: of the tenant.
        clock_at: where its clock starts.
        members: who is in it from the start.
        environment: what the server is told besides what this process was.

    Raises:
        HostedServerFailed: it ended before it answered; its log says why.
    """
    log = data_folder / "hosted-server.log"
    async with serving.opened(settings, data_folder=data_folder, pool_size=1) as sessions:
        clock = SystemClock()
        await operations.create_tenant(sessions, clock, NewTenant(slug=slug, name=slug, sandbox_at=clock_at))
        await operations.lift_rates(sessions, clock, tenant=slug)
        credentials = await operations.create_application(
            sessions, clock, tenant=slug, name="replay", scopes=tuple(SCOPES)
        )
        for invitee in members:
            vault = operations.open_vault(settings, data_folder=data_folder)
            await operations.admit_member(sessions, clock, vault, invitee, tenant=slug)
        with _appending(log) as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service", "serve", "--port", "0", "--tied"),
                start_new_session=True,  # Ctrl-C is for the command, which may have something to end first
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **(environment or {})},  # noqa: TID251 - it is told what we were
            )
        try:
            yield Hosted(await _address(process, log), credentials)
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    """The address that a hosted server says it answers at. Raises HostedServerFailed."""
    if process.stdout is None:
        raise ValueError("the server's standard output is not piped")
    line = (await process.stdout.readline()).decode()
    if not line:
        raise HostedServerFailed(log)
    return line.split()[-1]


def _appending(log: Path) -> BinaryIO:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("ab")
