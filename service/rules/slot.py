"""One child process and the queue in front of it.

Everything happens in callbacks on one event loop, so that a match costs one write and one read of a pipe.
Callers that come while the child is busy and ask the same rule set share one frame. Whoever is in flight
when the child dies or is late is told so; so is everybody who waits, because the evaluator answers sooner
than a new child.
"""

import asyncio
import contextlib
import os
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import msgspec
import structlog

from service.rules.compile.shape import shape
from service.rules.frames import (
    FRAME_BYTES_MAX,
    LENGTH_BYTES,
    REPLIES,
    Answer,
    Answered,
    Ask,
    Done,
    Failed,
    Kept,
    Limits,
    Load,
    Reply,
    Unknown,
    frame,
)
from service.rules.matching import RuleSet

ROOT = Path(__file__).parents[2]
CHILD = "service.rules.child"
STDIN, STDOUT = 0, 1
EMPTY = Kept(rule_sets=0, terms=0, evicted=0)

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How long a child may take, and how much may wait for it. All times in seconds.

    Attributes:
        answer_seconds: for a frame of snapshots, besides the evaluator's budget for each.
        load_seconds: to compile a rule set.
        start_seconds: added to the first frame of a new child.
        patience_seconds: how long others wait for a frame in flight before they are sent away; the frame
            goes on. A new child is given the time to start besides.
        respawn_seconds: before the second restart in a row, doubled for each further one.
        respawn_seconds_max: bound of that.
        batch_max: snapshots in one frame.
        waiting_max: callers in the queue.
    """

    answer_seconds: float = 1.0
    load_seconds: float = 5.0
    start_seconds: float = 10.0
    patience_seconds: float = 0.2
    respawn_seconds: float = 0.1
    respawn_seconds_max: float = 30.0
    batch_max: int = 16
    waiting_max: int = 1_024


class ChildFailed(Exception):
    """The child did not answer. `why` is one word for the counters."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why


class Blame(Protocol):
    """Told once for each failure that a rule set may have caused; `is_final`: it would fail again."""

    def __call__(self, key: str, why: str, *, is_final: bool) -> None: ...


