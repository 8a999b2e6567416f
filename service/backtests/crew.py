"""Processes that judge chunks, each of which may die at any time.

What it had is given to another, and at last to one that matches with the reference evaluator alone.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from service.backtests.child import FRAME_BYTES_MAX, framed
from service.backtests.chunks import Chunk, Judged
from service.backtests.errors import BacktestStuck
from service.backtests.setup import Setup
from service.rules.frames import LENGTH_BYTES, Limits

ROOT = Path(__file__).resolve().parents[2]
ATTEMPTS = 3
"""The last one goes to the reference evaluator."""
ANSWER_SECONDS = 300.0
"""For one chunk, or for the setup; a process that takes longer is ended."""
MEMORY_BYTES = 2 << 30
JUDGED = msgspec.json.Decoder(Judged)

log = structlog.stdlib.get_logger(__name__)


class ProcessDied(Exception):
    """The process ended, or was ended, before it answered."""


class Process:
    """One process, from its setup on."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, body: bytes) -> bytes:
        """Send a frame and wait for its answer. Raises ProcessDied."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask(body)
        except TimeoutError as error:
            raise ProcessDied(f"no answer after {ANSWER_SECONDS} s") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ProcessDied(f"the process is gone: {error!r}") from error

    async def _ask(self, body: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ProcessDied("the process has no pipes")
        stdin.write(framed(body))
        await stdin.drain()
        size = int.from_bytes(await stdout.readexactly(LENGTH_BYTES), "big")
        if size > FRAME_BYTES_MAX:
            raise ProcessDied(f"an answer of {size} bytes")
        return await stdout.readexactly(size)

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            self._process.kill()
        await self._process.wait()


async def spawn(setup: Setup) -> Process:
    """Start a process with an empty environment, and tell it what is compared.

    Raises:
        ProcessDied: it ended before it was ready.
        OSError: the system does not start processes now.
    """
    limits = msgspec.json.encode(Limits(memory_bytes=MEMORY_BYTES, parent_pid=os.getpid())).decode()
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-E", "-s", "-m", "service.backtests.child", limits),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
        cwd=ROOT,
        env={},
        start_new_session=True,
    )
    process = Process(started)
    try:
        await process.ask(msgspec.json.encode(setup))
    except BaseException:
        await process.end()
        raise
    return process


class Crew:
    """So many processes, each working on one chunk at a time. Open it with `crew`."""

    def __init__(self, setup: Setup, size: int) -> None:
        self._setup = setup
        self._places: asyncio.Queue[Process | None] = asyncio.Queue()
        for _ in range(size):
            self._places.put_nowait(None)

    async def judge(self, chunk: Chunk) -> Judged:
        """What came of a chunk.

        Raises:
            BacktestStuck: no process got through it.
        """
        body = msgspec.json.encode(chunk)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return JUDGED.decode(await self._answer(body, is_last=attempt == ATTEMPTS))
            except ProcessDied as failure:
                log.warning("backtest process died", chunk=chunk.number, attempt=attempt, why=str(failure))
        raise BacktestStuck(chunk.number)

    async def _answer(self, body: bytes, *, is_last: bool) -> bytes:
        process = await self._places.get()
        try:
            if is_last:
                return await self._answer_alone(body)
            process = process or await spawn(self._setup)
            return await process.ask(body)
        except BaseException:
            dead, process = process, None
            if dead is not None:
                await dead.end()
            raise
        finally:
            self._places.put_nowait(process)

    async def _answer_alone(self, body: bytes) -> bytes:
        """By a process of its own in which no C module matches."""
        process = await spawn(msgspec.structs.replace(self._setup, engine="reference"))
        try:
            return await process.ask(body)
        finally:
            await process.end()

    async def end(self) -> None:
        while not self._places.empty():
            process = self._places.get_nowait()
            if process is not None:
                await process.end()


@asynccontextmanager
async def crew(setup: Setup, *, size: int) -> AsyncGenerator[Crew]:
    """A crew whose processes end with the block. All that was asked of it has been answered, or cancelled."""
    hired = Crew(setup, size)
    try:
        yield hired
    finally:
        await hired.end()
