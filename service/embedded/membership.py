"""Using the embedded server together with other processes: coming, staying and going."""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from service.embedded import folder as folders
from service.embedded import keeper, starting
from service.embedded.errors import MadeOtherwise, ServerDidNotStart
from service.embedded.folder import Folder, Passwords, State
from service.errors import Unavailable

READY_SECONDS_MAX = 600.0  # recovery after a crash replays everything since the last checkpoint
_RETRY_SECONDS = 0.02
_KEEPER_RETRY_SECONDS = 1.0
_STARTS_MAX = 5
_log = logging.getLogger(__name__)


class Membership:
    """One user's part in a data folder's server. The locks of a user that dies are released by the kernel.

    Order of locks, always: start lock, lease, keeper's lock.
    """

    def __init__(self, data_folder: Path, *, fast: bool) -> None:
        self.folder: Folder = folders.prepare(data_folder)
        self.passwords: Passwords = Passwords("", "", "")
        self.state: State = State()
        self._fast = fast
        self._lease: IO[bytes] = self.folder.lease.open("rb")
        self._alive = -1

    @asynccontextmanager
    async def joining(self) -> AsyncGenerator[None]:
        """Take a share in the server, started if need be. Nobody else comes or goes inside the block."""
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, _locked(self.folder.start_lock))
            shared = not self._nobody_else_is_here()
            await asyncio.to_thread(fcntl.flock, self._lease, fcntl.LOCK_SH)
            self.state = folders.load_state(self.folder)
            if self.state.throwaway is not self._fast and starting.keeper_is_alive(self.folder):
                raise MadeOtherwise(self.folder.path, throwaway=self.state.throwaway)
            # Others hold addresses that must stay valid: what is started then is started in the same place.
            if shared and folders.has_database(self.folder):
                await self.repair()
            else:
                await self._make_ready(partial(starting.start, self.folder, fast=self._fast))
            self.passwords = folders.passwords(self.folder)
            yield

    async def keep_running(self) -> None:
        """Replace a keeper that was killed, for as long as this task runs. The keeper replaces the server."""
        while True:
            await _end_of(self._alive)
            _log.warning("the keeper of the embedded PostgreSQL ended; starting another one")
            repaired = await self._is_repaired()
            while not repaired:
                await asyncio.sleep(_KEEPER_RETRY_SECONDS)
                repaired = await self._is_repaired()

    def leave(self) -> None:
        """Give the share back. The last one waits until the keeper has stopped the server."""
        with _locked(self.folder.start_lock):
            self._lease.close()
            if self._nobody_else_is_here():
                with self.folder.keeper_lock.open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_SH)
            self._close_alive()

    async def repair(self) -> None:
        """Make the server ready again at the same address. The caller holds the start lock.

        Raises:
            ServerDidNotStart: it would not start.
        """
        await self._make_ready(partial(starting.restart, self.folder, self.state, fast=self._fast))

    async def _is_repaired(self) -> bool:
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, _locked(self.folder.start_lock))
            try:
                await self.repair()
            except Unavailable:
                _log.exception("the embedded PostgreSQL is down; trying again")
                return False
        return True

    async def _make_ready(self, start: Callable[[], State]) -> None:
        """Wait for the server of a living keeper; where there is none, or it is about to end, start one."""
        if starting.keeper_is_alive(self.folder) and await self._is_soon_ready():
            return
        for _ in range(_STARTS_MAX):
            self.state = await asyncio.to_thread(start)
            if await self._is_soon_ready():
                return
            if starting.keeper_gave_up(self.folder):
                break
        raise ServerDidNotStart(self.folder.log, folders.log_tail(self.folder))

    async def _is_soon_ready(self) -> bool:
        """Wait until the server takes connections (True) or its keeper has ended (False).

        Raises:
            ServerDidNotStart: neither happened within the limit.
        """
        self._close_alive()
        self._alive = os.open(self.folder.alive, os.O_RDONLY | os.O_NONBLOCK)
        cluster = folders.home(self.folder, self.state) / "cluster"
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while not keeper.is_ready(cluster):
                    if not starting.keeper_is_alive(self.folder):
                        return False
                    await asyncio.sleep(_RETRY_SECONDS)  # PostgreSQL tells nobody that it is ready
        except TimeoutError as error:
            raise ServerDidNotStart(self.folder.log, folders.log_tail(self.folder)) from error
        return starting.keeper_is_alive(self.folder)  # else the pipe may never tell us that it ended

    def _nobody_else_is_here(self) -> bool:
        """Whether we were the last: nobody shares the lease, or the keeper already has it for itself."""
        with self.folder.lease.open("rb") as lease:
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return False
        return True

    def _close_alive(self) -> None:
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Hold the lock. Whoever holds it starts or stops a server, each within limits: the wait is bounded."""
    with path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def _end_of(pipe: int) -> None:
    """Wait until the keeper's end of the pipe is closed. Nothing is ever written to it."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(pipe, _settle, ended)
    try:
        await ended
    finally:
        loop.remove_reader(pipe)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