@dataclass(eq=False, slots=True)
class Job:
    """One snapshot to match."""

    ruleset: RuleSet
    snapshot: msgspec.Raw
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def fail(self, why: str, detail: str = "") -> None:
        if not self.answer.done():
            self.answer.set_exception(ChildFailed(why, detail))

    def succeed(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Pipe(asyncio.SubprocessProtocol):
    """Cuts what the child writes into replies."""

    def __init__(self, on_reply: Callable[["Pipe", bytes], None], on_exit: Callable[["Pipe"], None]) -> None:
        self._on_reply = on_reply
        self._on_exit = on_exit
        self._read = bytearray()
        self._transport: asyncio.SubprocessTransport | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self.keys: set[str] = set()
        self.has_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd != STDOUT:
            return
        self._read += data
        while len(self._read) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(self._read[:LENGTH_BYTES], "big")
            if end > FRAME_BYTES_MAX:
                self.kill()
                return
            if len(self._read) < end:
                return
            body = bytes(self._read[LENGTH_BYTES:end])
            del self._read[:end]
            self._on_reply(self, body)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        """The process has ended and its pipes are empty."""
        if self._transport is not None:
            self._transport.close()
        if not self.ended.done():
            self.ended.set_result(None)
        self._on_exit(self)

    @property
    def pid(self) -> int:
        return 0 if self._transport is None else self._transport.get_pid()

    @property
    def return_code(self) -> int | None:
        return None if self._transport is None else self._transport.get_returncode()

    def write(self, message: bytes) -> None:
        if self._transport is not None:
            cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN)).write(message)

    def dismiss(self) -> None:
        """Let the child finish: it ends when its stdin does."""
        if self._transport is not None:
            cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN)).close()

    def kill(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                self._transport.kill()


async def spawn(
    limits: Limits, on_reply: Callable[[Pipe, bytes], None], on_exit: Callable[[Pipe], None]
) -> Pipe:
    """Start a child with an empty environment and nothing inherited but its pipes and stderr.

    Raises:
        OSError: the system does not start processes now.
    """
    settings = msgspec.json.encode(msgspec.structs.replace(limits, parent_pid=os.getpid())).decode()
    _, pipe = await asyncio.get_running_loop().subprocess_exec(
        lambda: Pipe(on_reply, on_exit),
        *(sys.executable, "-E", "-s", "-m", CHILD, settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None,
        cwd=ROOT,
        env={},
        start_new_session=True,
    )
    return pipe


@dataclass(frozen=True, slots=True)
class Flight:
    """What the child works on: the jobs of one rule set, or none while that is being loaded."""

    key: str
    jobs: tuple[Job, ...]
    deadline: asyncio.TimerHandle
    patience: asyncio.TimerHandle


class Slot:
    """Supervises one child.

    Args:
        counters: shared with the pool.
        blame: told of every failure.
        clock: monotonic seconds.

    Attributes:
        kept: what the child held when it last loaded something.
    """

    def __init__(
        self,
        limits: SlotLimits,
        child_limits: Limits,
        *,
        counters: Counter[str],
        blame: Blame,
        clock: Callable[[], float],
    ) -> None:
        self._limits = limits
        self._child_limits = child_limits
        self._counters = counters
        self._blame = blame
        self._clock = clock
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._waiting_count = 0
        self._flight: Flight | None = None
        self._is_slow = False
        self._child: Pipe | None = None
        self._retired: set[Pipe] = set()
        self._spawning: asyncio.Task[None] | None = None
        self._deaths = 0
        self._away_until = 0.0
        self._is_advancing = False
        self._is_closed = False
        self.kept = EMPTY

    @property
    def pid(self) -> int:
        """The child's process id, 0 while there is none."""
        return 0 if self._child is None else self._child.pid

    async def ask(self, job: Job) -> Answer:
        """The child's answer.

        Raises:
            ChildFailed: there is none, for whatever reason.
        """
        if self._is_closed:
            raise RuntimeError("the engine is closed")
        if self._clock() < self._away_until:
            raise ChildFailed("away")
        if self._is_slow:
            raise ChildFailed("slow")
        if self._waiting_count >= self._limits.waiting_max:
            raise ChildFailed("busy")
        self._waiting.setdefault(job.ruleset.key, deque()).append(job)
        self._waiting_count += 1
        self._advance_soon()
        answer = await job.answer
        if answer.failure is not None:
            raise ChildFailed("refused", answer.failure)
        return answer

    def start(self) -> None:
        """Start the child unless it runs."""
        if self._child is None and self._spawning is None and not self._is_closed:
            self._spawning = asyncio.get_running_loop().create_task(self._spawn())

    async def ready(self) -> None:
        """Return when the child runs, or cannot be started."""
        self.start()
        if self._spawning is not None:
            await self._spawning

    async def close(self) -> None:
        """End the child, and tell everybody who waits."""
        self._is_closed = True
        if self._spawning is not None:
            await self._spawning
        self._abandon("closed")
        child, self._child = self._child, None
        for ending in (*self._retired, *([child] if child is not None else ())):
            ending.dismiss()
            await end(ending, grace_seconds=1.0)

    async def _spawn(self) -> None:
        try:
            self._child = await spawn(self._child_limits, self._replied, self._ended)
        except OSError:
            log.exception("rules child cannot be started")
            self._die("unstartable")
            return
        finally:
            self._spawning = None
        self._counters["spawned"] += 1
        self.kept = EMPTY
        self._advance()

    def _advance_soon(self) -> None:
        """Let the callers of this moment come together in one frame."""
        if self._flight is None and not self._is_advancing:
            self._is_advancing = True
            asyncio.get_running_loop().call_soon(self._advance)

    def _advance(self) -> None:
        """Send the next frame if the child is idle."""
        self._is_advancing = False
        if self._flight is not None or not self._waiting:
            return
        if self._child is None:
            self.start()
            return
        key, jobs = next(iter(self._waiting.items()))
        if key in self._child.keys:
            self._send_snapshots(self._child, key, jobs)
        else:
            self._send_rules(self._child, key, jobs[0].ruleset)

    def _send_snapshots(self, child: Pipe, key: str, jobs: deque[Job]) -> None:
        batch = tuple(jobs.popleft() for _ in range(min(len(jobs), self._limits.batch_max)))
        self._waiting_count -= len(batch)
        if jobs:
            self._waiting.move_to_end(key)
        else:
            del self._waiting[key]
        seconds = self._limits.answer_seconds + len(batch) * self._child_limits.budget_seconds
        self._send(child, Ask(key, [job.snapshot for job in batch]), batch, seconds=seconds)

    def _send_rules(self, child: Pipe, key: str, ruleset: RuleSet) -> None:
        self._send(
            child, Load(key, list(map(shape, ruleset.conditions))), (), seconds=self._limits.load_seconds
        )

    def _send(self, child: Pipe, request: Load | Ask, batch: tuple[Job, ...], *, seconds: float) -> None:
        if not child.has_answered:
            seconds += self._limits.start_seconds
        patience = self._limits.patience_seconds + (0 if child.has_answered else self._limits.start_seconds)
        loop = asyncio.get_running_loop()
        self._flight = Flight(
            request.key,
            batch,
            deadline=loop.call_later(seconds, self._timed_out, child),
            patience=loop.call_later(patience, self._send_away),
        )
        try:
            child.write(frame(request))
        except ValueError as error:
            self._land()
            self._refuse(request.key, batch, str(error))
            self._advance()

    def _land(self) -> Flight | None:
        flight, self._flight = self._flight, None
        self._is_slow = False
        if flight is not None:
            flight.deadline.cancel()
            flight.patience.cancel()
        return flight

    def _send_away(self) -> None:
        self._is_slow = True
        self._fail_waiting("slow")

    def _timed_out(self, child: Pipe) -> None:
        self._counters["timeout"] += 1
        child.kill()

    def _replied(self, child: Pipe, body: bytes) -> None:
        flight = self._land() if child is self._child else None
        if flight is None:
            child.kill()
            return
        try:
            reply: Reply = REPLIES.decode(body)
        except msgspec.DecodeError:
            self._flight = flight
            log.exception("rules child wrote nonsense")
            child.kill()
            return
        child.has_answered = True
        self._read(child, flight, reply)
        self._advance()

    def _read(self, child: Pipe, flight: Flight, reply: Reply) -> None:
        match reply:
            case Done(kept=kept):
                child.keys.add(flight.key)
                self._loaded(kept)
            case Unknown() if flight.key in child.keys:
                child.keys.discard(flight.key)
                self._put_back(flight)
            case Answered() if len(reply.answers) == len(flight.jobs):
                self._answered(child, flight, reply)
            case Failed(reason=reason):
                self._refuse(flight.key, flight.jobs, reason)
            case _:
                self._refuse(flight.key, flight.jobs, "the child answered something else")

    def _loaded(self, kept: Kept) -> None:
        self._counters["loaded"] += 1
        if kept.evicted > self.kept.evicted:
            self._counters["evicted"] += kept.evicted - self.kept.evicted
        self.kept = kept

    def _answered(self, child: Pipe, flight: Flight, reply: Answered) -> None:
        self._deaths = 0
        for job, answer in zip(flight.jobs, reply.answers, strict=True):
            job.succeed(answer)
        failures = [answer.failure for answer in reply.answers if answer.failure is not None]
        if failures:
            self._blame(flight.key, failures[0], is_final=False)
        if reply.is_worn:
            self._retire(child)

    def _retire(self, child: Pipe) -> None:
        self._counters["retired"] += 1
        self._child = None
        self._retired.add(child)
        child.dismiss()
        asyncio.get_running_loop().call_later(self._limits.answer_seconds, child.kill)

    def _put_back(self, flight: Flight) -> None:
        """The child has forgotten the rule set: load it again and ask again."""
        self._waiting.setdefault(flight.key, deque()).extendleft(reversed(flight.jobs))
        self._waiting_count += len(flight.jobs)

    def _refuse(self, key: str, batch: tuple[Job, ...], reason: str) -> None:
        """The rule set cannot be served at all."""
        self._blame(key, reason, is_final=True)
        waiting = self._waiting.pop(key, deque[Job]())
        self._waiting_count -= len(waiting)
        for job in (*batch, *waiting):
            job.fail("refused", reason)

    def _ended(self, child: Pipe) -> None:
        self._retired.discard(child)
        if child is not self._child:
            return
        self._counters["died"] += 1
        log.warning("rules child died", pid=child.pid, return_code=child.return_code)
        flight = self._flight
        if flight is not None:
            self._blame(flight.key, f"the child ended with {child.return_code}", is_final=False)
        self._die("died")

    def _die(self, why: str) -> None:
        self._child = None
        self._abandon(why)
        self._deaths += 1
        delay = 0.0
        if self._deaths > 1:
            doubled = self._limits.respawn_seconds * 2 ** min(self._deaths - 2, 16)
            delay = min(self._limits.respawn_seconds_max, doubled)
        self._away_until = self._clock() + delay
        asyncio.get_running_loop().call_later(delay, self.start)

    def _abandon(self, why: str) -> None:
        flight = self._land()
        for job in flight.jobs if flight is not None else ():
            job.fail(why)
        self._fail_waiting(why)

    def _fail_waiting(self, why: str) -> None:
        waiting, self._waiting, self._waiting_count = self._waiting, OrderedDict(), 0
        for jobs in waiting.values():
            for job in jobs:
                job.fail(why)


async def end(child: Pipe, *, grace_seconds: float) -> None:
    """Wait until the process has ended, and make it end when it takes too long."""
    killer = asyncio.get_running_loop().call_later(grace_seconds, child.kill)
    await child.ended
    killer.cancel()
